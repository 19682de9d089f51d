// What the tests of the SMTP outlet share: an outlet on a fake ledger, and a real server on
// loopback.
#pragma once
#include "receiver/outlets/smtp_outlet.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "receiver/outlets/tests/fake_ledger.hpp"
#include "receiver/outlets/tests/scripted_server.hpp"

namespace alarmwire::outlets {

using namespace std::chrono_literals;
using ledger::HandOverState;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Event = ScriptedServer::Event;

class Faults : public OutletObserver {
 public:
  void on_fault(const BoxId& box, const std::string& code, const std::string& subject,
                const std::string& reason, bool over) override {
    const std::lock_guard lock(mutex_);
    lines_.push_back(box + " " + code + (over ? " over" : "") + " | " + subject + " | " + reason);
    if (then_) then_(box, code, subject, reason, over);
  }
  std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  std::function<void(const BoxId&, const std::string&, const std::string&, const std::string&,
                     bool)>
      then_;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

inline bool eventually(const std::function<bool()>& holds, std::chrono::milliseconds most = 5s) {
  for (const SteadyTime end = steady_now() + most; steady_now() < end;) {
    if (holds()) return true;
    std::this_thread::sleep_for(1ms);
  }
  return holds();
}

inline Envelope mail_to(const std::vector<std::string>& recipients) {
  Envelope envelope;
  envelope.device = "cam1";
  envelope.device_address = "192.168.1.20";
  envelope.reverse_path = "cam1@site-a.internal";
  envelope.recipients = recipients;
  return envelope;
}

class SmtpOutletTest : public ::testing::Test {
 protected:
  SmtpOutletTest() {
    config_.warm_every = 0ms;
    config_.connections = 2;
    config_.ehlo_name = "centre.internal";
    limits_.later_first = 20ms;
    limits_.later_most = 20ms;
    limits_.stop_first = 20ms;
    limits_.stop_most = 50ms;
    config_.stalled_after = 150ms;
  }
  ~SmtpOutletTest() override {
    if (outlet_) outlet_->stop();
  }

  void serve(ScriptedServer::Rule rule = {},
             ScriptedServer::Security security = ScriptedServer::Security::none) {
    server_ = std::make_unique<ScriptedServer>(std::move(rule), security);
    server_->offer_pipelining(pipelining_);
    config_.port = server_->port();
  }
  void start() {
    auto sites = std::make_shared<const sites::Sites>(sites_);
    outlet_ = make_smtp_outlet(
        config_, ledger_, [sites] { return sites; }, faults_, limits_);
    outlet_->start();
  }
  ledger::Position add(const std::string& body = "Subject: Alarm\r\n\r\nText\r\n",
                       const std::string& box = "site-a", Lane lane = Lane::live_alarm) {
    const auto record = ledger_.add(box, lane, mail_to({"cam1@" + box + ".internal"}), body);
    if (outlet_) outlet_->stored(record);
    return record.position;
  }
  bool becomes(ledger::Position position, HandOverState state,
               std::chrono::milliseconds most = 5s) {
    return eventually([&] { return ledger_.hand_over(position).state == state; }, most);
  }
  // The rule: `reply` at `step`, the first `times` times.
  static ScriptedServer::Rule fail(const std::string& step, const std::string& reply,
                                   int times = 1'000'000) {
    return [=](const Event& event) {
      return event.step == step && event.count <= times ? reply : std::string();
    };
  }

  bool pipelining_ = true;  // what the far side offers
  SmtpConfig config_;
  OrderLimits limits_;
  FakeLedger ledger_;
  sites::Sites sites_;
  Faults faults_;
  std::unique_ptr<ScriptedServer> server_;
  std::unique_ptr<Outlet> outlet_;
};

// A step of the dialogue, and whether commands go in a group.
class StepTest : public SmtpOutletTest,
                 public ::testing::WithParamInterface<std::tuple<const char*, bool>> {
 protected:
  StepTest() { pipelining_ = std::get<1>(GetParam()); }
  static std::string step() { return std::get<0>(GetParam()); }
};

}  // namespace alarmwire::outlets
