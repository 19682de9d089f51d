// A tiny SMTP server for tests: answers what a rule says at any step, hangs up, keeps silent, does
// STARTTLS and SMTPS with a certificate of its own, and keeps the mails it took.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace alarmwire::outlets {

struct TestCertificate {  // for "localhost", self-signed, made anew
  TestCertificate();
  std::string certificate_pem;
  std::string key_pem;
};

class ScriptedServer {
 public:
  // What is about to be answered. Steps: "connect", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT",
  // "DATA", "body" (in its middle), "dot", "NOOP", "QUIT", "HELO".
  struct Event {
    std::string step;
    std::string line;
    int connection = 0;  // 1, 2, …
    int count = 0;       // how often this step has come, over all connections: 1, 2, …
    bool secure = false;
  };
  struct Mail {
    std::string from;
    std::vector<std::string> to;
    std::string body;  // dot-unstuffed
    int connection = 0;
    bool secure = false;
  };
  // The reply without CRLF; "" for the usual one, `hang_up`, `silence`.
  using Rule = std::function<std::string(const Event&)>;
  static constexpr const char* hang_up = "!hang up";
  static constexpr const char* silence = "!silence";

  enum class Security { none, starttls, smtps };

  explicit ScriptedServer(Rule rule = {}, Security security = Security::none,
                          std::uint16_t port = 0);
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  // Before the first connection: without it, who says more than one command at once is hung up on.
  void offer_pipelining(bool offer) { pipelining_ = offer; }

  std::uint16_t port() const { return port_; }
  const TestCertificate& certificate() const { return certificate_; }
  std::vector<Mail> mails() const;
  bool wait_mails(std::size_t count, int timeout_ms = 5000) const;
  int connections() const { return connection_count_; }
  int count(const std::string& step) const;
  void set_rule(Rule rule);
  // Closes every connection that stands open, as a server does with idle ones.
  void drop_connections();
  void stop();

 private:
  class Wire;
  void accept_loop();
  void serve(int fd, int connection);
  bool converse(Wire& wire, int connection);
  std::string ask_rule(Event event, const std::string& usual);

  const Security security_;
  std::atomic<bool> pipelining_ = true;
  TestCertificate certificate_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  Rule rule_;
  std::vector<Mail> mails_;
  std::vector<std::pair<std::string, int>> counts_;
  std::vector<int> open_fds_;
  int listen_fd_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> connection_count_{0};
  std::atomic<bool> stopping_{false};
  std::thread acceptor_;
  std::list<std::thread> servers_;
};

}  // namespace alarmwire::outlets
