#include "provisioning/site_document.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace alarmwire::provisioning {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Ticket make_ticket(const std::string& endpoint) {
  Ticket ticket;
  std::iota(ticket.secret.bytes.begin(), ticket.secret.bytes.end(), std::uint8_t{7});
  ticket.centre.bytes.fill(0x5a);
  ticket.prefix = tunnel::Prefix::parse("fd12:3456:789a::/48").value();
  ticket.endpoints = {*tunnel::EndpointName::parse(endpoint)};
  return ticket;
}

const std::string ticket_text = format_ticket(make_ticket("192.0.2.1:51820")).value();
const std::string ticket_line = "ticket = \"" + ticket_text + "\"\n";

Result<SiteDocument> parse(const std::string& text) {
  return parse_site_document(text, "a.toml", TicketIs::required);
}
std::string why(const std::string& text) {
  const Result<SiteDocument> parsed = parse(text);
  return parsed ? "taken" : parsed.error().diagnostics;
}
// The rest of a document with a ticket.
std::string why_below(const std::string& text) {
  return why(ticket_line + text);
}

SiteDocument full_document() {
  SiteDocument document;
  document.ticket = make_ticket("192.0.2.1:51820");
  document.network = {PortSettings{"192.168.10.2/24", 12},
                      PortSettings{"10.0.0.2/30", 0},
                      "10.0.0.1",
                      {"10.0.0.1", "2001:db8::53"}};
  document.devices = {{"Tür \"Süd\" \\ 1", "192.168.10.21", ""},
                      {"Hof", "192.168.10.0/28", "00:40:8c:12:34:56"},
                      {"Dach", "", "00:40:8c:12:34:57"}};
  return document;
}

TEST(SiteDocument, ComesBackAsItWasWritten) {
  SiteDocument document = full_document();
  const std::string text = format_site_document(document, "For a\nhouse").value();
  EXPECT_EQ(parse(text).value(), document) << text;
  document.ticket.reset();
  const std::string bare = format_site_document(document, "").value();
  EXPECT_EQ(parse_site_document(bare, "a", TicketIs::unwanted).value(), document) << bare;
  EXPECT_FALSE(parse_site_document(text, "a", TicketIs::unwanted)) << "a ticket is not kept";
}

TEST(SiteDocument, NeedsNothingButATicket) {
  EXPECT_EQ(parse(ticket_line).value().ticket, make_ticket("192.0.2.1:51820"));
  EXPECT_THAT(why(""), HasSubstr("ticket: is missing"));
  EXPECT_THAT(why("ticket = \"\""), HasSubstr("must not be empty"));
}

TEST(SiteDocument, NamesEveryProblemWithItsPlace) {
  const std::string words =
      why("ticket = \"" + ticket_text.substr(0, 60) + "\"\n" +
          "[network.lan]\naddress = \"192.168.10.0/24\"\nvlan = 5000\nmtu = 1\n[[device]]\nname = "
          "\"a\"\n");
  EXPECT_THAT(words, AllOf(HasSubstr("a.toml:1:1: ticket: the ticket"),
                           HasSubstr("a.toml:3:1: network.lan.address: \"192.168.10.0/24\" is the "
                                     "network itself"),
                           HasSubstr("a.toml:4:1: network.lan.vlan: must be from 1 to 4094"),
                           HasSubstr("a.toml:5:1: unknown key \"mtu\""),
                           HasSubstr("a.toml:7:1: device[0].name: an address or a mac")));
  EXPECT_THAT(words, Not(HasSubstr(ticket_text.substr(10, 12)))) << "the ticket is a secret";
  EXPECT_THAT(why_below("[network.uplink]\n"), HasSubstr("network.uplink.address: is missing"));
}

TEST(SiteDocument, RefusesDevicesThatCannotBeKnown) {
  const std::string gate = "[[device]]\nname = \"gate\"\naddress = \"192.168.1.9\"\n";
  EXPECT_EQ(why_below(gate), "taken");
  EXPECT_THAT(why_below(gate + gate), HasSubstr("another device has this name"));
  EXPECT_THAT(why_below(gate + "[[device]]\nname = \"b\"\naddress = \"192.168.1.9\"\n"),
              HasSubstr("this address"));
  EXPECT_THAT(why_below("[[device]]\nname = \"a\"\nmac = \"00408c123456\"\n"
                        "[[device]]\nname = \"b\"\nmac = \"00-40-8C-12-34-56\"\n"),
              HasSubstr("this mac"));
  EXPECT_THAT(why_below("[[device]]\nname = \"a\"\nmac = \"00:40\"\n"), HasSubstr("no MAC"));
  EXPECT_THAT(why_below("[[device]]\nname = \"a\"\naddress = \"gate\"\n"), HasSubstr("neither"));
  EXPECT_THAT(why_below("[[device]]\nname = \"a\\nb\"\naddress = \"::1\"\n"),
              HasSubstr("one line"));
  std::string many;
  for (int i = 0; i <= 1000; ++i)
    many += "[[device]]\nname = \"d" + std::to_string(i) + "\"\naddress = \"10.0." +
            std::to_string(i / 250) + "." + std::to_string(i % 250) + "\"\n";
  EXPECT_THAT(why_below(many), HasSubstr("more than 1000 devices"));
  EXPECT_THAT(why(std::string(site_document_bytes_max + 1, '#')), HasSubstr("bytes"));
}

