// The office's answers on the control socket (docs/control.md): ticket-create, tickets, ticket,
// ticket-revoke, enrolled, box, box-approve, box-rename, box-rotate,
// box-revoke, journal, journal-check.
#include <boost/asio/post.hpp>
#include <utility>

#include "common/control_request.hpp"
#include "common/text.hpp"
#include "provisioning/check_words.hpp"
#include "provisioning/ticket.hpp"
#include "receiver/daemon/box_office.hpp"

namespace alarmwire::receiver {

namespace json = boost::json;
using provisioning::BoxRow;
using provisioning::TicketRow;

namespace {

std::string who_asks(const json::object& request) {
  std::string who = printable(control::text_of(request, "by"), who_bytes_max);
  return who.empty() ? "somebody" : who;
}

std::string hex(std::string_view bytes) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

std::int64_t ticket_number(const json::object& request) {
  return static_cast<std::int64_t>(control::number_of(request, "ticket", 0));
}

Result<std::vector<tunnel::EndpointName>> endpoints_for(const json::object& request,
                                                        const ProvisioningConfig& config) {
  const json::value* const list = request.if_contains("endpoints");
  if (list == nullptr || !list->is_array() || list->get_array().empty()) {
    if (!config.endpoints.empty()) return config.endpoints;
    return Failure(Errc::invalid_argument,
                   "where do boxes find this centre? Set provisioning.endpoints in "
                   "receiver.toml, or say --endpoint HOST:PORT");
  }
  std::vector<tunnel::EndpointName> endpoints;
  for (const json::value& item : list->get_array()) {
    const auto* const text = item.if_string();
    const auto endpoint =
        text ? tunnel::EndpointName::parse({text->data(), text->size()}) : std::nullopt;
    if (!endpoint) return Failure(Errc::invalid_argument, "an endpoint is of the form host:port");
    endpoints.push_back(*endpoint);
  }
  return endpoints;
}

}  // namespace

void BoxOffice::handle(control::Server& server, std::string_view command, bool changes, Work work) {
  server.handle(command, [this, changes, work = std::move(work)](const json::object& request,
                                                                 const Reply& reply) {
    if (stopped_) return reply->error("the centre stops");
    boost::asio::post(book_, [this, changes, work, request, reply] {
      const Json answer = work(request, who_asks(request));
      if (!answer) return reply->error(answer.error().diagnostics);
      if (!changes) return reply->result(*answer);
      // The change is written down in any case; here it takes effect.
      publish([reply, value = *answer](const Status& done) {
        if (done)
          reply->result(value);
        else
          reply->error("it is written down, but alarmwire-tunnel says: " +
                       done.error().diagnostics);
      });
    });
  });
}

void BoxOffice::install(control::Server& server) {
  server.handle("ticket-create", [this](const json::object& request, const Reply& reply) {
    create_ticket(request, reply);
  });
  handle(server, "tickets", false,
         [this](const Request&, const std::string&) { return list_tickets(); });
  handle(server, "ticket", false,
         [this](const Request& request, const std::string&) { return show_ticket(request); });
  handle(server, "ticket-revoke", true,
         [this](const Request& request, const std::string& who) -> Json {
           const Result<TicketRow> ticket =
               registry_->revoke_ticket(ticket_number(request), who, wall_now_us());
           if (!ticket) return ticket.error();
           return json::value(describe(*ticket));
         });
  handle(server, "enrolled", false,
         [this](const Request&, const std::string&) { return list_boxes(); });
  handle(server, "box", false,
         [this](const Request& request, const std::string&) { return show_box(request); });
  const auto box_command = [this, &server](std::string_view command, auto change) {
    handle(server, command, true,
           [this, change](const Request& request, const std::string& who) -> Json {
             const Result<BoxRow> box = change(control::text_of(request, "box"), request, who);
             if (!box) return box.error();
             return json::value(describe(*box));
           });
  };
  box_command("box-approve", [this](const BoxId& id, const Request&, const std::string& who) {
    return registry_->approve_box(id, who, wall_now_us());
  });
  box_command("box-rotate", [this](const BoxId& id, const Request&, const std::string& who) {
    return registry_->order_rotation(id, who, wall_now_us());
  });
  box_command("box-revoke", [this](const BoxId& id, const Request&, const std::string& who) {
    return registry_->revoke_box(id, who, wall_now_us());
  });
  box_command(
      "box-rename", [this](const BoxId& id, const Request& request, const std::string& who) {
        return registry_->rename_box(id, control::text_of(request, "name"), who, wall_now_us());
      });
  handle(server, "journal", false,
         [this](const Request& request, const std::string&) { return journal(request); });
  handle(server, "journal-check", false,
         [this](const Request&, const std::string&) { return check_journal(); });
}

// The secret is made here and goes out in the answer, once; what is kept of it enrols nobody.
void BoxOffice::create_ticket(const json::object& request, const Reply& reply) {
  if (stopped_) return reply->error("the centre stops");
  if (!centre_) return reply->error("alarmwire-tunnel does not answer: it knows the centre's key");
  const BoxId site = control::text_of(request, "site");
  if (const std::string why = events_.why_not(site); !why.empty()) return reply->error(why);
  provisioning::Ticket ticket;
  ticket.centre = *centre_;
  ticket.prefix = prefix_;
  const auto endpoints = endpoints_for(request, config_);
  if (!endpoints) return reply->error(endpoints.error().diagnostics);
  ticket.endpoints = *endpoints;
  const Result<tunnel::TicketSecret> secret = tunnel::TicketSecret::random();
  if (!secret) return reply->error(secret.error().diagnostics);
  ticket.secret = *secret;
  const Result<std::string> text = provisioning::format_ticket(ticket);
  if (!text) return reply->error(text.error().diagnostics);
  const Result<tunnel::BootstrapKeys> keys = tunnel::derive_bootstrap(ticket.secret);
  if (!keys) return reply->error(keys.error().diagnostics);
  const std::string approve = control::text_of(request, "approve");
  const auto approval = approve.empty() ? config_.approval : provisioning::approval_from(approve);
  if (!approval) return reply->error("approve is \"auto\" or \"manual\"");
  const std::uint64_t seconds = control::number_of(
      request, "expires_s", static_cast<std::uint64_t>(config_.ticket_expires.count()));
  if (seconds == 0 ||
      seconds > static_cast<std::uint64_t>(std::chrono::seconds(ticket_expires_max).count()))
    return reply->error("a ticket lasts 1 second to 365 days");
  if (control::flag_of(request, "only_check"))  // before the first of many
    return reply->result(json::value{{"needs_dns", provisioning::needs_dns(ticket)}});
  provisioning::NewTicket fresh;
  fresh.bootstrap_key = keys->public_key;
  fresh.preshared_key = keys->preshared_key;
  fresh.site = site;
  fresh.name = control::text_of(request, "name");
  fresh.approval = *approval;
  fresh.replaces = control::flag_of(request, "replaces");
  const WallTimeUs now = wall_now_us();
  fresh.expires_us = now + static_cast<std::int64_t>(seconds) * 1'000'000;
  boost::asio::post(book_, [this, fresh, now, who = who_asks(request), reply, text = *text] {
    const Result<TicketRow> made = registry_->add_ticket(fresh, who, now);
    if (!made) return reply->error(made.error().diagnostics);
    json::object object = describe(*made);
    object["text"] = text;
    publish([reply, object](const Status& done) {
      if (done)
        reply->result(object);
      else
        reply->error("alarmwire-tunnel does not take the ticket: " + done.error().diagnostics);
    });
  });
}

BoxOffice::Json BoxOffice::list_tickets() {
  const auto tickets = registry_->tickets();
  if (!tickets) return tickets.error();
  json::array list;
  for (const TicketRow& ticket : *tickets) list.push_back(describe(ticket));
  return json::value{{"tickets", std::move(list)}};
}

BoxOffice::Json BoxOffice::show_ticket(const json::object& request) {
  const Result<TicketRow> ticket = registry_->ticket(ticket_number(request));
  if (!ticket) return ticket.error();
  return json::value(describe(*ticket));
}

BoxOffice::Json BoxOffice::list_boxes() {
  const auto boxes = registry_->boxes();
  if (!boxes) return boxes.error();
  json::array list;
  for (const BoxRow& box : *boxes) list.push_back(describe(box));
  return json::value{{"boxes", std::move(list)}};
}

BoxOffice::Json BoxOffice::show_box(const json::object& request) {
  const Result<BoxRow> box = registry_->box(control::text_of(request, "box"));
  if (!box) return box.error();
  return json::value(describe(*box));
}

BoxOffice::Json BoxOffice::journal(const json::object& request) {
  const auto lines = registry_->journal(
      static_cast<std::int64_t>(control::number_of(request, "after", 0)), journal_lines_max);
  if (!lines) return lines.error();
  json::array list;
  for (const provisioning::JournalLine& line : *lines)
    list.push_back(json::object{{"number", line.number},
                                {"time_us", line.at_us},
                                {"who", line.who},
                                {"what", line.what},
                                {"about", line.about},
                                {"before", line.before},
                                {"after", line.after},
                                {"chain", hex(line.chain)}});
  return json::value{{"journal", std::move(list)}};
}

BoxOffice::Json BoxOffice::check_journal() {
  const auto check = registry_->check_journal();
  if (!check) return check.error();
  return json::value{{"lines", check->lines},
                     {"unchained", check->unchained},
                     {"first_broken", check->first_broken},
                     {"head", hex(check->head)}};
}

json::object BoxOffice::describe(const TicketRow& ticket) const {
  return {{"ticket", ticket.number},
          {"site", ticket.site},
          {"name", ticket.name},
          {"state", provisioning::to_string(ticket.state(wall_now_us()))},
          {"approve", provisioning::to_string(ticket.approval)},
          {"created_us", ticket.created_us},
          {"created_by", ticket.created_by},
          {"expires_us", ticket.expires_us},
          {"used_us", ticket.used_us},
          {"used_by", ticket.used_by ? ticket.used_by->to_string() : ""},
          {"revoked_us", ticket.revoked_us},
          {"refusals", ticket.refusals}};
}

json::object BoxOffice::describe(const BoxRow& box) const {
  json::object object{{"id", box.id},
                      {"name", box.name},
                      {"state", provisioning::to_string(box.state)},
                      {"public_key", box.public_key.to_string()},
                      {"tunnel_address", prefix_.address_of(box.public_key).to_string()},
                      {"ticket", box.ticket},
                      {"enrolled_us", box.enrolled_us},
                      {"approved_us", box.approved_us},
                      {"approved_by", box.approved_by},
                      {"revoked_us", box.revoked_us}};
  if (box.successor && box.successor->ticket == 0)
    object["key_change"] = box.successor->let_in ? "new key let in" : "ordered";
  if (box.successor && box.successor->ticket != 0) {
    json::object replacement{{"ticket", box.successor->ticket},
                             {"state", box.successor->let_in ? "approved" : "pending"},
                             {"public_key", box.successor->public_key->to_string()}};
    if (book_centre_)
      replacement["words"] = provisioning::check_words(box.successor->bootstrap_key, *book_centre_,
                                                       *box.successor->public_key);
    object["replacement"] = std::move(replacement);
  }
  if (book_centre_)
    object["words"] = provisioning::check_words(box.bootstrap_key, *book_centre_, box.public_key);
  return object;
}

}  // namespace alarmwire::receiver
