// The neighbour table from rtnetlink's bytes; and from this machine's kernel.
#include "edge/daemon/neighbours.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <random>

#include "edge/daemon/neighbour_watch.hpp"

namespace alarmwire::edge {
namespace {

std::string attribute(std::uint16_t type, std::string_view value) {
  const nlattr head{static_cast<std::uint16_t>(sizeof(nlattr) + value.size()), type};
  std::string bytes(reinterpret_cast<const char*>(&head), sizeof head);
  bytes += value;
  bytes.resize((bytes.size() + 3) / 4 * 4);
  return bytes;
}

std::string news(std::uint16_t type, const std::string& address, std::string_view mac,
                 std::uint16_t state = NUD_REACHABLE, int interface = 2) {
  const bool v6 = address.find(':') != std::string::npos;
  ndmsg facts{};
  facts.ndm_family = v6 ? AF_INET6 : AF_INET;
  facts.ndm_ifindex = interface;
  facts.ndm_state = state;
  std::array<char, 16> raw{};
  inet_pton(facts.ndm_family, address.c_str(), raw.data());
  std::string body(reinterpret_cast<const char*>(&facts), sizeof facts);
  body += attribute(NDA_DST, {raw.data(), v6 ? std::size_t{16} : std::size_t{4}});
  if (!mac.empty()) body += attribute(NDA_LLADDR, mac);
  nlmsghdr head{};
  head.nlmsg_len = static_cast<std::uint32_t>(sizeof head + body.size());
  head.nlmsg_type = type;
  return std::string(reinterpret_cast<const char*>(&head), sizeof head) + body;
}

constexpr std::string_view mac_1{"\x00\x40\x8c\x12\x34\x56", 6};
constexpr std::string_view mac_2{"\x00\x40\x8c\x12\x34\x57", 6};

std::string found(const NeighbourTable& table, const std::string& address, unsigned interface = 0) {
  const auto mac = table.find(*smtp::parse_address(address), interface);
  return mac ? to_string(*mac) : "";
}

TEST(Neighbours, come_change_and_go) {
  NeighbourTable table;
  table.apply(news(RTM_NEWNEIGH, "192.0.2.7", mac_1) + news(RTM_NEWNEIGH, "2001:db8::7", mac_2));
  EXPECT_EQ(found(table, "192.0.2.7"), "00:40:8c:12:34:56");
  EXPECT_EQ(found(table, "2001:db8::7"), "00:40:8c:12:34:57");
  EXPECT_EQ(found(table, "192.0.2.8"), "");
  table.apply(news(RTM_NEWNEIGH, "192.0.2.7", mac_2, NUD_STALE));
  EXPECT_EQ(found(table, "192.0.2.7"), "00:40:8c:12:34:57");
  table.apply(news(RTM_DELNEIGH, "192.0.2.7", mac_2));
  EXPECT_EQ(found(table, "192.0.2.7"), "");
  EXPECT_EQ(table.size(), 1u);
}

TEST(Neighbours, who_does_not_answer_has_no_mac) {
  NeighbourTable table;
  table.apply(news(RTM_NEWNEIGH, "192.0.2.7", mac_1, NUD_FAILED));
  table.apply(news(RTM_NEWNEIGH, "192.0.2.8", "", NUD_INCOMPLETE));
  table.apply(news(RTM_NEWNEIGH, "192.0.2.9", "four"));  // a tunnel's "MAC"
  EXPECT_EQ(table.size(), 0u);
  table.apply(news(RTM_NEWNEIGH, "192.0.2.7", mac_1));
  table.apply(news(RTM_NEWNEIGH, "192.0.2.7", mac_1, NUD_FAILED));
  EXPECT_EQ(found(table, "192.0.2.7"), "");
}

TEST(Neighbours, the_same_link_local_address_on_two_interfaces_is_told_apart) {
  NeighbourTable table;
  table.apply(news(RTM_NEWNEIGH, "fe80::7", mac_1, NUD_REACHABLE, 2));
  table.apply(news(RTM_NEWNEIGH, "fe80::7", mac_2, NUD_REACHABLE, 3));
  EXPECT_EQ(found(table, "fe80::7", 2), "00:40:8c:12:34:56");
  EXPECT_EQ(found(table, "fe80::7", 3), "00:40:8c:12:34:57");
  EXPECT_EQ(found(table, "fe80::7"), "");
  EXPECT_EQ(found(table, "fe80::7", 4), "");
}

TEST(Neighbours, more_than_the_limit_are_not_known) {
  NeighbourTable table;
  for (unsigned i = 0; i < neighbours_max + 10; ++i) {
    table.apply(news(RTM_NEWNEIGH,
                     "10." + std::to_string(i >> 16) + "." + std::to_string(i >> 8 & 255) + "." +
                         std::to_string(i & 255),
                     mac_1));
  }
  EXPECT_EQ(table.size(), neighbours_max);
}

TEST(Neighbours, any_bytes_are_survived) {
  std::mt19937 random(7);
  const std::string good = news(RTM_NEWNEIGH, "192.0.2.7", mac_1);
  NeighbourTable table;
  for (std::size_t size = 0; size < good.size(); ++size) table.apply(good.substr(0, size));
  EXPECT_EQ(table.size(), 0u);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = good + good;
    for (int flips = 0; flips < 3; ++flips)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    table.apply(bytes);
  }
}

TEST(Neighbours, this_machines_kernel_answers_without_rights) {
  boost::asio::io_context context;
  auto watch = NeighbourWatch::open(context);
  ASSERT_TRUE(watch.has_value()) << watch.error().diagnostics;
  EXPECT_FALSE((*watch)->find(boost::asio::ip::make_address("192.0.2.7")));
  EXPECT_FALSE((*watch)->find(boost::asio::ip::make_address("fe80::1%1")));
}

}  // namespace
}  // namespace alarmwire::edge
