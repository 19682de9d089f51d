#include "edge/daemon/enroller.hpp"

#include <boost/asio/post.hpp>
#include <boost/json.hpp>
#include <random>
#include <utility>

#include "common/base64.hpp"
#include "common/control_request.hpp"
#include "common/files.hpp"
#include "edge/daemon/messages.hpp"

namespace alarmwire::edge {

namespace json = boost::json;
namespace provision = provisioning;
using provision::Outcome;
using provision::Reason;
using provision::TunnelSays;

namespace {

constexpr std::size_t watchers_max = 16;

Result<TunnelSays> tunnel_says(const json::object& enrolment) {
  TunnelSays says;
  says.enrolled = control::text_of(enrolment, "state") == "enrolled";
  says.centre_address = control::text_of(enrolment, "centre_address");
  const auto ticket = tunnel::PublicKey::parse(control::text_of(enrolment, "ticket_key"));
  const auto box = tunnel::PublicKey::parse(control::text_of(enrolment, "box_key"));
  const auto centre = tunnel::PublicKey::parse(control::text_of(enrolment, "centre"));
  if (!ticket || !box || !centre) return Failure(Errc::not_found, "there is no enrolment");
  says.ticket_key = *ticket;
  says.box_key = *box;
  says.centre = *centre;
  return says;
}

const json::object* enrolment_of(const std::optional<json::object>& status) {
  const json::value* const enrolment = status ? status->if_contains("enrolment") : nullptr;
  return enrolment != nullptr ? enrolment->if_object() : nullptr;
}

Result<TunnelSays> tunnel_says(const Result<json::object>& answer) {
  if (!answer) return answer.error();
  return tunnel_says(*answer);
}

Reason reason_of(link::v1::EnrolAnswer::Reason reason) {
  switch (reason) {
    case link::v1::EnrolAnswer::USED:
      return Reason::used;
    case link::v1::EnrolAnswer::EXPIRED:
      return Reason::expired;
    case link::v1::EnrolAnswer::REVOKED:
      return Reason::revoked;
    case link::v1::EnrolAnswer::KEY_TAKEN:
      return Reason::key_taken;
    default:
      return Reason::unknown;
  }
}

Result<provision::CentreSays> centre_says(const Result<link::v1::EnrolAnswer>& answer) {
  if (!answer) return answer.error();
  provision::CentreSays says;
  says.box = answer->box_id();
  says.box_name = answer->box_name();
  says.retry_after = std::chrono::milliseconds(std::min(answer->retry_after_ms(), 60'000U));
  switch (answer->state()) {
    case link::v1::EnrolAnswer::ENROLLED:
      says.verdict = {Outcome::enrolled, Reason::none};
      break;
    case link::v1::EnrolAnswer::WAITING:
      says.verdict = {Outcome::waiting, Reason::none};
      break;
    case link::v1::EnrolAnswer::REFUSED:
      says.verdict = {Outcome::refused, reason_of(answer->reason())};
      break;
    default:
      return Failure(Errc::unsupported, "the centre's answer is of a newer version");
  }
  if (says.verdict.outcome != Outcome::refused && !is_valid_box_id(says.box))
    return Failure(Errc::invalid_argument, "the centre named no box");
  return says;
}

constexpr const char* name_file = "/box.json";

BoxName read_name(const std::string& state_directory) {
  const Result<std::string> text = read_file(state_directory + name_file);
  boost::system::error_code error;
  const json::value box = text ? json::parse(*text, error) : json::value();
  if (error || !box.is_object()) return {};
  return {control::text_of(box.get_object(), "id"), control::text_of(box.get_object(), "name")};
}

double random_fraction() {
  static std::mt19937 generator{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(generator);
}

}  // namespace

Enroller::Enroller(boost::asio::io_context& context, std::shared_ptr<tunnel::TunnelClient> tunnel,
                   Config config, OnJoined on_joined)
    : context_(context),
      tunnel_(std::move(tunnel)),
      config_(std::move(config)),
      on_joined_(std::move(on_joined)),
      enrolment_(random_fraction),
      timer_(context),
      name_(read_name(config_.state_directory)),
      alive_(std::make_shared<bool>(true)) {}

Enroller::~Enroller() {
  stop();
}

void Enroller::stop() {
  stopped_ = true;
  *alive_ = false;
  timer_.cancel();
  client_.reset();
  watchers_.clear();
}

void Enroller::install(control::Server& server) {
  server.handle("enrol",
                [this](const json::object& request, const Reply& reply) { watch(request, reply); });
  server.handle("enrolment",
                [this](const json::object&, const Reply& reply) { reply->result(describe()); });
}

// Answers with a stream of states, the last of which is `done` or `refused`.
void Enroller::watch(const json::object& request, const Reply& reply) {
  if (watchers_.size() >= watchers_max) return reply->error("too many watch already");
  watchers_.push_back(reply);
  const Status begun =
      begin(control::text_of(request, "ticket"), control::flag_of(request, "anew"));
  if (begun) return;
  std::erase(watchers_, reply);
  reply->error(begun.error().diagnostics);
}

Status Enroller::begin(const std::string& text, bool anew) {
  const Result<provision::Ticket> ticket = provision::parse_ticket(text);
  if (!ticket) return ticket.error();
  return begin(*ticket, anew);
}

Status Enroller::begin(const provision::Ticket& ticket, bool anew) {
  if (stopped_) return Failure(Errc::closed, "the box stops");
  told_ = {};
  ++begun_;
  step([&](provision::BoxEnrolment& enrolment) { enrolment.begin(ticket, anew); });
  return {};
}

// The tunnel's word is up to a second old; our own is not.
std::optional<bool> Enroller::is_enrolled() const {
  const provision::Step at = view().step;
  if (at == provision::Step::tunnel || at == provision::Step::alarm || at == provision::Step::done)
    return true;
  const json::object* const enrolment = enrolment_of(tunnel_->status());
  if (enrolment == nullptr) return {};
  return control::text_of(*enrolment, "state") == "enrolled";
}

std::optional<tunnel::PublicKey> Enroller::ticket_key() const {
  const json::object* const enrolment = enrolment_of(tunnel_->status());
  if (enrolment == nullptr) return {};
  const auto key = tunnel::PublicKey::parse(control::text_of(*enrolment, "ticket_key"));
  return key ? std::optional(*key) : std::nullopt;
}

void Enroller::tunnel_seen(const json::object& status) {
  const json::value* const enrolment = status.if_contains("enrolment");
  if (stopped_ || enrolment == nullptr || !enrolment->is_object()) return;
  std::string endpoint;
  bool handshake = false;
  const json::value* const peers = status.if_contains("peers");
  if (peers != nullptr && peers->is_array() && !peers->get_array().empty() &&
      peers->get_array().front().is_object()) {
    const json::object& centre = peers->get_array().front().get_object();
    endpoint = control::text_of(centre, "endpoint");
    const json::value* const age = centre.if_contains("handshake_age_ms");
    handshake = age != nullptr && age->is_number();
  }
  const Result<TunnelSays> says = tunnel_says(enrolment->get_object());
  step([&](provision::BoxEnrolment& state) {
    if (says && state.view().step == provision::Step::none) state.resume(*says, steady_now());
    state.tunnel_seen(endpoint, handshake);
  });
  if (says && says->enrolled) joined(*says);
}

void Enroller::joined(const TunnelSays& tunnel) {
  if (!tunnel.centre_address.empty()) on_joined_(tunnel.centre_address);
}

void Enroller::link_changed(bool up) {
  step([up](provision::BoxEnrolment& enrolment) { enrolment.link_changed(up); });
}

void Enroller::step(const std::function<void(provision::BoxEnrolment&)>& event) {
  if (stopped_) return;
  event(enrolment_);
  for (const provision::EnrolAction& action : enrolment_.take_actions())
    std::visit([this](const auto& one) { perform(one); }, action);
  tell_watchers();
  arm();
}

void Enroller::perform(const provision::enrol_action::BeginTunnel& action) {
  ++call_;  // what an older ticket is answered means nothing any more
  json::array endpoints;
  for (const tunnel::EndpointName& endpoint : action.ticket.endpoints)
    endpoints.push_back(json::string(endpoint.to_string()));
  const auto& secret = action.ticket.secret.bytes;
  json::object request{
      {"command", "enrol-begin"},
      {"secret", to_base64({reinterpret_cast<const char*>(secret.data()), secret.size()})},
      {"centre", action.ticket.centre.to_string()},
      {"prefix", action.ticket.prefix.to_string()},
      {"anew", action.anew}};
  request["endpoints"] = std::move(endpoints);
  log::write(EDGE_ENROLMENT_BEGUN, {{"centre", action.ticket.endpoints.front().to_string()}});
  tunnel_->ask(std::move(request), [this](const Result<json::object>& answer) {
    step([&](provision::BoxEnrolment& enrolment) {
      enrolment.tunnel_begun(tunnel_says(answer), steady_now());
    });
    if (const auto says = tunnel_says(answer); says && says->enrolled) joined(*says);
  });
}

void Enroller::perform(const provision::enrol_action::Call& action) {
  if (client_ == nullptr || centre_address_ != action.tunnel.centre_address) {
    centre_address_ = action.tunnel.centre_address;
    client_ = link::EnrolClient::make(centre_address_, config_.enrolment_port);
  }
  link::v1::EnrolRequest request;
  request.set_major(link::enrolment_major);
  const tunnel::KeyBytes& key = action.tunnel.box_key.bytes;
  request.set_public_key(std::string(key.begin(), key.end()));
  request.set_software(config_.software);
  request.set_box_time_us(wall_now_us());
  const std::uint64_t number = ++call_;
  client_->enrol(request, [this, number, alive = alive_, executor = context_.get_executor()](
                              const Result<link::v1::EnrolAnswer>& answer) {
    boost::asio::post(executor, [this, number, alive, says = centre_says(answer)] {
      if (!*alive || number != call_) return;
      // Another box with this ticket may hold the session: a new handshake takes it back.
      if (!says) tunnel_->ask({{"command", "kick"}, {"peer", centre_box_id}}, [](const auto&) {});
      step([&](provision::BoxEnrolment& enrolment) {
        enrolment.centre_answered(says, steady_now());
      });
    });
  });
}

void Enroller::perform(const provision::enrol_action::Keep& action) {
  const json::object box{{"schema", 1}, {"id", action.box}, {"name", action.box_name}};
  const Status kept =
      write_file_atomically(config_.state_directory + name_file, json::serialize(box) + "\n", 0644);
  if (kept) name_ = {action.box, action.box_name};
  boost::asio::post(context_, [this, alive = alive_, kept] {
    if (!*alive) return;
    step([&](provision::BoxEnrolment& enrolment) { enrolment.kept(kept, steady_now()); });
  });
}

void Enroller::perform(const provision::enrol_action::Commit&) {
  tunnel_->ask({{"command", "enrol-commit"}}, [this](const Result<json::object>& answer) {
    step([&](provision::BoxEnrolment& enrolment) {
      enrolment.committed(tunnel_says(answer), steady_now());
    });
    const Result<TunnelSays> says = tunnel_says(answer);
    if (!says) return;
    log::write(EDGE_ENROLLED, {{"box", enrolment_.view().box}});
    joined(*says);
  });
}

void Enroller::perform(const provision::enrol_action::Abandon&) {
  log::write(EDGE_ENROLMENT_REFUSED, {{"reason", enrolment_.view().text}});
  tunnel_->ask({{"command", "enrol-abandon"}}, [this](const Result<json::object>& answer) {
    const Status done = answer ? Status() : Status(answer.error());
    step([&](provision::BoxEnrolment& enrolment) { enrolment.abandoned(done); });
  });
}

void Enroller::perform(const provision::enrol_action::SendTest&) {
  config_.send_test([this, alive = alive_](const provision::TestSays& says) {
    if (!*alive) return;
    step([&](provision::BoxEnrolment& enrolment) { enrolment.test_answered(says, steady_now()); });
  });
}

void Enroller::tell_watchers() {
  if (enrolment_.view() == told_) return;
  told_ = enrolment_.view();
  const bool is_over = !enrolment_.is_under_way();
  std::erase_if(watchers_, [](const Reply& watcher) { return watcher->is_gone(); });
  for (const Reply& watcher : watchers_) {
    watcher->item(describe());
    if (is_over) watcher->result(describe());
  }
  if (is_over) watchers_.clear();
}

void Enroller::arm() {
  timer_.cancel();
  const std::optional<SteadyTime> due = enrolment_.next_deadline();
  if (!due) return;
  timer_.expires_at(*due);
  timer_.async_wait([this, alive = alive_](const boost::system::error_code& error) {
    if (error || !*alive) return;
    step([](provision::BoxEnrolment& enrolment) { enrolment.tick(steady_now()); });
  });
}

json::object Enroller::describe() const {
  const provision::EnrolmentView& view = enrolment_.view();
  return {{"step", provision::to_string(view.step)},
          {"text", view.text},
          {"advice", view.advice},
          {"words", view.words},
          {"box", view.box},
          {"name", view.box_name}};
}

}  // namespace alarmwire::edge
