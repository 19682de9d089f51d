#include "edge/daemon/stick_watch.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "edge/daemon/messages.hpp"

namespace alarmwire::edge {

StickWatch::StickWatch(boost::asio::io_context& context, std::vector<std::string> folders,
                       Callbacks callbacks)
    : context_(context),
      folders_(std::move(folders)),
      callbacks_(std::move(callbacks)),
      timer_(context) {
  look();
}

StickWatch::~StickWatch() {
  *alive_ = false;
  timer_.cancel();
  files_.stop();
  files_.join();
}

void StickWatch::look() {
  boost::asio::post(files_, [this, alive = alive_, folders = folders_, &context = context_] {
    boost::asio::post(context, [this, alive, sights = look_for_sticks(folders)] {
      if (*alive) seen(sights);
    });
  });
}

void StickWatch::seen(const std::vector<StickSight>& sights) {
  std::erase_if(not_written_, [&](const std::string& folder) {
    return std::none_of(sights.begin(), sights.end(),
                        [&](const StickSight& sight) { return sight.folder == folder; });
  });
  for (const StickTask& task : desk_.look(sights, callbacks_.box(), steady_now()))
    perform(task, sights);
  arm();
}

void StickWatch::perform(const StickTask& task, const std::vector<StickSight>& sights) {
  const auto sight = std::find_if(sights.begin(), sights.end(), [&](const StickSight& each) {
    return each.folder == task.folder;
  });
  const StickFinding& finding = sight->finding;
  if (task.is_news && finding.refusal.empty())
    log::write(EDGE_STICK_FOUND, {{"folder", task.folder}, {"file", finding.file}});
  if (task.is_news && !finding.refusal.empty())
    log::write(EDGE_STICK_REFUSED,
               {{"folder", task.folder}, {"file", finding.file}, {"reason", finding.refusal}});
  if (task.take) callbacks_.take(*task.take);
  if (task.tell && !finding.file.empty()) write(task.folder, *task.tell);
}

void StickWatch::write(const std::string& folder, const StickVerdict& verdict) {
  boost::asio::post(files_, [this, alive = alive_, folder, &context = context_,
                             text = to_text(verdict, wall_now_us())] {
    boost::asio::post(context, [this, alive, folder, done = write_stick_result(folder, text)] {
      if (done || !*alive || !not_written_.insert(folder).second) return;
      log::write(EDGE_STICK_NOT_WRITTEN,
                 {{"folder", folder}, {"reason", done.error().diagnostics}});
    });
  });
}

void StickWatch::arm() {
  timer_.expires_after(pause);
  timer_.async_wait([this, alive = alive_](const boost::system::error_code& error) {
    if (!error && *alive) look();
  });
}

}  // namespace alarmwire::edge
