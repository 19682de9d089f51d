// The centre's answers on its control socket: status, boxes, outlets, outlet-test, outlet-retry,
// outlet-drop.
#include <boost/asio/post.hpp>
#include <utility>

#include "common/control_request.hpp"
#include "receiver/daemon/centre_metrics.hpp"
#include "receiver/daemon/messages.hpp"
#include "receiver/daemon/receiver_daemon.hpp"
#include "receiver/outlets/retry.hpp"

namespace alarmwire::receiver {

Status ReceiverDaemon::open_control() {
  Result<std::unique_ptr<control::Server>> opened =
      control::Server::open(context_, config_.control_socket, config_.control_group);
  if (opened.has_error()) return opened.error();
  control_ = std::move(*opened);
  alarms_ = std::make_unique<AlarmCommands>(
      context_, *ledger_, [this](const BoxId& id) { return current_sites()->knows(id); });
  alarms_->install(*control_);
  handle_status();
  handle_outlets();
  office_->install(*control_);
  return {};
}

// For what may wait for the ledger or the far side of an outlet.
void ReceiverDaemon::answer_later(std::string_view command, boost::asio::thread_pool& on,
                                  AnswerLater answer) {
  control_->handle(command, [this, &on, answer = std::move(answer)](
                                const boost::json::object& request, const Reply& reply) {
    if (stopping_) return reply->error("the centre stops");
    boost::asio::post(on, [answer, request, reply] { answer(request, reply); });
  });
}

void ReceiverDaemon::handle_status() {
  // Most figures belong to our thread; those of the outlets come from the ledger.
  const auto with_figures = [this](std::function<boost::json::value(const CentreFigures&)> show) {
    return [this, show = std::move(show)](const boost::json::object&, const Reply& reply) {
      if (stopping_) return reply->error("the centre stops");
      boost::asio::post(chores_,
                        [this, show, reply, figures = figures_without_outlets()]() mutable {
                          add_outlet_figures(figures);
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

void ReceiverDaemon::offer_metrics(int listening_fd) {
  if (listening_fd < 0) return;
  metrics_ = metrics::MetricsServer::open(
      context_, listening_fd,
      [this](const std::string& path, const metrics::MetricsServer::Done& done) {
        if (stopping_) return done({503, "the centre stops\n"});
        boost::asio::post(chores_, [this, path, done, has_boxes = config_.metrics_of_boxes,
                                    figures = figures_without_outlets()]() mutable {
          add_outlet_figures(figures);
          done(answer_at(path, has_boxes, figures));
        });
      });
}

void ReceiverDaemon::handle_outlets() {
  answer_later("outlets", chores_, [this](const boost::json::object&, const Reply& reply) {
    CentreFigures figures;
    add_outlet_figures(figures);
    reply->result({{"outlets", describe_outlets(figures)}});
  });
  answer_later("outlet-test", chores_,
               [this](const boost::json::object& request, const Reply& reply) {
                 const std::string name = control::text_of(request, "name");
                 const auto outlet = outlets_->named(name);
                 if (outlet == nullptr) return reply->error(why_no_outlet(name));
                 const Result<std::string> answer = outlet->test();
                 if (answer.has_error()) return reply->error(answer.error().diagnostics);
                 reply->result({{"reply", *answer}});
               });
  answer_later("outlet-retry", swaps_,
               [this](const boost::json::object& request, const Reply& reply) {
                 const std::string name = control::text_of(request, "name");
                 const auto outlet = outlets_->named(name);
                 if (outlet == nullptr) return reply->error(why_no_outlet(name));
                 const BoxId box = control::text_of(request, "box");
                 if (const Status known = alarms_->must_know(box); known.has_error())
                   return reply->error(known.error().diagnostics);
                 const Result<std::uint64_t> retried = outlet->retry(box);
                 if (retried.has_error()) return reply->error(retried.error().diagnostics);
                 reply->result({{"retried", *retried}});
               });
  answer_later(
      "outlet-drop", swaps_, [this](const boost::json::object& request, const Reply& reply) {
        const Result<std::uint64_t> dropped = drop_stranded(control::text_of(request, "name"));
        if (dropped.has_error()) return reply->error(dropped.error().diagnostics);
        reply->result({{"dropped", *dropped}});
      });
}

std::string ReceiverDaemon::why_no_outlet(const std::string& name) const {
  if (const auto owed = ledger_->owed(); owed.has_value())
    for (const ledger::Owed& at : *owed)
      if (at.outlet == name) return "outlet '" + name + "' is missing: " + advice(name);
  return "there is no outlet '" + name + "'";
}

Status ReceiverDaemon::must_have_left(const std::string& outlet) const {
  const auto owed = ledger_->owed();
  if (owed.has_error()) return owed.error();
  for (const ledger::Owed& at : *owed)
    if (at.outlet == outlet) return {};
  return Failure(Errc::not_found, "no outlet '" + outlet + "' has left anything behind");
}

// Runs where outlets are swapped: nobody can be handing over meanwhile.
Result<std::uint64_t> ReceiverDaemon::drop_stranded(const std::string& name) {
  if (outlets_->named(name) != nullptr)
    return Failure(Errc::denied, "outlet '" + name +
                                     "' is configured and hands over what waits: only what an "
                                     "outlet left behind can be dropped");
  if (const Status left = must_have_left(name); left.has_error()) return left.error();
  const auto on_unparked = [this, &name](const BoxId& box, const AlarmId& id) {
    faults_->report(box, std::string(fault::outlet_parked), outlets::fault_subject(name, id),
                    "dropped", true);
  };
  Result<std::uint64_t> dropped =
      outlets::drop_hand_overs(*ledger_, name, "dropped by `alarmwire outlet drop`", on_unparked);
  if (dropped.has_value())
    log::write(RECEIVER_HAND_OVERS_DROPPED, {{"outlet", name}, {"records", *dropped}});
  judge_missing();
  return dropped;
}

void ReceiverDaemon::add_outlet_figures(CentreFigures& figures) const {
  figures.outlets = outlets_->figures();
  if (auto owed = ledger_->owed(); owed.has_value()) figures.owed = std::move(*owed);
}

CentreFigures ReceiverDaemon::figures_without_outlets() const {
  CentreFigures figures;
  figures.tunnel = tunnel_->status();
  figures.ledger = ledger_->snapshot();
  const std::shared_ptr<const sites::Sites> book = current_sites();
  for (const BoxId& id : boxes_known_)
    figures.boxes.push_back(
        {book->box(id), ingest_->status(id), boxes_.was_seen(id), boxes_.is_silent(id)});
  figures.faults = faults_->open_faults();
  figures.listening = listening_on_ != 0;
  figures.acknowledged_within = config_.acknowledged_within;
  figures.uptime_s =
      std::chrono::duration_cast<std::chrono::seconds>(steady_now() - started_).count();
  figures.now_us = wall_now_us();
  return figures;
}

}  // namespace alarmwire::receiver
