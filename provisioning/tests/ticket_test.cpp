#include "provisioning/ticket.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace alarmwire::provisioning {
namespace {

using ::testing::HasSubstr;

Ticket make_ticket(const std::vector<std::string>& endpoints) {
  Ticket ticket;
  std::iota(ticket.secret.bytes.begin(), ticket.secret.bytes.end(), std::uint8_t{100});
  ticket.centre.bytes.fill(0xa5);
  ticket.prefix = tunnel::Prefix::parse("fd12:3456:789a::/48").value();
  for (const std::string& text : endpoints)
    ticket.endpoints.push_back(*tunnel::EndpointName::parse(text));
  return ticket;
}

std::string why(const std::string& text) {
  const Result<Ticket> parsed = parse_ticket(text);
  return parsed ? "taken" : parsed.error().diagnostics;
}

TEST(Ticket, ComesBackAsItWas) {
  for (const auto& endpoints : std::vector<std::vector<std::string>>{
           {"198.51.100.2:51820"},
           {"[2001:db8::1]:443"},
           {"centre.example.org:51820"},
           {"centre.example.org:51820", "192.0.2.1:443", "[2001:db8::1]:443", "b.example:1"}}) {
    const Ticket ticket = make_ticket(endpoints);
    const std::string text = format_ticket(ticket).value();
    EXPECT_EQ(parse_ticket(text).value(), ticket) << text;
  }
}

TEST(Ticket, FitsASmallQrCode) {
  // Version 5 at level M takes 122 of the alphanumeric characters, version 6 takes 154.
  EXPECT_LE(format_ticket(make_ticket({"198.51.100.2:51820"})).value().size(), 122U);
  EXPECT_LE(format_ticket(make_ticket({"alarm.example.org:51820"})).value().size(), 154U);
}

TEST(Ticket, ForgivesWhatHandsAndEyesDo) {
  const Ticket ticket = make_ticket({"centre.example.org:51820"});
  const std::string text = format_ticket(ticket).value();
  std::string typed = "\xef\xbb\xbf  ";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    typed += c == '0' ? (i % 2 ? 'O' : 'o') : c == '1' ? (i % 2 ? 'l' : 'I') : c;
    if (i % 5 == 4) typed += i % 2 ? "-" : " \r\n\t";
  }
  EXPECT_EQ(parse_ticket(typed).value(), ticket);
  std::string lower = text;
  for (char& c : lower) c = static_cast<char>(std::tolower(c));
  EXPECT_EQ(parse_ticket(lower).value(), ticket);
  EXPECT_EQ(parse_ticket(text.substr(10)).value(), ticket) << "without the name in front";
}

std::string typed_elsewhere(std::string text, bool is_german_machine) {
  std::string typed;
  for (const char c : text) {
    if (c == 'Y' || c == 'y')
      typed += c == 'Y' ? 'Z' : 'z';
    else if (c == 'Z' || c == 'z')
      typed += c == 'Z' ? 'Y' : 'y';
    else if (c == ':')
      typed += is_german_machine ? "\xc3\x96" : ">";
    else if (c == '-')
      typed += is_german_machine ? "\xc3\x9f" : "/";
    else
      typed += c;
  }
  return typed;
}

// A scanner that types as on a US keyboard, at a machine set to German, and the other way round.
TEST(Ticket, IsReadFromAKeyboardOfAnotherLayout) {
  Ticket ticket = make_ticket({"centre.example.org:51820"});
  std::size_t concerned = 0;
  for (std::uint8_t secret = 0; secret < 40; ++secret) {
    ticket.secret.bytes.fill(static_cast<std::uint8_t>(secret * 37));
    const std::string text = format_ticket(ticket).value();
    if (text.find_first_of("YZ") != std::string::npos) ++concerned;
    for (const bool is_german_machine : {true, false}) {
      std::string dashed = text;
      dashed.insert(30, "-");
      const std::string typed = typed_elsewhere(dashed, is_german_machine);
      EXPECT_EQ(parse_ticket(typed).value(), ticket) << typed;
      std::string lower = typed_elsewhere(text, is_german_machine);
      for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
      EXPECT_EQ(parse_ticket(lower).value(), ticket) << lower;
    }
  }
  EXPECT_GT(concerned, 10U) << "there was something to exchange";
  std::string wrong = typed_elsewhere(format_ticket(ticket).value(), true);
  wrong[40] = wrong[40] == '7' ? '8' : '7';
  EXPECT_THAT(why(wrong), HasSubstr("wrong character"));
}

TEST(Ticket, NoSingleWrongCharacterPasses) {
  const std::string text = format_ticket(make_ticket({"198.51.100.2:51820"})).value();
  const Ticket ticket = parse_ticket(text).value();
  for (std::size_t i = 10; i < text.size(); ++i) {
    std::string wrong = text;
    wrong[i] = wrong[i] == '7' ? '8' : '7';
    EXPECT_NE(why(wrong), "taken") << i;
  }
  for (std::size_t cut = 1; cut < text.size(); ++cut)
    EXPECT_NE(why(text.substr(0, text.size() - cut)), "taken") << cut;
  for (std::size_t i = 10; i + 1 < text.size(); ++i) {
    std::string swapped = text;
    std::swap(swapped[i], swapped[i + 1]);
    EXPECT_TRUE(swapped == text || why(swapped) != "taken") << i;
  }
}

TEST(Ticket, SaysWhatIsWrongAndNeverTheTicket) {
  const std::string text = format_ticket(make_ticket({"198.51.100.2:51820"})).value();
  EXPECT_THAT(why(""), HasSubstr("no ticket in it"));
  EXPECT_THAT(why("h*llo"), HasSubstr("none that tickets have"));
  EXPECT_THAT(why("ALARMWIRE:ZZZZZZZZ"), HasSubstr("newer version"));
  EXPECT_THAT(why(text + "00000000"), HasSubstr("wrong character"));
  EXPECT_THAT(why(std::string(5000, '0')), HasSubstr("too long"));
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string wrong = text;
    wrong[i] = '*';
    EXPECT_EQ(why(wrong).find(text.substr(12, 8)), std::string::npos);
  }
}

TEST(Ticket, IsNotMadeWithoutAWayToTheCentre) {
  EXPECT_FALSE(format_ticket(make_ticket({})));
  EXPECT_FALSE(format_ticket(make_ticket({std::string(101, 'a') + ":1"})));
  EXPECT_FALSE(format_ticket(make_ticket({"a:1", "b:1", "c:1", "d:1", "e:1"})));
}

}  // namespace
}  // namespace alarmwire::provisioning
