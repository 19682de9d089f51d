#include "receiver/daemon/box_office.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "common/control_request.hpp"
#include "common/text.hpp"
#include "receiver/daemon/messages.hpp"

namespace alarmwire::receiver {

namespace json = boost::json;
using provisioning::Enrolled;
using provisioning::Outcome;
using provisioning::Reason;

namespace {

link::v1::EnrolAnswer::Reason wire_reason(Reason reason) {
  switch (reason) {
    case Reason::none:
      return link::v1::EnrolAnswer::NONE;
    case Reason::unknown:
      return link::v1::EnrolAnswer::UNKNOWN_TICKET;
    case Reason::used:
      return link::v1::EnrolAnswer::USED;
    case Reason::expired:
      return link::v1::EnrolAnswer::EXPIRED;
    case Reason::revoked:
      return link::v1::EnrolAnswer::REVOKED;
    case Reason::key_taken:
      return link::v1::EnrolAnswer::KEY_TAKEN;
  }
  return link::v1::EnrolAnswer::NONE;
}

link::v1::EnrolAnswer to_wire(const Enrolled& enrolled) {
  link::v1::EnrolAnswer answer;
  const Outcome outcome = enrolled.verdict.outcome;
  answer.set_state(outcome == Outcome::enrolled  ? link::v1::EnrolAnswer::ENROLLED
                   : outcome == Outcome::waiting ? link::v1::EnrolAnswer::WAITING
                                                 : link::v1::EnrolAnswer::REFUSED);
  answer.set_reason(wire_reason(enrolled.verdict.reason));
  if (enrolled.box) {
    answer.set_box_id(enrolled.box->id);
    answer.set_box_name(enrolled.box->name);
  }
  answer.set_retry_after_ms(static_cast<std::uint32_t>(ask_again_after.count()));
  answer.set_centre_time_us(wall_now_us());
  return answer;
}

std::optional<tunnel::PublicKey> key_in(const link::v1::EnrolRequest& request) {
  tunnel::PublicKey key;
  const std::string& bytes = request.public_key();
  if (request.major() != link::enrolment_major || bytes.size() != key.bytes.size()) return {};
  std::copy(bytes.begin(), bytes.end(), key.bytes.begin());
  if (key == tunnel::PublicKey{}) return {};
  return key;
}

// As the link checked them: of the right size, or nothing.
tunnel::KeyBytes key_bytes_in(const std::string& bytes) {
  tunnel::KeyBytes key{};
  if (bytes.size() == key.size()) std::copy(bytes.begin(), bytes.end(), key.begin());
  return key;
}

json::object to_json(const provisioning::Peer& peer) {
  json::object object{{"name", peer.name},
                      {"public_key", peer.public_key.to_string()},
                      {"preshared_key", peer.preshared_key.to_base64_secret()}};
  if (peer.bootstrap) object["bootstrap"] = true;
  return object;
}

}  // namespace

BoxOffice::BoxOffice(boost::asio::io_context& context, std::string path, tunnel::Prefix prefix,
                     BoxOfficeEvents events)
    : context_(context), path_(std::move(path)), prefix_(prefix), events_(std::move(events)) {}

BoxOffice::~BoxOffice() {
  stop();
}

Status BoxOffice::open() {
  Result<provisioning::Registry> registry = provisioning::Registry::open(path_);
  if (!registry) return registry.error();
  registry_.emplace(std::move(*registry));
  publish({});  // nobody else has the book yet
  return {};
}

Status BoxOffice::listen(int listen_fd) {
  server_.reset();
  Result<std::unique_ptr<link::EnrolServer>> started = link::EnrolServer::start(
      listen_fd, [this](const std::string& peer, const link::v1::EnrolRequest& request,
                        link::EnrolServer::Answer answer) {
        boost::asio::post(context_, [this, peer, request, answer = std::move(answer)] {
          if (stopped_ || !centre_) return answer(Failure(Errc::busy, "the centre is not ready"));
          boost::asio::post(book_, [this, peer, request, centre = *centre_, answer] {
            enrol(peer, request, centre, answer);
          });
        });
      });
  if (!started) return started.error();
  server_ = std::move(*started);
  return {};
}

void BoxOffice::know_centre(const tunnel::PublicKey& key) {
  if (stopped_ || centre_ == key) return;
  centre_ = key;
  boost::asio::post(book_, [this, key] { book_centre_ = key; });
}

void BoxOffice::stop() {
  stopped_ = true;
  book_.join();
  server_.reset();
}

void BoxOffice::hourly() {
  if (!stopped_) boost::asio::post(book_, [this] { publish({}); });
}

// --- on the book's thread ---

void BoxOffice::enrol(const std::string& peer_address, const link::v1::EnrolRequest& request,
                      const tunnel::PublicKey& centre, const link::EnrolServer::Answer& answer) {
  const std::optional<tunnel::PublicKey> key = key_in(request);
  if (!key) return answer(Failure(Errc::invalid_argument, "no request this centre understands"));
  const auto found = bootstrap_.find(peer_address);
  const tunnel::PublicKey ticket = found != bootstrap_.end() ? found->second : tunnel::PublicKey();
  const Result<Enrolled> enrolled = registry_->enrol(ticket, *key, centre, wall_now_us());
  if (!enrolled) {
    log::write(RECEIVER_ENROLMENT_FAILED, {{"reason", enrolled.error().diagnostics}});
    return answer(Failure(Errc::busy, "the centre cannot write it down now"));
  }
  if (enrolled->verdict.outcome == Outcome::refused) refused(*enrolled, *key);
  if (enrolled->changed)
    log::write(RECEIVER_BOX_ENROLLED,
               {{"box", enrolled->box->id},
                {"ticket", enrolled->ticket},
                {"software", printable(request.software(), 100)},
                {"clock_off_ms", (request.box_time_us() - wall_now_us()) / 1000},
                {"state", std::string(to_string(enrolled->box->state))}});
  if (enrolled->verdict.outcome != Outcome::enrolled) return answer(to_wire(*enrolled));
  // Also when it asks again: this centre may have been started anew in between.
  publish([answer, wire = to_wire(*enrolled)](const Status& done) {
    if (done)
      answer(wire);
    else
      answer(done.error());
  });
}

void BoxOffice::refused(const Enrolled& enrolled, const tunnel::PublicKey& key) {
  const std::string reason(to_string(enrolled.verdict.reason));
  log::write(RECEIVER_BOX_REFUSED, {{"ticket", enrolled.ticket},
                                    {"box_key", key.to_string()},
                                    {"reason", reason},
                                    {"refusals", enrolled.refusals}});
  if (!enrolled.first_refusal || enrolled.verdict.reason != Reason::used) return;
  boost::asio::post(
      context_, [this, ticket = std::to_string(enrolled.ticket), key = key.to_string()] {
        events_.on_reuse(ticket, "a box with the key " + key + " showed the used ticket " + ticket);
      });
}

void BoxOffice::key_news(const BoxId& box, const link::KeyNews& news) {
  if (stopped_ || !centre_) return;  // the box is asked again with its next stream
  boost::asio::post(book_, [this, box, news, centre = *centre_] { take_news(box, news, centre); });
}

void BoxOffice::take_place(const BoxId& id, const tunnel::PublicKey& key) {
  if (stopped_) return;
  boost::asio::post(book_, [this, id, key] {
    const Result<provisioning::BoxRow> box = registry_->take_place(id, key, wall_now_us());
    if (!box) {
      log::write(RECEIVER_KEY_REFUSED, {{"box", id}, {"reason", box.error().diagnostics}});
      return;
    }
    log::write(RECEIVER_BOX_REPLACED, {{"box", id}, {"ticket", box->ticket}});
    publish([this, id](const Status& done) {
      if (done) events_.on_place_taken(id);
    });
  });
}

void BoxOffice::take_news(const BoxId& id, const link::KeyNews& news,
                          const tunnel::PublicKey& centre) {
  const tunnel::RotationOrder order = key_bytes_in(news.order);
  const tunnel::PublicKey key{key_bytes_in(news.public_key)};
  const WallTimeUs now = wall_now_us();
  const Result<provisioning::BoxRow> box =
      news.state == link::KeyState::offered  ? registry_->take_key(id, order, key, centre, now)
      : news.state == link::KeyState::in_use ? registry_->key_in_use(id, order, key, now)
                                             : registry_->end_rotation(id, order, "box " + id, now);
  if (!box) {
    log::write(RECEIVER_KEY_REFUSED, {{"box", id}, {"reason", box.error().diagnostics}});
    return;
  }
  publish([this, id, order = news.order, state = news.state](const Status& done) {
    if (!done) return;  // it is asked again with its next stream
    if (state == link::KeyState::offered) return events_.on_key_taken(id, order);
    events_.on_key_change_over(id, state == link::KeyState::in_use);
  });
}

void BoxOffice::publish(std::function<void(const Status&)> then) {
  const Result<std::vector<provisioning::Peer>> peers = registry_->peers(wall_now_us());
  Result<std::vector<provisioning::BoxRow>> boxes = registry_->boxes();
  if (!peers || !boxes) {
    const Failure failure = peers ? boxes.error() : peers.error();
    log::write(RECEIVER_ENROLMENT_FAILED, {{"reason", failure.diagnostics}});
    if (then) boost::asio::post(context_, [then, failure] { then(failure); });
    return;
  }
  std::erase_if(*boxes, [](const provisioning::BoxRow& box) {
    return box.state != provisioning::BoxState::approved;
  });
  json::array list;
  bootstrap_.clear();
  for (const provisioning::Peer& peer : *peers) {
    list.push_back(to_json(peer));
    if (peer.bootstrap)
      bootstrap_[prefix_.address_of(peer.public_key).to_string()] = peer.public_key;
  }
  boost::asio::post(context_, [this, list = std::move(list), boxes = std::move(*boxes),
                               then = std::move(then)]() mutable {
    events_.on_boxes(std::move(boxes));
    events_.on_peers(std::move(list), std::move(then));
  });
}

}  // namespace alarmwire::receiver
