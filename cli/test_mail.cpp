#include "cli/test_mail.hpp"

#include <array>
#include <boost/json/array.hpp>
#include <ctime>

#include "cli/json_view.hpp"
#include "cli/mail_client.hpp"
#include "common/base64.hpp"
#include "common/files.hpp"
#include "common/ids.hpp"
#include "common/text.hpp"

namespace alarmwire::cli {
namespace {

struct Plan {
  std::string listener;
  std::string server;
  std::uint16_t port = 0;
  std::string security;
  std::string sender;
  std::string recipient;
  std::string name;    // the certificate must be for it
  std::string ca_pem;  // "": it is not checked
  std::string user;
  std::string password;
};

Failure no(const std::string& why) {
  return {Errc::invalid_argument, why};
}

// The first of the box's ways in that fits; without a wish the one without TLS comes first, as most
// devices use it.
Status choose_way(const JsonView& settings, const TestMail& wanted, Plan& plan) {
  for (const std::string wish : {"none", "starttls", "ssl"}) {
    if (!wanted.security.empty() && wanted.security != wish) continue;
    for (const JsonView& choice : settings.at("choices").items()) {
      const bool fits = choice.text("security") == wish &&
                        (wanted.listener.empty() || choice.text("listener") == wanted.listener);
      if (!fits) continue;
      plan.listener = choice.text("listener");
      plan.security = wish;
      plan.port = static_cast<std::uint16_t>(choice.whole("port"));
      plan.server = wanted.server.empty() ? loopback_for(choice.text("address")) : wanted.server;
      return {};
    }
  }
  return no("the box has no listener like that; alarmwire status shows what there is");
}

// Not JsonView::text(): that is for a terminal, and would show line ends as \n.
std::string raw_text(const boost::json::value& value, const char* key) {
  const auto* const object = value.if_object();
  const auto* const found = object != nullptr ? object->if_contains(key) : nullptr;
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : "";
}

Result<Plan> plan_of(const Context& context, const TestMail& wanted) {
  const std::string device = wanted.device.empty() ? "test" : wanted.device;
  const auto settings = ask(context, {{"command", "device-settings"}, {"device", device}});
  if (settings.has_error()) return settings.error();
  const JsonView view(*settings);
  if (!wanted.device.empty() && !view.flag("configured"))
    return no("no device of the configuration is called " + wanted.device);
  Plan plan;
  if (const Status chosen = choose_way(view, wanted, plan); chosen.has_error())
    return chosen.error();
  plan.sender = view.text("sender");
  plan.recipient = wanted.recipient.empty() ? view.text("recipient") : wanted.recipient;
  const std::vector<JsonView> servers = view.at("servers").items();
  plan.name = servers.empty() ? plan.server : servers.back().text();
  if (plan.security != "none") {
    const auto certificate = ask(context, {{"command", "certificate"}});
    if (certificate.has_error()) return certificate.error();
    plan.ca_pem = raw_text(*certificate, "ca_pem");
  }
  if (wanted.user.empty()) return plan;
  const Result<std::string> password = read_file(wanted.password_file, 4096);
  if (password.has_error()) return no(password.error().diagnostics);
  plan.user = wanted.user;
  plan.password = password->substr(0, password->find_first_of("\r\n"));
  return plan;
}

std::string mail_text(const Plan& plan) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 64> date{};
  std::strftime(date.data(), date.size(), "%a, %d %b %Y %H:%M:%S +0000", &parts);
  const std::string id = AlarmId::make(wall_now_us()).to_string();
  return "From: <" + plan.sender + ">\r\nTo: <" + plan.recipient + ">\r\nDate: " + date.data() +
         "\r\nMessage-ID: <" + id +
         "@alarmwire.internal>\r\nSubject: Alarmwire test\r\nX-Alarmwire-Test: yes\r\n"
         "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
         "A test of the box's door, by alarmwire test-mail. No alarm.\r\n.";
}

Result<std::string> expect(Result<std::string> reply, char first) {
  if (reply.has_error() || reply->starts_with(first)) return reply;
  return no(*reply);
}

// The door's last reply, or the first that was no yes.
Result<std::string> deliver(MailClient& client, const Plan& plan) {
  if (const Status connected = client.connect(plan.server, plan.port); connected.has_error())
    return connected.error();
  const auto secure = [&] { return client.start_tls(plan.ca_pem, plan.name); };
  if (plan.security == "ssl")
    if (const Status done = secure(); done.has_error()) return done.error();
  Result<std::string> reply = expect(client.reply(), '2');
  const auto step = [&](const std::string& line, char first, const std::string& shown = {}) {
    if (reply.has_value()) reply = expect(client.say(line, shown), first);
  };
  step("EHLO alarmwire-test.internal", '2');
  if (plan.security == "starttls") {
    step("STARTTLS", '2');
    if (reply.has_value())
      if (const Status done = secure(); done.has_error()) return done.error();
    step("EHLO alarmwire-test.internal", '2');
  }
  if (!plan.user.empty()) {
    const std::string zero(1, '\0');
    step("AUTH PLAIN " + to_base64(zero + plan.user + zero + plan.password), '2',
         "AUTH PLAIN (hidden)");
  }
  step("MAIL FROM:<" + plan.sender + ">", '2');
  step("RCPT TO:<" + plan.recipient + ">", '2');
  step("DATA", '3');
  step(mail_text(plan), '2', "(the mail)");
  if (reply.has_value()) (void)client.say("QUIT");
  return reply;
}

// "250 2.0.0 stored at centre, id …"
std::string stage_of(const std::string& reply) {
  if (reply.find(" stored at centre") != std::string::npos) return "stored";
  if (reply.find(" spooled at box") != std::string::npos) return "spooled";
  return reply.starts_with('2') ? "accepted" : "refused";
}

std::string id_of(const std::string& reply) {
  const std::size_t at = reply.rfind(" id ");
  return at == std::string::npos ? "" : reply.substr(at + 4);
}

void print(const Context& context, const Plan& plan, const MailClient& client,
           const Result<std::string>& reply) {
  const std::string said = reply.has_value() ? *reply : reply.error().diagnostics;
  const std::string stage = reply.has_value() ? stage_of(said) : "refused";
  boost::json::array dialogue;
  for (const SaidLine& line : client.said())
    dialogue.push_back({{"who", line.by_box ? "box" : "device"}, {"text", scrub_utf8(line.text)}});
  if (context.json) {
    context.print_json("test-mail/1", boost::json::object{{"listener", plan.listener},
                                                          {"server", plan.server},
                                                          {"port", plan.port},
                                                          {"security", plan.security},
                                                          {"tls", client.tls_version()},
                                                          {"certificate", client.trust()},
                                                          {"sender", plan.sender},
                                                          {"recipient", plan.recipient},
                                                          {"accepted", reply.has_value()},
                                                          {"reply", scrub_utf8(said)},
                                                          {"stage", stage},
                                                          {"id", id_of(said)},
                                                          {"dialogue", std::move(dialogue)}});
    return;
  }
  context.out << "To " << plan.server << " port " << plan.port << " (" << plan.listener << "), "
              << (plan.security == "none" ? "in clear text" : plan.security) << "\n";
  for (const SaidLine& line : client.said())
    context.out << "    " << (line.by_box ? "> " : "< ") << printable(line.text, 200) << "\n";
  if (reply.has_value()) {
    context.out << "The test mail was taken; stage: " << stage << ". alarmwire alarm trace "
                << id_of(said) << " shows its way.\n";
  }
}

}  // namespace

int send_test_mail(const Context& context, const TestMail& wanted) {
  const Result<Plan> plan = plan_of(context, wanted);
  if (plan.has_error()) return context.fail(plan.error());
  MailClient client;
  const Result<std::string> reply = deliver(client, *plan);
  print(context, *plan, client, reply);
  if (reply.has_value()) return daemon::exit_ok;
  const bool turned_away = reply.error().is(Errc::closed) && client.said().empty();
  return context.fail(
      daemon::exit_failed, "the test mail was not taken: " + reply.error().diagnostics,
      turned_away ? "Is " + plan->server + " in the listener's allowed networks?" : "");
}

}  // namespace alarmwire::cli