// --- the network settings ---

std::string problems(const NetworkSettings& settings, bool with_names = false) {
  std::string text;
  for (const auto& [field, words] : problems_of(settings, with_names))
    text += std::string(field) + ": " + words + "\n";
  return text;
}
std::string lan(const std::string& address, const std::string& gateway = "") {
  return problems({PortSettings{address, 0}, {}, gateway, {}});
}

TEST(SiteNetwork, TakesWhatANetworkHas) {
  EXPECT_EQ(problems({}), "");
  EXPECT_EQ(lan("dhcp"), "");
  EXPECT_EQ(lan("192.168.10.2/24", "192.168.10.1"), "");
  EXPECT_EQ(lan("10.0.0.0/31", "10.0.0.1"), "") << "RFC 3021";
  EXPECT_EQ(lan("2001:db8::2/64", "fe80::1"), "");
  EXPECT_EQ(problems({PortSettings{"192.168.10.2/24", 4094}, PortSettings{"dhcp", 1}, "", {}}), "")
      << "the way out is the uplink";
  EXPECT_EQ(problems(full_document().network, true), "");
}

TEST(SiteNetwork, RefusesAddressesThatNoBoxCanHave) {
  for (const char* const address : {"",
                                    "192.168.10.2",
                                    "192.168.10.2/0",
                                    "192.168.10.2/32",
                                    "192.168.10.2/33",
                                    "192.168.10.0/24",
                                    "192.168.10.255/24",
                                    "127.0.0.1/8",
                                    "0.0.0.5/8",
                                    "224.0.0.1/4",
                                    "255.255.255.255/8",
                                    "192.168.10.2/24 ",
                                    "192.168.010.2/24",
                                    "DHCP",
                                    "a/24",
                                    "fe80::2/64",
                                    "ff02::1/16",
                                    "::1/64",
                                    "2001:db8::/64",
                                    "2001:db8::2/128",
                                    "192.168.10.2/-1"})
    EXPECT_THAT(lan(address, "192.168.10.1"), HasSubstr("lan: ")) << address;
  for (const char* const alone : {"192.168.10.2/32", "192.168.10.2/0", "2001:db8::2/128"})
    EXPECT_THAT(lan(alone), HasSubstr("has no room for anybody else")) << alone;
  for (const int vlan : {-1, 4095})
    EXPECT_THAT(problems({PortSettings{"dhcp", vlan}, {}, "", {}}), HasSubstr("lan_vlan: "));
}

TEST(SiteNetwork, RefusesAWayOutThatLeadsNowhere) {
  EXPECT_THAT(lan("192.168.10.2/24"), HasSubstr("gateway: is missing"));
  for (const char* const gateway :
       {"192.168.11.1", "192.168.10.2", "192.168.10.0", "192.168.10.255", "gw", "2001:db8::1"})
    EXPECT_THAT(lan("192.168.10.2/24", gateway), HasSubstr("gateway: ")) << gateway;
  EXPECT_THAT(lan("dhcp", "192.168.10.1"), HasSubstr("comes by DHCP"));
  EXPECT_THAT(problems({{}, {}, "192.168.10.1", {"192.168.10.1"}}),
              AllOf(HasSubstr("gateway: means"), HasSubstr("dns: means")));
  EXPECT_THAT(problems({{}, PortSettings{"dhcp", 0}, "", {}}), HasSubstr("lan: is missing"));
  EXPECT_THAT(
      problems({PortSettings{"10.0.0.2/8", 0}, PortSettings{"10.1.0.2/16", 0}, "10.1.0.1", {}}),
      HasSubstr("uplink: its network and the LAN's overlap"));
}

TEST(SiteNetwork, WantsNameServersWhereTheCentreIsAName) {
  NetworkSettings settings{PortSettings{"192.168.10.2/24", 0}, {}, "192.168.10.1", {}};
  EXPECT_EQ(problems(settings, false), "");
  EXPECT_THAT(problems(settings, true), HasSubstr("dns: is missing"));
  for (const char* const server : {"dns.example", "0.0.0.0", "224.0.0.1", ""}) {
    settings.dns = {server};
    EXPECT_THAT(problems(settings, true), HasSubstr("no server's address")) << server;
  }
  settings.dns = {"1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4"};
  EXPECT_THAT(problems(settings), HasSubstr("at most 3"));
  EXPECT_THAT(why("ticket = \"" + format_ticket(make_ticket("centre.example:1")).value() +
                  "\"\n[network]\ngateway = \"192.168.10.1\"\n[network.lan]\naddress = "
                  "\"192.168.10.2/24\"\n"),
              HasSubstr("network.dns: is missing"));
}

}  // namespace
}  // namespace alarmwire::provisioning
