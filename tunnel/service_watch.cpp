// What the service watches: the device, the machine's network, the clock.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "tunnel/messages.hpp"
#include "tunnel/service.hpp"

namespace alarmwire::tunnel {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds restart_wait_least{100};
constexpr milliseconds served_well{10'000};  // a device that lived so long may restart at once
constexpr milliseconds deadline_least{10};   // between two turns of the supervisor

}  // namespace

void Service::poll() {
  watch_clock();
  watch_trial();
  poll_device();
  act();
  wait_for_poll();
}

void Service::poll_device() {
  if (!is_serving_) return;
  if (is_apply_due_) {
    is_apply_due_ = false;
    note(device_->apply(device_config()), "applying the configuration");
  }
  const Result<DeviceStatus> status = device_->status();
  if (status) {
    failed_polls_ = 0;
    listen_port_ = status->listen_port;
    supervisor_.polled(steady_now(), wall_now_us(), *status);
  } else if (++failed_polls_ >= failed_polls_max) {
    lose_device(status.error().diagnostics);
  }
}

// Steady and wall time must advance alike; who sets the clock is none of our business, that it was
// set is.
void Service::watch_clock() {
  const SteadyTime now = steady_now();
  const WallTimeUs wall = wall_now_us();
  const auto steady_us =
      std::chrono::duration_cast<std::chrono::microseconds>(now - clock_seen_at_);
  const std::int64_t jump_ms = (wall - clock_seen_ - steady_us.count()) / 1000;
  const bool is_first = clock_seen_ == 0;
  clock_seen_at_ = now;
  clock_seen_ = wall;
  if (is_first || std::abs(jump_ms) < jump_least.count()) return;
  log::write(TUNNEL_CLOCK_JUMPED, {{"jump_ms", jump_ms}});
  supervisor_.wall_clock_jumped(now);
}

void Service::wait_for_poll() {
  poll_timer_.expires_after(poll_every);
  poll_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && !is_stopped_) poll();
  });
}

void Service::wait_for_deadline() {
  const std::optional<SteadyTime> next = supervisor_.next_deadline();
  deadline_timer_.cancel();
  if (!next || is_stopped_) return;
  deadline_timer_.expires_at(std::max(*next, steady_now() + deadline_least));
  deadline_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || is_stopped_) return;
    supervisor_.tick(steady_now());
    act();
  });
}

void Service::wait_for_network() {
  monitor_wait_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                           [this](const boost::system::error_code& error) {
                             if (error || is_stopped_ || !monitor_) return;
                             on_network();
                             wait_for_network();
                           });
}

void Service::on_network() {
  const netlink::Changes changes = monitor_->read(link_index_, settings_.prefix);
  if (changes.others) {
    supervisor_.network_changed(steady_now());
    act();
  }
  // Both kinds: bringing "lo" down, say, takes the unreachable route away.
  if ((!changes.ours && !changes.others) || is_network_check_due_) return;
  is_network_check_due_ = true;
  network_timer_.expires_after(settle);
  network_timer_.async_wait([this](const boost::system::error_code& error) {
    is_network_check_due_ = false;
    if (!error && !is_stopped_) put_network_right();
  });
}

void Service::put_network_right() {
  if (!device_) return;
  const Result<unsigned> index = bring_up(network_plan());
  if (index) {
    link_index_ = *index;
  } else if (index.error().is(Errc::not_found)) {
    if (is_serving_) lose_device(index.error().diagnostics);
  } else {
    log::write(TUNNEL_NETWORK_FAILED, {{"reason", index.error().diagnostics}});
  }
}

void Service::wait_for_loss() {
  const int descriptor = device_->loss_descriptor();
  if (descriptor < 0) return;
  loss_wait_.assign(::dup(descriptor));
  loss_wait_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                        [this](const boost::system::error_code& error) {
                          if (!error && !is_stopped_) lose_device("the process ended");
                        });
}

void Service::lose_device(const std::string& why) {
  boost::system::error_code ignored;
  loss_wait_.close(ignored);
  if (is_serving_) {
    lost_at_ = steady_now();
    if (lost_at_ - served_at_ > served_well) restart_wait_ = milliseconds(0);
  }
  is_serving_ = false;
  failed_polls_ = 0;
  log::write(TUNNEL_DEVICE_LOST, {{"interface", settings_.interface},
                                  {"reason", why},
                                  {"restart_in_ms", restart_wait_.count()}});
  restart_timer_.expires_after(restart_wait_);
  restart_wait_ = std::clamp(restart_wait_ * 2, restart_wait_least, restart_wait_max);
  restart_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && !is_stopped_) restart_device();
  });
}

void Service::restart_device() {
  ++restarts_;
  Status done = device_->create();
  if (done) done = device_->apply(device_config());
  if (!done) {
    listen_port_ = 0;  // somebody else may have taken it meanwhile
    return lose_device(done.error().diagnostics);
  }
  is_serving_ = true;
  is_apply_due_ = false;
  served_at_ = steady_now();
  supervisor_.device_restarted(served_at_);
  put_network_right();
  wait_for_loss();
  log::write(
      TUNNEL_DEVICE_BACK,
      {{"interface", settings_.interface},
       {"away_ms", std::chrono::duration_cast<milliseconds>(served_at_ - lost_at_).count()}});
  act();
}

}  // namespace alarmwire::tunnel
