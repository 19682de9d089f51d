// A tap in front of smtp-sink: passes every byte on in both directions and notes, for each mail,
// when its final dot reached the sink. smtp-sink itself keeps neither mails nor times.
//
//   bench_tap LISTEN_PORT SINK_PORT OUTPUT        (both on 127.0.0.1)
//
// OUTPUT gets a line per mail: id (from its header X-Bench-Id, else -1) and time_us; flushed at
// once.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/clock.hpp"

namespace alarmwire::bench {
namespace {

constexpr std::string_view id_header = "\r\nX-Bench-Id: ";
constexpr std::string_view end_of_data = "\r\n.\r\n";
constexpr std::size_t connections_max = 512;

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void no_delay(int socket) {
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

bool send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

// Finds ids and ends of mails in a stream that comes in pieces: keeps a short tail between them.
class Watcher {
 public:
  explicit Watcher(std::FILE* output) : output_(output) {}

  void see(std::string_view bytes) {
    window_.append(bytes);
    for (;;) {
      const std::size_t end = window_.find(end_of_data);
      const std::size_t id = window_.find(id_header);
      if (id != std::string::npos && (end == std::string::npos || id < end)) {
        const std::size_t line_end = window_.find("\r\n", id + 2);
        if (line_end == std::string::npos) return;  // the rest of the line is still to come
        std::from_chars(window_.data() + id + id_header.size(), window_.data() + line_end, id_);
        window_.erase(0, line_end);
        continue;
      }
      if (end == std::string::npos) break;
      std::fprintf(output_, "%d %lld\n", id_, static_cast<long long>(now_us()));
      std::fflush(output_);
      id_ = -1;
      window_.erase(0, end + end_of_data.size());
    }
    constexpr std::size_t tail = id_header.size();
    if (window_.size() > tail) window_.erase(0, window_.size() - tail);
  }

 private:
  std::FILE* output_;
  std::string window_;
  int id_ = -1;
};

struct Pair {
  int client;
  int sink;
  Watcher watcher;
};

// Moves what is there; false when the pair has come to its end.
bool move(Pair& pair, bool from_client) {
  std::array<char, 65536> bytes;
  const ssize_t got = ::recv(from_client ? pair.client : pair.sink, bytes.data(), bytes.size(), 0);
  if (got <= 0) return false;
  const std::string_view view(bytes.data(), static_cast<std::size_t>(got));
  if (!send_all(from_client ? pair.sink : pair.client, view)) return false;
  if (from_client) pair.watcher.see(view);
  return true;
}

int run(int listen_port, int sink_port, std::FILE* output) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in here = loopback(listen_port);
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0 ||
      ::listen(listener, 1024) != 0) {
    std::perror("bench_tap");
    return 1;
  }
  std::vector<Pair> pairs;
  for (;;) {
    std::vector<pollfd> polled{{listener, POLLIN, 0}};
    for (const Pair& pair : pairs) {
      polled.push_back({pair.client, POLLIN, 0});
      polled.push_back({pair.sink, POLLIN, 0});
    }
    if (::poll(polled.data(), polled.size(), -1) < 0) return 1;
    std::vector<Pair> alive;
    for (std::size_t n = 0; n < pairs.size(); ++n) {
      bool lives = true;
      if (polled[1 + 2 * n].revents != 0) lives = move(pairs[n], true);
      if (lives && polled[2 + 2 * n].revents != 0) lives = move(pairs[n], false);
      if (lives) {
        alive.push_back(std::move(pairs[n]));
      } else {
        ::close(pairs[n].client);
        ::close(pairs[n].sink);
      }
    }
    pairs = std::move(alive);
    if (polled[0].revents == 0 || pairs.size() >= connections_max) continue;
    const int client = ::accept(listener, nullptr, nullptr);
    const int sink = ::socket(AF_INET, SOCK_STREAM, 0);
    const sockaddr_in there = loopback(sink_port);
    if (client < 0 ||
        ::connect(sink, reinterpret_cast<const sockaddr*>(&there), sizeof there) != 0) {
      ::close(client);
      ::close(sink);
      continue;
    }
    no_delay(client);
    no_delay(sink);
    pairs.push_back({client, sink, Watcher(output)});
  }
}

}  // namespace
}  // namespace alarmwire::bench

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("bench_tap LISTEN_PORT SINK_PORT OUTPUT\n", stderr);
    return 2;
  }
  std::FILE* output = std::fopen(argv[3], "a");
  if (output == nullptr) return 1;
  return alarmwire::bench::run(std::atoi(argv[1]), std::atoi(argv[2]), output);
}
