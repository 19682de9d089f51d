// Looks for sticks every two seconds (edge/daemon/stick_desk says what to do about them) and writes
// the verdicts back. Whatever a stick does, also dying under the hand: its file system is touched
// by a thread of its own only, and alarms go on.
// Thread-safety: the io_context's one thread; the destructor waits for the thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "edge/daemon/stick_desk.hpp"

namespace alarmwire::edge {

class StickWatch {
 public:
  static constexpr std::chrono::seconds pause{2};

  struct Callbacks {
    std::function<StickBox()> box;
    // Keeps the document, and begins with its ticket.
    std::function<void(const provisioning::SiteDocument&)> take;
  };

  StickWatch(boost::asio::io_context& context, std::vector<std::string> folders,
             Callbacks callbacks);
  ~StickWatch();
  StickWatch(const StickWatch&) = delete;
  StickWatch& operator=(const StickWatch&) = delete;

 private:
  void look();
  void seen(const std::vector<StickSight>& sights);
  void perform(const StickTask& task, const std::vector<StickSight>& sights);
  void write(const std::string& folder, const StickVerdict& verdict);
  void arm();

  boost::asio::io_context& context_;
  const std::vector<std::string> folders_;
  const Callbacks callbacks_;
  StickDesk desk_;
  std::set<std::string> not_written_;  // told already
  boost::asio::steady_timer timer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  boost::asio::thread_pool files_{1};
};

}  // namespace alarmwire::edge
