#include "edge/daemon/neighbour_watch.hpp"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace alarmwire::edge {
namespace {

constexpr std::size_t buffer_bytes = 32 * 1024;  // what the kernel puts into one datagram of a dump
constexpr std::size_t reads_max = 1024;          // at once: a storm of news must not hold the door

}  // namespace

Result<std::shared_ptr<NeighbourWatch>> NeighbourWatch::open(boost::asio::io_context& context) {
  const int socket = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  if (socket < 0) return errno_failure(errno, "opening rtnetlink");
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_NEIGH;
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const Failure failure = errno_failure(errno, "listening to rtnetlink");
    ::close(socket);
    return failure;
  }
  auto watch = std::make_shared<NeighbourWatch>(context, socket);
  watch->ask_for_all();
  watch->wait();
  return watch;
}

NeighbourWatch::NeighbourWatch(boost::asio::io_context& context, int socket)
    : socket_(context, socket), buffer_(buffer_bytes) {}

NeighbourWatch::~NeighbourWatch() {
  *alive_ = false;
}

// The answer comes among the news.
void NeighbourWatch::ask_for_all() {
  struct {
    nlmsghdr header{};
    ndmsg facts{};
  } request;
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = RTM_GETNEIGH;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.facts.ndm_family = AF_UNSPEC;
  (void)::send(socket_.native_handle(), &request, sizeof request, 0);
}

void NeighbourWatch::wait() {
  socket_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                     [this, alive = alive_](const boost::system::error_code& error) {
                       if (!*alive || error) return;
                       drain();
                       wait();
                     });
}

void NeighbourWatch::drain() {
  for (std::size_t reads = 0; reads < reads_max; ++reads) {
    const ssize_t size = ::recv(socket_.native_handle(), buffer_.data(), buffer_.size(), 0);
    if (size < 0 && errno == ENOBUFS) {  // some news were lost: hear all once more
      ask_for_all();
    } else if (size <= 0) {
      return;
    } else {
      table_.apply({buffer_.data(), static_cast<std::size_t>(size)});
    }
  }
}

std::optional<Mac> NeighbourWatch::find(const boost::asio::ip::address& address) {
  drain();
  const bool local = address.is_v6() && address.to_v6().is_link_local();
  const unsigned interface = local ? static_cast<unsigned>(address.to_v6().scope_id()) : 0;
  boost::asio::ip::address bare = address;
  if (local) bare = boost::asio::ip::address_v6(address.to_v6().to_bytes());
  const auto bytes = smtp::parse_address(bare.to_string());
  return bytes ? table_.find(*bytes, interface) : std::nullopt;
}

}  // namespace alarmwire::edge
