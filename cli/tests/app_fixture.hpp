// The command against a daemon that answers as told.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <filesystem>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "cli/app.hpp"
#include "common/control.hpp"

namespace alarmwire::cli {

// A daemon that answers as told, and remembers what it was asked.
class AppTest : public ::testing::Test {
 protected:
  AppTest() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    server_ = control::Server::open(context_, socket_, "").value();
    thread_ = std::thread([this] { context_.run(); });
  }
  ~AppTest() override {
    context_.stop();
    thread_.join();
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  // Call before the first request: the handlers belong to the server's thread after that.
  void answer(const char* command, const char* json) {
    server_->handle(command, [this, value = boost::json::parse(json)](
                                 const boost::json::object& request, auto responder) {
      asked_ = boost::json::serialize(request);
      responder->result(value);
    });
  }
  int run_with_socket(std::vector<std::string> words) {
    words.insert(words.end(), {"--socket", socket_});
    return run_bare(words);
  }
  int run_bare(const std::vector<std::string>& words) {
    std::vector<const char*> argv{"alarmwire"};
    for (const std::string& word : words) argv.push_back(word.c_str());
    out_.str("");
    err_.str("");
    return run(static_cast<int>(argv.size()), argv.data(), out_, err_);
  }
  std::string file(const char* name) const { return folder_ + "/" + name; }

  std::string folder_ = ::testing::TempDir() + "cli_" + std::to_string(::getpid());
  std::string socket_ = folder_ + "/control.sock";
  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      context_.get_executor()};
  std::unique_ptr<control::Server> server_;
  std::thread thread_;
  std::string asked_;
  std::ostringstream out_;
  std::ostringstream err_;
};

}  // namespace alarmwire::cli
