#include "tunnel/netlink.hpp"

#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

namespace alarmwire::tunnel::netlink {
namespace {

constexpr std::uint8_t addr_gen_none = 1;  // IN6_ADDR_GEN_MODE_NONE
// What the kernel sends in one datagram of a dump is at most 32 KiB; requests are far smaller.
constexpr std::size_t buffer_bytes = 32 * 1024;
constexpr std::size_t monitor_reads_max = 64;  // datagrams per turn of the loop

struct SocketClose {
  void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
};

Failure netlink_failure(int error_number, const std::string& doing) {
  if (error_number == EPERM) {
    return {Errc::denied, doing + ": not permitted; CAP_NET_ADMIN is missing"};
  }
  if (error_number == EACCES) {
    return {Errc::unsupported, doing + ": IPv6 is off here (sysctl net.ipv6.conf.*.disable_ipv6)"};
  }
  return errno_failure(error_number, doing);
}

// One request and its answer.
class Request {
 public:
  Request(std::uint16_t type, std::uint16_t flags)
      : buffer_(buffer_bytes), header_(mnl_nlmsg_put_header(buffer_.data())) {
    header_->nlmsg_type = type;
    header_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    header_->nlmsg_seq = 1;
  }
  template <typename Body>
  Body& body() {
    return *static_cast<Body*>(mnl_nlmsg_put_extra_header(header_, sizeof(Body)));
  }
  nlmsghdr* header() { return header_; }

  // 0, or the kernel's errno. `on_message` sees every message that is not an acknowledgement.
  int ask(const std::function<void(const nlmsghdr*)>& on_message = {}) {
    const std::unique_ptr<mnl_socket, SocketClose> socket(
        mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC));
    if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) return errno;
    if (mnl_socket_sendto(socket.get(), header_, header_->nlmsg_len) < 0) return errno;
    const unsigned port = mnl_socket_get_portid(socket.get());
    const mnl_cb_t forward = [](const nlmsghdr* message, void* data) {
      const auto& function = *static_cast<const std::function<void(const nlmsghdr*)>*>(data);
      if (function) function(message);
      return MNL_CB_OK;
    };
    for (;;) {
      std::vector<char> answer(buffer_bytes);
      const ssize_t n = mnl_socket_recvfrom(socket.get(), answer.data(), answer.size());
      if (n < 0) return errno;
      void* data = const_cast<std::function<void(const nlmsghdr*)>*>(&on_message);
      const int verdict =
          mnl_cb_run(answer.data(), static_cast<std::size_t>(n), 1, port, forward, data);
      if (verdict < 0) return errno;
      if (verdict == MNL_CB_STOP) return 0;
    }
  }

 private:
  std::vector<char> buffer_;
  nlmsghdr* header_;
};

void put_address(nlmsghdr* header, std::uint16_t type, const Ipv6& address) {
  mnl_attr_put(header, type, address.bytes.size(), address.bytes.data());
}

using OnAttribute = std::function<void(const nlattr*)>;

int call_on_attribute(const nlattr* attribute, void* data) {
  (*static_cast<const OnAttribute*>(data))(attribute);
  return MNL_CB_OK;
}

// libmnl's own loops are macros that only C compiles.
void for_each_attribute(const nlmsghdr* message, unsigned body_bytes, OnAttribute on_attribute) {
  mnl_attr_parse(message, body_bytes, call_on_attribute, &on_attribute);
}

void for_each_nested(const nlattr* outer, OnAttribute on_attribute) {
  mnl_attr_parse_nested(outer, call_on_attribute, &on_attribute);
}

Link parse_link(const nlmsghdr* message) {
  const auto* info = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(message));
  Link link;
  link.index = static_cast<unsigned>(info->ifi_index);
  link.is_up = (info->ifi_flags & IFF_UP) != 0;
  for_each_attribute(message, sizeof(ifinfomsg), [&link](const nlattr* attribute) {
    const int type = mnl_attr_get_type(attribute);
    if (type == IFLA_MTU) link.mtu = mnl_attr_get_u32(attribute);
    if (type != IFLA_LINKINFO) return;
    for_each_nested(attribute, [&link](const nlattr* nested) {
      if (mnl_attr_get_type(nested) == IFLA_INFO_KIND) link.kind = mnl_attr_get_str(nested);
    });
  });
  return link;
}

std::optional<Ipv6> address_in(const nlattr* attribute) {
  Ipv6 address;
  if (mnl_attr_get_payload_len(attribute) != address.bytes.size()) return std::nullopt;
  std::memcpy(address.bytes.data(), mnl_attr_get_payload(attribute), address.bytes.size());
  return address;
}

Request address_request(std::uint16_t type, std::uint16_t flags, unsigned index,
                        const Ipv6& address) {
  Request request(type, static_cast<std::uint16_t>(flags | NLM_F_ACK));
  auto& body = request.body<ifaddrmsg>();
  body.ifa_family = AF_INET6;
  body.ifa_prefixlen = 128;
  body.ifa_scope = RT_SCOPE_UNIVERSE;
  body.ifa_index = index;
  // No duplicate address detection: nobody else can have it, and it would delay the first packet.
  body.ifa_flags = IFA_F_NODAD;
  put_address(request.header(), IFA_LOCAL, address);
  put_address(request.header(), IFA_ADDRESS, address);
  return request;
}

