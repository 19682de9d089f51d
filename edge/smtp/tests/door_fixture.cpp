#include "edge/smtp/tests/door_fixture.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <utility>

namespace alarmwire::smtp::test {

class MemoryIntake::Incoming final : public IncomingMail {
 public:
  Incoming(MemoryIntake& intake, std::shared_ptr<Mail> mail)
      : intake_(intake), mail_(std::move(mail)) {}
  ~Incoming() override {
    *alive_ = false;
    mail_->abandoned = !answered_;
  }
  void append(std::string bytes, std::function<void()> done) override {
    mail_->body += bytes;
    ++mail_->appends;
    append_open_ = true;
    intake_.answer(intake_.hold_appends, [this, alive = alive_, done = std::move(done)] {
      if (!*alive) return;
      append_open_ = false;
      done();
    });
  }
  void finish(WallTimeUs accepted_us, std::function<void(Outcome)> done) override {
    mail_->finished = true;
    mail_->finished_before_append_was_answered = append_open_;
    const Outcome outcome{Outcome::Kind::spooled, AlarmId::make(accepted_us), ""};
    intake_.answer(intake_.hold_outcomes, [this, alive = alive_, outcome, done = std::move(done)] {
      if (!*alive) return;
      answered_ = true;
      done(outcome);
    });
  }

 private:
  MemoryIntake& intake_;
  std::shared_ptr<Mail> mail_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  bool append_open_ = false;
  bool answered_ = false;
};

std::unique_ptr<IncomingMail> MemoryIntake::begin(const Envelope& envelope, ReplyMode mode,
                                                  std::optional<std::uint64_t>) {
  mails.push_back(std::make_shared<Mail>());
  mails.back()->envelope = envelope;
  mails.back()->mode = mode;
  return std::make_unique<Incoming>(*this, mails.back());
}

void MemoryIntake::answer(bool hold, std::function<void()> call) {
  if (hold) {
    held_.push_back(std::move(call));
  } else {
    boost::asio::post(context_, std::move(call));
  }
}

void MemoryIntake::release() {
  hold_appends = hold_outcomes = false;
  for (auto& call : std::exchange(held_, {})) boost::asio::post(context_, std::move(call));
}

Client::Client(unsigned port, const char* source) {
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{5, 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  inet_pton(AF_INET, source, &address.sin_addr);
  bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) reset();
}

Client::~Client() {
  if (fd_ >= 0) ::close(fd_);
}

bool Client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::size_t Client::send_what_fits(std::string_view bytes) {
  std::size_t total = 0;
  for (int quiet = 0; quiet < 10 && total < bytes.size();) {
    const std::string_view rest = bytes.substr(total);
    const ssize_t sent = ::send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      total += static_cast<std::size_t>(sent);
      quiet = 0;
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      ++quiet;
    }
  }
  return total;
}

std::string Client::reply() {
  std::size_t line = 0;
  while (true) {
    const std::size_t end = buffer_.find("\r\n", line);
    if (end == std::string::npos) {
      char bytes[4096];
      const ssize_t size = recv(fd_, bytes, sizeof bytes, 0);
      if (size <= 0) return "";
      buffer_.append(bytes, static_cast<std::size_t>(size));
      continue;
    }
    const bool last = buffer_.size() <= line + 3 || buffer_[line + 3] != '-';
    line = end + 2;
    if (last) break;
  }
  std::string text = buffer_.substr(0, line);
  buffer_.erase(0, line);
  return text;
}

bool Client::at_end() {
  char bytes[4096];
  ssize_t size = 0;
  while ((size = recv(fd_, bytes, sizeof bytes, 0)) > 0) {
  }
  return size == 0 || errno == ECONNRESET;
}

void Client::finish_sending() {
  shutdown(fd_, SHUT_WR);
}

void Client::reset() {
  const linger now{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  ::close(std::exchange(fd_, -1));
}

class DoorTest::Directory final : public DeviceDirectory {
 public:
  explicit Directory(const DoorTest& test) : test_(test) {}
  KnownDevice at(const boost::asio::ip::address&) override {
    return {"cam-1", KnownBy::network, "", test_.device};
  }
  std::optional<KnownDevice> of_user(const std::string& user) override {
    if (user != test_.device_user) return {};
    return KnownDevice{"proven", KnownBy::user, "", {}};
  }

 private:
  const DoorTest& test_;
};

DoorTest::DoorTest() : work_(context.get_executor()), thread_([this] { context.run(); }) {
  config.hostname = "box.internal";
  config.listeners.resize(1);
  config.listeners[0].address = "127.0.0.1";
  config.listeners[0].port = 0;
}

DoorTest::~DoorTest() {
  close_door();
  work_.reset();
  thread_.join();
}

void DoorTest::open(std::vector<InheritedSocket> inherited) {
  on_loop([&] {
    auto opened =
        Door::open(context, config, intake, std::make_shared<Directory>(*this), inherited);
    if (opened.has_error()) {
      ADD_FAILURE() << opened.error().diagnostics;
    } else {
      door = std::move(opened.value());
    }
  });
}

void DoorTest::close_door() {
  on_loop([this] { door.reset(); });
}

bool DoorTest::eventually(const std::function<bool()>& what) {
  for (int i = 0; i < 1000; ++i) {
    if (on_loop(what)) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

std::string DoorTest::accept_mail(Client& client, std::string_view body) {
  client.say("MAIL FROM:<cam@edge.internal>");
  client.say("RCPT TO:<alarm@edge.internal>");
  if (!client.say("DATA").starts_with("354")) return "no 354";
  client.send(body);
  return client.say(".");
}

}  // namespace alarmwire::smtp::test
