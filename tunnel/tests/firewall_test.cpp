#include "tunnel/firewall.hpp"

#include <gtest/gtest.h>

namespace alarmwire::tunnel::firewall {
namespace {

Rules rules_with(std::vector<std::uint16_t> ports) {
  return {"wgcentre", Prefix::parse("fd12:3456:789a::/48").value(),
          Ipv6::parse("fd12:3456:789a::7").value(), std::move(ports)};
}

std::size_t position(const std::string& text, const std::string& part) {
  const std::size_t found = text.find(part);
  EXPECT_NE(found, std::string::npos) << part << " is not in\n" << text;
  return found;
}

TEST(Ruleset, ReplacesItsOwnTableInOneTransaction) {
  const std::string text = ruleset(rules_with({7411}));
  EXPECT_LT(position(text, "table inet alarmwire_wgcentre {}"),
            position(text, "delete table inet alarmwire_wgcentre"));
  EXPECT_LT(position(text, "delete table inet alarmwire_wgcentre"),
            position(text, "table inet alarmwire_wgcentre {\n"));
  EXPECT_EQ(text.find("flush ruleset"), std::string::npos);  // others' tables are others'
}

TEST(Ruleset, TheCentreTakesTheLinkPortAtItsOwnAddressOnly) {
  const std::string text = ruleset(rules_with({7411, 7412}));
  position(text, "ip6 daddr fd12:3456:789a::7 tcp dport { 7411, 7412 } ct state new accept");
}

TEST(Ruleset, FurtherPortsOfACentreLeadToTheOneItListensAt) {
  Rules rules = rules_with({7411});
  EXPECT_EQ(ruleset(rules).find("redirect"), std::string::npos);
  rules.more_listen_ports = {443, 53};
  rules.listen_port = 51820;
  position(ruleset(rules),
           "iifname != \"wgcentre\" fib daddr type local udp dport { 443, 53 } "
           "redirect to :51820\n");
}

TEST(Ruleset, ABoxTakesNothingNew) {
  const std::string text = ruleset(rules_with({}));
  EXPECT_EQ(text.find("ct state new"), std::string::npos);
  EXPECT_LT(position(text, "ct state established,related accept"),
            position(text, "    counter drop\n  }\n"));
}

TEST(Ruleset, AnswersBeforeItDropsAndDropsLast) {
  const std::string text = ruleset(rules_with({7411}));
  EXPECT_LT(position(text, "tcp dport"), position(text, "    counter drop\n  }\n"));
}

TEST(Ruleset, NothingOfTheTunnelEntersBesideItOrIsForwarded) {
  const std::string text = ruleset(rules_with({7411}));
  const std::size_t input = position(text, "hook input");
  const std::size_t forward = position(text, "hook forward");
  const std::size_t output = position(text, "hook output");
  EXPECT_LT(text.find("ip6 daddr fd12:3456:789a::/48 counter drop", input), forward);
  EXPECT_LT(text.find("iifname \"wgcentre\" counter drop", forward), output);
  EXPECT_LT(text.find("oifname \"wgcentre\" counter drop", forward), output);
  EXPECT_NE(text.find("ip6 daddr fd12:3456:789a::/48 counter drop", output), std::string::npos);
}

TEST(Ruleset, TheGuardedUserMayBeginNothingButTheLink) {
  Rules rules = rules_with({});
  EXPECT_EQ(ruleset(rules).find("chain guarded"), std::string::npos);
  rules.guarded = Guarded{64102, Ipv6::parse("fd12:3456:789a::1").value(), 7411};
  const std::string text = ruleset(rules);
  const std::size_t link =
      position(text, "oifname \"wgcentre\" ip6 daddr fd12:3456:789a::1 tcp dport 7411 accept");
  const std::size_t end = position(text, "counter reject");
  EXPECT_LT(position(text, "chain of_guarded"), link);
  EXPECT_LT(link, end);
  EXPECT_LT(position(text, "meta mark 1635219303 accept"), end);  // the tunnel's own packets
  EXPECT_LT(end, position(text, "meta skuid 64102 jump of_guarded"));
}

TEST(Removal, SucceedsWhetherTheTableIsThereOrNot) {
  EXPECT_EQ(removal("wgedge"),
            "table inet alarmwire_wgedge {}\ndelete table inet alarmwire_wgedge\n");
}

TEST(Ruleset, WhoHoldsOnlyATicketReachesTheEnrolmentPortAndNobodyElseDoes) {
  Rules rules = rules_with({7411});
  EXPECT_EQ(ruleset(rules).find("bootstrap"), std::string::npos);
  rules.bootstrap = {Ipv6::parse("fd12:3456:789a::8").value(),
                     Ipv6::parse("fd12:3456:789a::9").value()};
  rules.enrolment_port = 7412;
  const std::string text = ruleset(rules);
  EXPECT_NE(text.find("elements = { fd12:3456:789a::8, fd12:3456:789a::9 }"), std::string::npos);
  const std::size_t let_in = text.find(
      "ip6 saddr @bootstrap ip6 daddr fd12:3456:789a::7 tcp dport 7412 ct state new accept");
  const std::size_t shut_out = text.find("ip6 saddr @bootstrap counter drop");
  const std::size_t boxes = text.find("tcp dport { 7411 }");
  ASSERT_NE(let_in, std::string::npos);
  EXPECT_LT(let_in, shut_out);
  EXPECT_LT(shut_out, boxes) << "before the rule that opens the link's port";
  EXPECT_EQ(text.find("7412", shut_out), std::string::npos);
}

TEST(Ruleset, TheGuardedUserOfABoxThatEnrolsMayCallTheEnrolmentPort) {
  Rules rules = rules_with({});
  rules.guarded = Guarded{64102, Ipv6::parse("fd12:3456:789a::1").value(), 7411, 7412};
  EXPECT_NE(ruleset(rules).find("tcp dport { 7411, 7412 } accept"), std::string::npos);
}

}  // namespace
}  // namespace alarmwire::tunnel::firewall