Result<std::vector<Ipv6>> addresses_of(unsigned index, const Prefix& prefix) {
  Request request(RTM_GETADDR, NLM_F_DUMP);
  request.body<ifaddrmsg>().ifa_family = AF_INET6;
  std::vector<Ipv6> found;
  const std::function<void(const nlmsghdr*)> on_message = [&](const nlmsghdr* message) {
    const auto* info = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(message));
    if (info->ifa_index != index) return;
    for_each_attribute(message, sizeof(ifaddrmsg), [&](const nlattr* attribute) {
      if (mnl_attr_get_type(attribute) != IFA_ADDRESS) return;
      const std::optional<Ipv6> address = address_in(attribute);
      if (address && prefix.contains(*address)) found.push_back(*address);
    });
  };
  if (const int error = request.ask(on_message); error != 0) {
    return netlink_failure(error, "listing addresses");
  }
  return found;
}

Request route_request(std::uint16_t type, std::uint16_t flags, const Route& route) {
  Request request(type, static_cast<std::uint16_t>(flags | NLM_F_ACK));
  auto& body = request.body<rtmsg>();
  body.rtm_family = AF_INET6;
  body.rtm_dst_len = route.bits;
  body.rtm_table = RT_TABLE_MAIN;
  body.rtm_protocol = RTPROT_STATIC;
  body.rtm_scope = RT_SCOPE_UNIVERSE;
  body.rtm_type = route.link_index == 0 ? RTN_UNREACHABLE : RTN_UNICAST;
  put_address(request.header(), RTA_DST, route.destination);
  mnl_attr_put_u32(request.header(), RTA_PRIORITY, route.metric);
  if (route.link_index != 0) mnl_attr_put_u32(request.header(), RTA_OIF, route.link_index);
  if (route.source) put_address(request.header(), RTA_PREFSRC, *route.source);
  if (route.advertised_mss != 0) {
    nlattr* metrics = mnl_attr_nest_start(request.header(), RTA_METRICS);
    mnl_attr_put_u32(request.header(), RTAX_ADVMSS, route.advertised_mss);
    mnl_attr_nest_end(request.header(), metrics);
  }
  return request;
}

std::string describe(const Route& route) {
  return "the route to " + route.destination.to_string() + "/" + std::to_string(route.bits);
}

Changes classify_route(const nlmsghdr* message, unsigned own_index, const Prefix& prefix) {
  const auto* route = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(message));
  // Address changes bring their own local routes; the address message already told.
  if (route->rtm_type != RTN_UNICAST && route->rtm_type != RTN_UNREACHABLE) return {};
  if ((route->rtm_flags & RTM_F_CLONED) != 0) return {};
  bool is_ours = false;
  for_each_attribute(message, sizeof(rtmsg), [&](const nlattr* attribute) {
    const int type = mnl_attr_get_type(attribute);
    if (type == RTA_DST) {
      const std::optional<Ipv6> destination = address_in(attribute);
      is_ours |= destination && prefix.contains(*destination);
    }
    if (type == RTA_OIF && mnl_attr_get_payload_len(attribute) == sizeof(std::uint32_t)) {
      is_ours |= mnl_attr_get_u32(attribute) == own_index;
    }
  });
  return is_ours ? Changes{true, false} : Changes{false, true};
}

Changes classify_message(const nlmsghdr* message, unsigned own_index, const Prefix& prefix) {
  const std::size_t body_bytes = mnl_nlmsg_get_payload_len(message);
  unsigned index = 0;
  switch (message->nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      if (body_bytes < sizeof(ifinfomsg)) return {};
      index = static_cast<unsigned>(
          static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(message))->ifi_index);
      break;
    case RTM_NEWADDR:
    case RTM_DELADDR:
      if (body_bytes < sizeof(ifaddrmsg)) return {};
      index = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(message))->ifa_index;
      break;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      if (body_bytes < sizeof(rtmsg)) return {};
      return classify_route(message, own_index, prefix);
    default:
      return {};
  }
  return index == own_index ? Changes{true, false} : Changes{false, true};
}

}  // namespace

Result<std::optional<Link>> find_link(const std::string& name) {
  Request request(RTM_GETLINK, NLM_F_ACK);
  request.body<ifinfomsg>().ifi_family = AF_UNSPEC;
  mnl_attr_put_strz(request.header(), IFLA_IFNAME, name.c_str());
  std::optional<Link> link;
  const int error = request.ask([&](const nlmsghdr* message) { link = parse_link(message); });
  if (error == ENODEV) return std::optional<Link>();
  if (error != 0) return netlink_failure(error, "looking for interface " + name);
  return link;
}

