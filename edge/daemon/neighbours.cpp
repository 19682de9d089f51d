#include "edge/daemon/neighbours.hpp"

#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace alarmwire::edge {
namespace {

constexpr unsigned states_with_mac =
    NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT;

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string_view bytes_of(const nlattr* attribute) {
  return {static_cast<const char*>(mnl_attr_get_payload(attribute)),
          mnl_attr_get_payload_len(attribute)};
}

// IPv4 stands as IPv4-mapped IPv6, as in smtp::parse_address().
std::optional<smtp::AddressBytes> address_of(unsigned char family, std::string_view raw) {
  smtp::AddressBytes address{};
  if (family == AF_INET6 && raw.size() == address.size()) {
    std::copy(raw.begin(), raw.end(), address.begin());
    return address;
  }
  if (family != AF_INET || raw.size() != 4) return {};
  address[10] = address[11] = 0xff;
  std::copy(raw.begin(), raw.end(), address.begin() + 12);
  return address;
}

}  // namespace

std::optional<Mac> parse_mac(std::string_view text) {
  Mac mac{};
  const bool separated = text.size() == 17;
  if (!separated && text.size() != 12) return {};
  const std::size_t step = separated ? 3 : 2;
  for (std::size_t i = 0; i < mac.size(); ++i) {
    const int high = digit(text[i * step]);
    const int low = digit(text[i * step + 1]);
    if (high < 0 || low < 0) return {};
    if (separated && i > 0 && text[i * step - 1] != ':' && text[i * step - 1] != '-') return {};
    mac.at(i) = static_cast<std::uint8_t>(high * 16 + low);
  }
  return mac;
}

std::string to_string(const Mac& mac) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : mac) {
    if (!text.empty()) text += ':';
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

void NeighbourTable::apply(std::string_view datagram) {
  // Copied: the headers must be aligned, a view need not be.
  std::vector<std::uint64_t> aligned(datagram.size() / sizeof(std::uint64_t) + 1);
  std::memcpy(aligned.data(), datagram.data(), datagram.size());
  const auto* message = reinterpret_cast<const nlmsghdr*>(aligned.data());
  int left = static_cast<int>(datagram.size());
  // libmnl takes a length over INT_MAX for a negative one, and lets it pass.
  while (mnl_nlmsg_ok(message, left) && message->nlmsg_len <= datagram.size()) {
    apply_one(message);
    message = mnl_nlmsg_next(message, &left);
  }
}

void NeighbourTable::apply_one(const void* raw) {
  const auto* const message = static_cast<const nlmsghdr*>(raw);
  if (message->nlmsg_type != RTM_NEWNEIGH && message->nlmsg_type != RTM_DELNEIGH) return;
  if (mnl_nlmsg_get_payload_len(message) < sizeof(ndmsg)) return;
  const auto* const facts = static_cast<const ndmsg*>(mnl_nlmsg_get_payload(message));
  std::optional<smtp::AddressBytes> address;
  std::string_view lladdr;
  const auto* const end = static_cast<const char*>(mnl_nlmsg_get_payload_tail(message));
  const auto* attribute =
      static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(message, sizeof(ndmsg)));
  const auto left = [&] {
    return static_cast<int>(end - reinterpret_cast<const char*>(attribute));
  };
  for (; mnl_attr_ok(attribute, left()); attribute = mnl_attr_next(attribute)) {
    if (mnl_attr_get_type(attribute) == NDA_DST)
      address = address_of(facts->ndm_family, bytes_of(attribute));
    if (mnl_attr_get_type(attribute) == NDA_LLADDR) lladdr = bytes_of(attribute);
  }
  if (!address) return;
  const auto key = std::make_pair(*address, static_cast<unsigned>(facts->ndm_ifindex));
  Mac mac{};
  const bool there = message->nlmsg_type == RTM_NEWNEIGH &&
                     (facts->ndm_state & states_with_mac) != 0 && lladdr.size() == mac.size();
  if (!there) {
    macs_.erase(key);
  } else if (macs_.size() < neighbours_max || macs_.contains(key)) {
    std::copy(lladdr.begin(), lladdr.end(), mac.begin());
    macs_[key] = mac;
  }
}

std::optional<Mac> NeighbourTable::find(const smtp::AddressBytes& address,
                                        unsigned interface) const {
  std::optional<Mac> found;
  for (auto at = macs_.lower_bound({address, interface});
       at != macs_.end() && at->first.first == address; ++at) {
    if (interface != 0 && at->first.second != interface) break;
    if (found && *found != at->second) return {};
    found = at->second;
  }
  return found;
}

}  // namespace alarmwire::edge
