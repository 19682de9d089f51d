// A long way between two WireGuard ends: forwards UDP datagrams, each after a fixed delay.
//
//   bench_relay LISTEN_ADDRESS:PORT CENTRE_ADDRESS:PORT DELAY_US
//
// Datagrams from the centre go to whoever spoke last from the other side. The delay is per
// direction: 25000 makes a path of 50 ms there and back.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>

#include "tests/bench/clock.hpp"

namespace alarmwire::bench {
namespace {

constexpr std::size_t under_way_max = 65536;  // datagrams; more are dropped, as a router would

bool parse(const char* text, sockaddr_in& address) {
  const char* colon = std::strrchr(text, ':');
  if (colon == nullptr) return false;
  address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(colon + 1)));
  return inet_pton(AF_INET, std::string(text, colon).c_str(), &address.sin_addr) == 1;
}

bool same(const sockaddr_in& one, const sockaddr_in& other) {
  return one.sin_port == other.sin_port && one.sin_addr.s_addr == other.sin_addr.s_addr;
}

struct Datagram {
  std::int64_t due_us;
  bool to_centre;
  std::string bytes;
};

int run(const sockaddr_in& here, const sockaddr_in& centre, std::int64_t delay_us) {
  const int socket = ::socket(AF_INET, SOCK_DGRAM, 0);
  const int buffer = 8 * 1024 * 1024;
  setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0) {
    std::perror("bench_relay");
    return 1;
  }
  std::deque<Datagram> under_way;
  sockaddr_in box{};
  std::array<char, 65536> bytes;
  for (;;) {
    timespec patience{60, 0};
    if (!under_way.empty()) {
      const std::int64_t left_us = std::max<std::int64_t>(0, under_way.front().due_us - now_us());
      patience = {left_us / 1'000'000, left_us % 1'000'000 * 1000};
    }
    pollfd polled{socket, POLLIN, 0};
    ::ppoll(&polled, 1, &patience, nullptr);
    if (polled.revents != 0) {
      sockaddr_in from{};
      socklen_t length = sizeof from;
      const ssize_t got = ::recvfrom(socket, bytes.data(), bytes.size(), MSG_DONTWAIT,
                                     reinterpret_cast<sockaddr*>(&from), &length);
      const bool from_centre = same(from, centre);
      if (got > 0 && !from_centre) box = from;
      if (got > 0 && under_way.size() < under_way_max)
        under_way.push_back({now_us() + delay_us, !from_centre,
                             std::string(bytes.data(), static_cast<std::size_t>(got))});
    }
    while (!under_way.empty() && under_way.front().due_us <= now_us()) {
      const Datagram& next = under_way.front();
      const sockaddr_in& to = next.to_centre ? centre : box;
      if (to.sin_port != 0)
        ::sendto(socket, next.bytes.data(), next.bytes.size(), 0,
                 reinterpret_cast<const sockaddr*>(&to), sizeof to);
      under_way.pop_front();
    }
  }
}

}  // namespace
}  // namespace alarmwire::bench

int main(int argc, char** argv) {
  sockaddr_in here{};
  sockaddr_in centre{};
  using alarmwire::bench::parse;
  if (argc != 4 || !parse(argv[1], here) || !parse(argv[2], centre)) {
    std::fputs("bench_relay LISTEN_ADDRESS:PORT CENTRE_ADDRESS:PORT DELAY_US\n", stderr);
    return 2;
  }
  return alarmwire::bench::run(here, centre, std::atoll(argv[3]));
}