Status delete_link(const std::string& name) {
  Request request(RTM_DELLINK, NLM_F_ACK);
  request.body<ifinfomsg>().ifi_family = AF_UNSPEC;
  mnl_attr_put_strz(request.header(), IFLA_IFNAME, name.c_str());
  const int error = request.ask();
  if (error != 0 && error != ENODEV) return netlink_failure(error, "removing interface " + name);
  return {};
}

Status create_persistent_tun(const std::string& name) {
  const Descriptor fd(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  if (!fd) {
    return Failure(Errc::denied, errno_failure(errno, "opening /dev/net/tun").diagnostics);
  }
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) {
    return netlink_failure(errno, "making TUN interface " + name);
  }
  if (::ioctl(fd.get(), TUNSETOWNER, static_cast<unsigned long>(::geteuid())) != 0 ||
      ::ioctl(fd.get(), TUNSETPERSIST, 1UL) != 0) {
    return netlink_failure(errno, "keeping TUN interface " + name);
  }
  return {};
}

Status set_link_up(unsigned index, std::uint32_t mtu) {
  const auto link_request = [index](unsigned flags) {
    Request request(RTM_NEWLINK, NLM_F_ACK);
    auto& body = request.body<ifinfomsg>();
    body.ifi_family = AF_UNSPEC;
    body.ifi_index = static_cast<int>(index);
    body.ifi_flags = flags;
    body.ifi_change = flags;
    return request;
  };
  Request prepare = link_request(0);
  mnl_attr_put_u32(prepare.header(), IFLA_MTU, mtu);
  // Without this the kernel gives the link an fe80:: address, and sends router solicitations into
  // it. It must stand before the link goes up, so it is a request of its own.
  nlattr* spec = mnl_attr_nest_start(prepare.header(), IFLA_AF_SPEC);
  nlattr* inet6 = mnl_attr_nest_start(prepare.header(), AF_INET6);
  mnl_attr_put_u8(prepare.header(), IFLA_INET6_ADDR_GEN_MODE, addr_gen_none);
  mnl_attr_nest_end(prepare.header(), inet6);
  mnl_attr_nest_end(prepare.header(), spec);
  if (const int error = prepare.ask(); error != 0) return netlink_failure(error, "setting the MTU");
  if (const int error = link_request(IFF_UP).ask(); error != 0) {
    return netlink_failure(error, "bringing the interface up");
  }
  return {};
}

Status set_address(unsigned index, const Prefix& prefix, const Ipv6& address) {
  const Result<std::vector<Ipv6>> found = addresses_of(index, prefix);
  if (!found) return found.error();
  for (const Ipv6& other : *found) {
    if (other == address) continue;
    const int error = address_request(RTM_DELADDR, 0, index, other).ask();
    if (error != 0 && error != EADDRNOTAVAIL) {
      return netlink_failure(error, "removing address " + other.to_string());
    }
  }
  if (std::find(found->begin(), found->end(), address) != found->end()) return {};
  const int error = address_request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, index, address).ask();
  if (error != 0 && error != EEXIST) {
    return netlink_failure(error, "adding address " + address.to_string());
  }
  return {};
}

Status add_route(const Route& route) {
  const int error = route_request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, route).ask();
  if (error != 0 && error != EEXIST) return netlink_failure(error, "adding " + describe(route));
  return {};
}

Status delete_route(const Route& route) {
  const int error = route_request(RTM_DELROUTE, 0, route).ask();
  if (error != 0 && error != ESRCH && error != ENODEV) {
    return netlink_failure(error, "removing " + describe(route));
  }
  return {};
}

Changes classify(std::string_view datagram, unsigned own_index, const Prefix& prefix) {
  // Copied: the headers must be aligned, a view need not be.
  std::vector<std::uint64_t> aligned(datagram.size() / sizeof(std::uint64_t) + 1);
  std::memcpy(aligned.data(), datagram.data(), datagram.size());
  const auto* message = reinterpret_cast<const nlmsghdr*>(aligned.data());
  int left = static_cast<int>(datagram.size());
  Changes changes;
  // libmnl takes a length over INT_MAX for a negative one, and lets it pass.
  while (mnl_nlmsg_ok(message, left) && message->nlmsg_len <= datagram.size()) {
    const Changes one = classify_message(message, own_index, prefix);
    changes.ours |= one.ours;
    changes.others |= one.others;
    message = mnl_nlmsg_next(message, &left);
  }
  return changes;
}

Result<Monitor> Monitor::open() {
  Descriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups =
      RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
  if (!socket ||
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return errno_failure(errno, "listening to rtnetlink");
  }
  return Monitor(std::move(socket));
}

Changes Monitor::read(unsigned own_index, const Prefix& prefix) {
  Changes changes;
  std::vector<char> buffer(buffer_bytes);
  for (std::size_t i = 0; i < monitor_reads_max; ++i) {
    const ssize_t n = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == ENOBUFS) return Changes{true, true};
    if (n <= 0) break;
    const Changes one = classify({buffer.data(), static_cast<std::size_t>(n)}, own_index, prefix);
    changes.ours |= one.ours;
    changes.others |= one.others;
  }
  return changes;
}

}  // namespace alarmwire::tunnel::netlink
