// Devices that mail: N threads with blocking sockets, each sending its share of the mails and
// noting for every one when it began to connect (or, on a kept connection, to speak) and when its
// reply was there.
//
//   bench_load HOST PORT DEVICES MAILS BYTES keep|connect FIRST_ID OUTPUT FIRST_DEVICE
//              [PAUSE_US [clear|starttls [ADDRESSES]]]
//
// Each device has an address of its own: FIRST_DEVICE and the ones that follow it; with ADDRESSES
// that many are shared.
// OUTPUT gets a line per mail: id, begin_us, reply_us, code, first words of the reply. The mails
// carry their number in a header `X-Bench-Id`, by which the tap at the sink knows them.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/bench/clock.hpp"

namespace alarmwire::bench {
namespace {

struct Plan {
  std::string host;
  int port = 25;
  int devices = 1;
  int mails = 1;
  std::size_t bytes = 1024;
  bool keep = false;
  int first_id = 0;
  std::string first_device;
  int pause_us = 0;
  SSL_CTX* tls = nullptr;  // STARTTLS first
  std::uint32_t addresses = 0;
};

struct Sample {
  int id = 0;
  std::int64_t begin_us = 0;
  std::int64_t reply_us = 0;
  std::string reply;
};

// Base64 of noise, which is what a camera's picture looks like on the way: nothing to be packed but
// the two bits in eight that Base64 adds.
void add_picture_line(std::string& text, std::uint64_t& state) {
  static constexpr char base64[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int i = 0; i < 76; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    text += base64[state >> 58];
  }
  text += "\r\n";
}

std::string mail_text(int id, std::size_t bytes) {
  std::string text =
      "From: <cam1@edge.internal>\r\nTo: <alarm@edge.internal>\r\nSubject: Motion\r\nX-Bench-Id: " +
      std::to_string(id) + "\r\n\r\n";
  auto state = static_cast<std::uint64_t>(id);
  while (text.size() + 78 <= bytes) add_picture_line(text, state);
  return text + ".\r\n";
}

sockaddr_in ipv4(const std::string& text, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (inet_pton(AF_INET, text.c_str(), &address.sin_addr) != 1)
    throw std::runtime_error("not an IPv4 address: " + text);
  return address;
}

class Connection {
 public:
  Connection(const Plan& plan, std::uint32_t device) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const sockaddr_in address = ipv4(plan.host, plan.port);
    sockaddr_in own = ipv4(plan.first_device, 0);
    const std::uint32_t number = plan.addresses == 0 ? device : device % plan.addresses;
    own.sin_addr.s_addr = htonl(ntohl(own.sin_addr.s_addr) + number);
    if (::bind(socket_, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0)
      throw std::runtime_error("this device has no address");
    const int on = 1;
    setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const timeval patience{30, 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("connect failed");
    expect("220");
    say("EHLO camera\r\n");
    expect("250");
    if (plan.tls != nullptr) start_tls(plan.tls);
  }
  ~Connection() {
    SSL_free(tls_);
    ::close(socket_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  std::string send_mail(const std::string& text) {
    say("MAIL FROM:<cam1@edge.internal>\r\n");
    expect("250");
    say("RCPT TO:<alarm@edge.internal>\r\n");
    expect("250");
    say("DATA\r\n");
    expect("354");
    say(text);
    return reply();
  }
  void quit() {
    say("QUIT\r\n");
    reply();
  }

 private:
  void start_tls(SSL_CTX* context) {
    say("STARTTLS\r\n");
    expect("220");
    tls_ = SSL_new(context);
    SSL_set_fd(tls_, socket_);
    if (SSL_connect(tls_) != 1) throw std::runtime_error("TLS handshake failed");
    say("EHLO camera\r\n");
    expect("250");
  }
  ssize_t write_some(std::string_view text) {
    if (tls_ == nullptr) return ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
    return SSL_write(tls_, text.data(), static_cast<int>(text.size()));
  }
  ssize_t read_some(char* bytes, std::size_t size) {
    if (tls_ == nullptr) return ::recv(socket_, bytes, size, 0);
    return SSL_read(tls_, bytes, static_cast<int>(size));
  }
  void say(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = write_some(text);
      if (sent <= 0) throw std::runtime_error("send failed");
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  void expect(std::string_view code) {
    const std::string line = reply();
    if (line.compare(0, 3, code) != 0) throw std::runtime_error("unexpected reply: " + line);
  }
  // The last line of a reply, without its line end.
  std::string reply() {
    for (;;) {
      const std::string text = line();
      if (text.size() >= 4 && text[3] == '-') continue;
      return text;
    }
  }
  std::string line() {
    for (;;) {
      const std::size_t end = input_.find("\r\n");
      if (end != std::string::npos) {
        std::string text = input_.substr(0, end);
        input_.erase(0, end + 2);
        return text;
      }
      char bytes[4096];
      const ssize_t got = read_some(bytes, sizeof bytes);
      if (got <= 0) throw std::runtime_error("connection ended");
      input_.append(bytes, static_cast<std::size_t>(got));
    }
  }

  int socket_;
  SSL* tls_ = nullptr;
  std::string input_;
};

std::vector<Sample> run_device(const Plan& plan, std::uint32_t device, std::atomic<int>& next) {
  std::vector<Sample> samples;
  std::unique_ptr<Connection> connection;
  for (int number = next++; number < plan.mails; number = next++) {
    Sample sample;
    sample.id = plan.first_id + number;
    const std::string text = mail_text(sample.id, plan.bytes);
    sample.begin_us = now_us();
    try {
      if (!connection) connection = std::make_unique<Connection>(plan, device);
      sample.reply = connection->send_mail(text);
      sample.reply_us = now_us();
      if (!plan.keep) {
        connection->quit();
        connection.reset();
      }
    } catch (const std::exception& error) {
      if (sample.reply_us == 0) {
        sample.reply = std::string("000 ") + error.what();
        sample.reply_us = now_us();
      }
      connection.reset();
    }
    samples.push_back(sample);
    if (plan.pause_us > 0) usleep(static_cast<useconds_t>(plan.pause_us));
  }
  return samples;
}

int run(const Plan& plan, const char* output) {
  std::vector<std::vector<Sample>> samples(static_cast<std::size_t>(plan.devices));
  std::atomic<int> next{0};
  std::vector<std::thread> threads;
  for (std::uint32_t device = 0; device < samples.size(); ++device)
    threads.emplace_back(
        [&plan, &next, &own = samples[device], device] { own = run_device(plan, device, next); });
  for (auto& thread : threads) thread.join();
  std::FILE* file = std::fopen(output, "w");
  if (file == nullptr) return 1;
  for (const auto& own : samples)
    for (const Sample& sample : own)
      std::fprintf(file, "%d %lld %lld %s\n", sample.id, static_cast<long long>(sample.begin_us),
                   static_cast<long long>(sample.reply_us), sample.reply.c_str());
  return std::fclose(file) == 0 ? 0 : 1;
}

}  // namespace
}  // namespace alarmwire::bench

int main(int argc, char** argv) {
  if (argc < 10) {
    std::fputs(
        "bench_load HOST PORT DEVICES MAILS BYTES keep|connect FIRST_ID OUTPUT FIRST_DEVICE "
        "[PAUSE_US [clear|starttls [ADDRESSES]]]\n",
        stderr);
    return 2;
  }
  alarmwire::bench::Plan plan;
  plan.host = argv[1];
  plan.port = std::atoi(argv[2]);
  plan.devices = std::atoi(argv[3]);
  plan.mails = std::atoi(argv[4]);
  plan.bytes = static_cast<std::size_t>(std::atoll(argv[5]));
  plan.keep = std::string_view(argv[6]) == "keep";
  plan.first_id = std::atoi(argv[7]);
  plan.first_device = argv[9];
  if (argc > 10) plan.pause_us = std::atoi(argv[10]);
  signal(SIGPIPE, SIG_IGN);  // SSL_write has no MSG_NOSIGNAL
  if (argc > 11 && std::string_view(argv[11]) == "starttls")
    plan.tls = SSL_CTX_new(TLS_client_method());
  if (argc > 12) plan.addresses = static_cast<std::uint32_t>(std::atoi(argv[12]));
  return alarmwire::bench::run(plan, argv[8]);
}
