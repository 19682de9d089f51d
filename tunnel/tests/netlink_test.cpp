#include "tunnel/netlink.hpp"

#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

#include <cstring>
#include <string>

namespace alarmwire::tunnel::netlink {
namespace {

constexpr unsigned own = 7;

template <typename Body>
std::string message(std::uint16_t type, const Body& body, const std::string& attributes = "") {
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_len = static_cast<std::uint32_t>(NLMSG_LENGTH(sizeof body) + attributes.size());
  std::string bytes(NLMSG_ALIGN(header.nlmsg_len), '\0');
  std::memcpy(bytes.data(), &header, sizeof header);
  std::memcpy(bytes.data() + NLMSG_HDRLEN, &body, sizeof body);
  attributes.copy(bytes.data() + NLMSG_LENGTH(sizeof body), attributes.size());
  return bytes;
}

std::string attribute(std::uint16_t type, const void* data, std::size_t size) {
  rtattr header{};
  header.rta_type = type;
  header.rta_len = static_cast<std::uint16_t>(RTA_LENGTH(size));
  std::string bytes(RTA_SPACE(size), '\0');
  std::memcpy(bytes.data(), &header, sizeof header);
  std::memcpy(bytes.data() + RTA_LENGTH(0), data, size);
  return bytes;
}

std::string address_change(unsigned index) {
  ifaddrmsg body{};
  body.ifa_index = index;
  return message(RTM_NEWADDR, body);
}

std::string route_change(std::uint8_t kind, const char* destination, int link) {
  rtmsg body{};
  body.rtm_type = kind;
  const Ipv6 address = Ipv6::parse(destination).value();
  return message(
      RTM_DELROUTE, body,
      attribute(RTA_DST, address.bytes.data(), 16) + attribute(RTA_OIF, &link, sizeof link));
}

class Classify : public testing::Test {
 protected:
  Changes of(const std::string& bytes) { return classify(bytes, own, prefix); }
  Prefix prefix = Prefix::parse("fd12:3456:789a::/48").value();
};

TEST_F(Classify, TellsOursFromOthers) {
  EXPECT_TRUE(of(address_change(own)).ours);
  EXPECT_FALSE(of(address_change(own)).others);
  EXPECT_TRUE(of(address_change(2)).others);
  const Changes both = of(address_change(own) + address_change(2));
  EXPECT_TRUE(both.ours && both.others);
}

TEST_F(Classify, RoutesOfThePrefixAreOursWhereverTheyLead) {
  EXPECT_TRUE(of(route_change(RTN_UNREACHABLE, "fd12:3456:789a::", 1)).ours);
  EXPECT_TRUE(of(route_change(RTN_UNICAST, "2001:db8::", own)).ours);
  EXPECT_TRUE(of(route_change(RTN_UNICAST, "2001:db8::", 2)).others);
}

TEST_F(Classify, LocalRoutesAreNoNews) {
  const Changes changes = of(route_change(RTN_LOCAL, "2001:db8::1", 2));
  EXPECT_FALSE(changes.ours || changes.others);
}

TEST_F(Classify, ShortAndMalformedDatagramsAreNoChange) {
  const std::string whole = address_change(2);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Changes changes = of(whole.substr(0, size));
    EXPECT_FALSE(changes.ours || changes.others) << size;
  }
  EXPECT_FALSE(of(std::string(64, '\xff')).others);
}

}  // namespace
}  // namespace alarmwire::tunnel::netlink
