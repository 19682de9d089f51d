// The alarm that ends an enrolment: it takes a device's way from behind the door's dialogue on
// (lane rules, spool, link, ledger, outlets). Its recipient is the one by which outlets know a
// test. Thread-safety: the io_context's one thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "edge/smtp/intake.hpp"

namespace alarmwire::edge {

class TestAlarm {
 public:
  // How long it took until the centre had it. Errc::timed_out: it is on the box and goes on from
  // there; Errc::full and others: it is not.
  using Done = std::function<void(const Result<std::chrono::milliseconds>&)>;

  TestAlarm(smtp::Intake& intake, std::string hostname);
  // One at a time: a second one lets the first go on unwatched. `done` comes from the event loop.
  void send(Done done);

 private:
  smtp::Intake& intake_;
  const std::string hostname_;
  std::unique_ptr<smtp::IncomingMail> mail_;
};

}  // namespace alarmwire::edge
