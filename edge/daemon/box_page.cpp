#include "edge/daemon/box_page.hpp"

#include <utility>

#include "common/control_request.hpp"
#include "edge/daemon/messages.hpp"
#include "edge/smtp/listening.hpp"

namespace alarmwire::edge {

using Standing = page::BoxState::Standing;

int open_page_socket(const page::Config& config) {
  if (!config.is_wanted()) return -1;
  smtp::ListenerConfig listener;
  listener.name = "page";
  listener.address = config.address;
  listener.port = config.port;
  const Result<int> socket = smtp::listen_at(listener);
  if (socket) return *socket;
  log::write(EDGE_PAGE_FAILED, {{"reason", socket.error().diagnostics}});
  return -1;
}

BoxPage::BoxPage(boost::asio::io_context& context, const page::Config& config,
                 const std::string& hostname, PageSockets sockets,
                 std::function<status::BoxFigures()> figures, Enroller* enroller)
    : figures_(std::move(figures)), enroller_(enroller), photo_desk_(context, sockets.photo_desk) {
  page::Callbacks callbacks;
  callbacks.state = [this] { return state(); };
  callbacks.enrol = [this](const std::string& ticket) { return enrol(ticket); };
  callbacks.read_photo = [this](std::string photo, PhotoDesk::Done done) {
    photo_desk_.read(std::move(photo), std::move(done));
  };
  auto opened = page::PageServer::open(context, {sockets.listening, config.allowed, {hostname}},
                                       std::move(callbacks));
  if (opened)
    server_ = std::move(*opened);
  else
    log::write(EDGE_PAGE_FAILED, {{"reason", opened.error().diagnostics}});
}

Status BoxPage::enrol(const std::string& ticket) {
  if (enroller_ == nullptr) return Failure(Errc::denied, "the box's centre is configured");
  return enroller_->begin(ticket, false);
}

Standing BoxPage::standing() const {
  if (enroller_ == nullptr) return Standing::enrolled;
  const std::optional<bool> is_enrolled = enroller_->is_enrolled();
  if (!is_enrolled) return Standing::unknown;
  return *is_enrolled ? Standing::enrolled : Standing::open;
}

page::BoxState BoxPage::state() const {
  const status::BoxFigures figures = figures_();
  const boost::json::object described = status::describe(figures);
  page::BoxState state;
  state.standing = standing();
  if (enroller_ != nullptr) state.enrolment = enroller_->view();
  state.colour = control::text_of(described, "verdict");
  state.reason = control::text_of(described, "verdict_reason");
  state.version = ALARMWIRE_VERSION;
  state.waiting_alarms = figures.spool.waiting_records;
  state.accepted_mails = figures.door.accepted;
  for (const FaultBook::Open& fault : figures.faults)
    state.faults.push_back(fault.code + ": " + fault.reason);
  if (figures.link.clock) state.clock_off_s = -figures.link.clock->offset_us / 1'000'000;
  state.ca_pem = figures.door.certificate.ca_pem;
  return state;
}

}  // namespace alarmwire::edge
