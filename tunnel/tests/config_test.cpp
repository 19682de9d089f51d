#include "tunnel/config.hpp"

#include <gtest/gtest.h>

namespace alarmwire::tunnel {
namespace {

constexpr const char* key_a = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
constexpr const char* key_b = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

std::string common(const std::string& more = "") {
  return "\n\n[tunnel]\nprivate_key_file = \"/k\"\n"
         "prefix = \"fd12:3456:789a::/48\"\n" +
         more;
}
std::string box_file(const std::string& more = "") {
  return common(more) + "[tunnel.centre]\npublic_key = \"" + key_a +
         "\"\nendpoints = [\"centre.example:51820\", \"192.0.2.1:443\"]\n";
}
std::string box_entry(const std::string& id, const std::string& key, const std::string& more = "") {
  return "[[box]]\nid = \"" + id + "\"\npublic_key = \"" + key + "\"\n" + more;
}

struct Read {
  Settings settings;
  std::string problems;
};
Read read(const std::string& text) {
  config::Reader reader = config::parse(text, "t.toml").value();
  Read result;
  result.settings = read_settings(reader.root(), KeyFiles::leave);
  const Status done = reader.finish();
  if (!done) result.problems = done.error().diagnostics;
  return result;
}

TEST(Config, ABoxHasItsCentreAndDefaults) {
  const Read r = read(box_file());
  EXPECT_EQ(r.problems, "");
  EXPECT_EQ(r.settings.role, Role::box);
  EXPECT_EQ(r.settings.interface, "wgedge");
  EXPECT_EQ(r.settings.mtu, 1280U);
  EXPECT_EQ(r.settings.listen_port, 0);
  EXPECT_TRUE(r.settings.allow_tcp_ports.empty());
  ASSERT_EQ(r.settings.peers.size(), 1U);
  EXPECT_EQ(r.settings.peers[0].name, "centre");
  EXPECT_EQ(r.settings.peers[0].endpoints.size(), 2U);
}

TEST(Config, TheCentreHasItsBoxesAndOpensTheLinkPort) {
  const Read r =
      read(common("link_port = 7500\n") + box_entry("site-a", key_a) + box_entry("site-b", key_b));
  EXPECT_EQ(r.problems, "");
  EXPECT_EQ(r.settings.role, Role::centre);
  EXPECT_EQ(r.settings.interface, "wgcentre");
  EXPECT_EQ(r.settings.listen_port, 51820);
  EXPECT_EQ(r.settings.allow_tcp_ports, std::vector<std::uint16_t>{7500});
  EXPECT_EQ(r.settings.peers.size(), 2U);
  EXPECT_EQ(read(common("allow_tcp_ports = [1, 2]\n")).settings.allow_tcp_ports.size(), 2U);
}

TEST(Config, AddressesNameTheBoxes) {
  const Settings centre =
      read(common() + box_entry("site-a", key_a) + box_entry("site-b", key_b)).settings;
  const Ipv6 address = centre.prefix.address_of(PublicKey::parse(key_b).value());
  EXPECT_EQ(box_at(centre, address), "site-b");
  EXPECT_FALSE(box_at(centre, Ipv6()));
  EXPECT_FALSE(centre_address(centre));
  const Settings box = read(box_file()).settings;
  EXPECT_EQ(centre_address(box), box.prefix.address_of(PublicKey::parse(key_a).value()));
  EXPECT_TRUE(own_address(box).error().is(Errc::not_found));
}

TEST(Config, MistakesAreNamedWithTheirPlace) {
  const std::vector<std::pair<std::string, std::string>> mistakes{
      {box_file("mtu = 1000\n"), "t.toml:6:1: tunnel.mtu"},
      {box_file("interfase = \"x\"\n"), "did you mean"},
      {box_file("interface = \"WG\"\n"), "t.toml:6:1: tunnel.interface"},
      {box_file("backend = \"magic\"\n"), "tunnel.backend"},
      {common("listen_port = 0\n"), "tunnel.listen_port"},
      {common("more_listen_ports = [443, 51820]\n"), "holds listen_port itself"},
      {common("more_listen_ports = [1, 2, 3, 4, 5, 6, 7, 8, 9]\n"), "at most 8 ports"},
      {box_file("more_listen_ports = [443]\n"), "stands only at a centre"},
      {"[tunnel]\nprivate_key_file = \"/k\"\nprefix = \"fe80::/48\"\n",
       "t.toml:3:1: tunnel.prefix"},
      {"", "tunnel.private_key_file: is missing"},
      {common("[tunnel.centre]\npublic_key = \"x\"\nendpoints = [\"nowhere\"]\n"),
       "tunnel.centre.endpoints"},
      {common() + box_entry("Site", key_a), "box[0].id"},
      {common() + box_entry("centre", key_a), "box[0].id"},
      {common() + box_entry("a", key_a) + box_entry("a", key_b), "box[1].id: stands twice"},
      {common() + box_entry("a", key_a) + box_entry("b", key_a), "box[1].public_key"},
  };
  for (const auto& [text, problem] : mistakes) {
    EXPECT_NE(read(text).problems.find(problem), std::string::npos) << text << "\n---\n"
                                                                    << read(text).problems;
  }
}

TEST(Config, AnAbsentKeyFileIsAProblemOfTheDaemonThatReadsIt) {
  config::Reader reader = config::parse(box_file(), "t.toml").value();
  read_settings(reader.root(), KeyFiles::read);
  EXPECT_NE(reader.finish().error().diagnostics.find("t.toml:4:1: tunnel.private_key_file"),
            std::string::npos);
}

TEST(Config, TheTunnelDaemonLeavesOthersKeysAloneAndTheirOwnersStillCheckThem) {
  const std::string text =
      "[smtp]\nx = 1\n" + common() + box_entry("site-a", key_a, "name = \"Site\"\n");
  config::Reader reader = config::parse(text, "t.toml").value();
  read_settings(reader.root(), KeyFiles::read);
  EXPECT_EQ(reader.finish().error().diagnostics.find("unknown key"), std::string::npos);
  EXPECT_NE(read(text).problems.find("unknown key \"smtp\""), std::string::npos);
}

TEST(Config, WhatCannotChangeWhileRunningIsNamed) {
  const Settings running = read(box_file()).settings;
  EXPECT_EQ(fixed_key_that_differs(running, running), "");
  Settings wanted = running;
  wanted.mtu = 1400;
  EXPECT_EQ(fixed_key_that_differs(running, wanted), "mtu");
  wanted = running;
  wanted.peers.clear();
  EXPECT_EQ(fixed_key_that_differs(running, wanted), "");
}

TEST(Config, ABoxThatEnrolsHasNoIdentityInItsFile) {
  const Read r = read("[tunnel]\nrole = \"box\"\n");
  EXPECT_EQ(r.problems, "");
  EXPECT_TRUE(r.settings.enrols);
  EXPECT_EQ(r.settings.role, Role::box);
  EXPECT_EQ(r.settings.interface, "wgedge");
  EXPECT_TRUE(r.settings.peers.empty());
  EXPECT_FALSE(read(box_file()).settings.enrols);
  EXPECT_NE(read(common("role = \"box\"\n")).problems.find("comes by the ticket"),
            std::string::npos);
  EXPECT_NE(read(box_file("role = \"centre\"\n")).problems.find("stands only at a box"),
            std::string::npos);
}

}  // namespace
}  // namespace alarmwire::tunnel
