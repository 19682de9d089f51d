// What every command is given: where to write, how, and whom to ask.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>

#include "common/control.hpp"
#include "common/daemon.hpp"
#include "common/error.hpp"

namespace alarmwire::cli {

inline constexpr std::chrono::seconds answer_within{10};
inline constexpr std::chrono::seconds outlet_test_within{90};  // a far side may think for long

struct Context {
  std::ostream& out;
  std::ostream& err;
  bool json = false;
  bool colour = false;
  std::string socket;        // "": the machine's box daemon, else its receiver
  bool is_terminal = false;  // out: what is shown again may be shown in place

  // The one way to say that it did not work; returns the exit code. `error: message` on err, and
  // below it what may help; with --json {"schema": "error/1", "error", "exit_code", "advice"}
  // there.
  int fail(daemon::ExitCode exit_code, std::string_view message,
           std::string_view advice = {}) const;
  // Of a daemon's answer: 4 when it could not be reached, else 1.
  int fail(const Failure& failure) const;
  // The daemon's result object with its schema in front: {"schema": "status/1", …}, on one line.
  void print_json(std::string_view schema, const boost::json::value& result) const;
};

// Connects to the socket asked for, or to the first daemon of this machine that answers.
Result<control::Client> connect(const Context& context);
// One question, one answer.
Result<boost::json::value> ask(const Context& context, const boost::json::object& request,
                               std::chrono::milliseconds timeout = answer_within);

}  // namespace alarmwire::cli
