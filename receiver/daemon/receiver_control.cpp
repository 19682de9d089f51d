// The centre's answers on its control socket: status, boxes, outlets, outlet-test, outlet-retry.
#include <boost/asio/post.hpp>
#include <utility>

#include "common/control_request.hpp"
#include "receiver/daemon/receiver_daemon.hpp"

namespace alarmwire::receiver {

Status ReceiverDaemon::open_control() {
  Result<std::unique_ptr<control::Server>> opened =
      control::Server::open(context_, config_.control_socket, config_.control_group);
  if (opened.has_error()) return opened.error();
  control_ = std::move(*opened);
  alarms_ = std::make_unique<AlarmCommands>(context_, *ledger_, config_.ledger.outlets);
  alarms_->install(*control_);
  handle_status();
  handle_outlets();
  return {};
}

// For what may wait for the ledger or the far side of an outlet.
void ReceiverDaemon::answer_later(
    std::string_view command,
    std::function<void(const boost::json::object&, const Reply&)> answer) {
  control_->handle(command, [this, answer = std::move(answer)](const boost::json::object& request,
                                                               const Reply& reply) {
    if (stopping_) return reply->error("the centre stops");
    boost::asio::post(chores_, [answer, request, reply] { answer(request, reply); });
  });
}

void ReceiverDaemon::handle_status() {
  // Most figures belong to our thread; those of the outlets come from the ledger.
  const auto with_figures = [this](std::function<boost::json::value(const CentreFigures&)> show) {
    return [this, show = std::move(show)](const boost::json::object&, const Reply& reply) {
      if (stopping_) return reply->error("the centre stops");
      boost::asio::post(chores_,
                        [this, show, reply, figures = figures_without_outlets()]() mutable {
                          figures.outlets = outlet_figures();
                          reply->result(show(figures));
                        });
    };
  };
  control_->handle("status", with_figures([](const CentreFigures& figures) {
                     return boost::json::value(describe(figures));
                   }));
  control_->handle("boxes", with_figures([](const CentreFigures& figures) {
                     return boost::json::value{{"boxes", describe_boxes(figures)}};
                   }));
}

void ReceiverDaemon::handle_outlets() {
  answer_later("outlets", [this](const boost::json::object&, const Reply& reply) {
    reply->result({{"outlets", describe_outlets(outlet_figures())}});
  });
  answer_later("outlet-test", [this](const boost::json::object& request, const Reply& reply) {
    outlets::Outlet* const outlet = outlet_named(control::text_of(request, "name"));
    if (outlet == nullptr) return reply->error("there is no such outlet");
    const Result<std::string> answer = outlet->test();
    if (answer.has_error()) return reply->error(answer.error().diagnostics);
    reply->result({{"reply", *answer}});
  });
  answer_later("outlet-retry", [this](const boost::json::object& request, const Reply& reply) {
    outlets::Outlet* const outlet = outlet_named(control::text_of(request, "name"));
    if (outlet == nullptr) return reply->error("there is no such outlet");
    const Result<std::uint64_t> retried = outlet->retry(control::text_of(request, "box"));
    if (retried.has_error()) return reply->error(retried.error().diagnostics);
    reply->result({{"retried", *retried}});
  });
}

outlets::Outlet* ReceiverDaemon::outlet_named(const std::string& name) const {
  for (const auto& outlet : outlets_)
    if (outlet->status().name == name) return outlet.get();
  return nullptr;
}

std::vector<outlets::OutletStatus> ReceiverDaemon::outlet_figures() const {
  std::vector<outlets::OutletStatus> all;
  for (const auto& outlet : outlets_) all.push_back(outlet->status());
  return all;
}

CentreFigures ReceiverDaemon::figures_without_outlets() const {
  CentreFigures figures;
  figures.tunnel = tunnel_->status();
  figures.ledger = ledger_->snapshot();
  for (const tunnel::PeerSettings& peer : config_.tunnel.peers)
    figures.boxes.push_back({config_.sites.box(peer.name), ingest_->status(peer.name),
                             boxes_.was_seen(peer.name), boxes_.is_silent(peer.name)});
  figures.faults = faults_->open_faults();
  figures.listening = listening_on_ != 0;
  figures.uptime_s =
      std::chrono::duration_cast<std::chrono::seconds>(steady_now() - started_).count();
  figures.now_us = wall_now_us();
  return figures;
}

}  // namespace alarmwire::receiver
