// The control socket without a socket: handlers are asked straight, answers are kept.
#pragma once

#include <atomic>
#include <boost/json/object.hpp>
#include <chrono>
#include <condition_variable>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "common/control.hpp"

namespace alarmwire::control {

// What a client of the control socket got.
class FakeClient final : public Responder {
 public:
  void result(boost::json::value value) override {
    end(boost::json::object{{"result", std::move(value)}});
  }
  void error(const std::string& message) override { end(boost::json::object{{"error", message}}); }
  void item(boost::json::value value) override {
    const std::lock_guard lock(mutex_);
    items_.push_back(std::move(value));
    changed_.notify_all();
  }
  bool is_gone() const override { return gone_; }
  void hang_up() { gone_ = true; }
  std::unique_lock<std::mutex> hold() { return std::unique_lock(mutex_); }  // items wait

  boost::json::object answer() { return answer_.get_future().get(); }
  boost::json::value wait_for_item(std::size_t number) {
    std::unique_lock lock(mutex_);
    const bool came =
        changed_.wait_for(lock, std::chrono::seconds(10), [&] { return items_.size() > number; });
    return came ? items_[number] : nullptr;
  }
  std::size_t items() const {
    const std::lock_guard lock(mutex_);
    return items_.size();
  }

 private:
  void end(boost::json::object answer) { answer_.set_value(std::move(answer)); }
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::promise<boost::json::object> answer_;
  std::vector<boost::json::value> items_;
  std::atomic<bool> gone_{false};
};

class FakeServer final : public Server {
 public:
  void handle(std::string_view command, Handler handler) override {
    handlers_[std::string(command)] = std::move(handler);
  }
  void close() override {}
  std::shared_ptr<FakeClient> ask(const std::string& command, const boost::json::object& request) {
    auto client = std::make_shared<FakeClient>();
    handlers_.at(command)(request, client);
    return client;
  }

 private:
  std::map<std::string, Handler> handlers_;
};

}  // namespace alarmwire::control
