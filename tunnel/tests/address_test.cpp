#include "tunnel/address.hpp"

#include <gtest/gtest.h>

namespace alarmwire::tunnel {
namespace {

TEST(Prefix, AcceptsAUla48Only) {
  EXPECT_EQ(Prefix::parse("fd12:3456:789a::/48").value().to_string(), "fd12:3456:789a::/48");
  for (const char* bad : {"", "fd12:3456:789a::", "fd12:3456:789a::/64", "fd12:3456:789a:1::/48",
                          "fe80::/48", "2001:db8::/48", "10.0.0.0/48", "fd12::/48x"}) {
    EXPECT_FALSE(Prefix::parse(bad)) << bad;
  }
}

TEST(Prefix, RandomOnesAreValidAndDiffer) {
  const Prefix a = Prefix::random().value();
  EXPECT_NE(a, Prefix::random().value());
  EXPECT_EQ(Prefix::parse(a.to_string()).value(), a);
}

TEST(Prefix, AnAddressIsThePrefixAndTheFirst80BitsOfTheKeysHash) {
  // SHA-256 of 32 bytes 0x00 … is 66687aadf862bd776c8f…
  const Prefix prefix = Prefix::parse("fd12:3456:789a::/48").value();
  const Ipv6 address = prefix.address_of(PublicKey{});
  EXPECT_EQ(address.to_string(), "fd12:3456:789a:6668:7aad:f862:bd77:6c8f");
  EXPECT_TRUE(prefix.contains(address));
  EXPECT_FALSE(prefix.contains(Ipv6::parse("fd12:3456:789b::1").value()));
}

TEST(Endpoint, ReadsAndWritesBothFamilies) {
  for (const char* text : {"192.0.2.1:51820", "[2001:db8::1]:443"}) {
    EXPECT_EQ(Endpoint::parse(text).value().to_string(), text);
  }
  for (const char* bad : {"", ":", "192.0.2.1", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:5x",
                          "2001:db8::1:443", "[2001:db8::1]", "[]:1", "[192.0.2.1]:1", "host:1"}) {
    EXPECT_FALSE(Endpoint::parse(bad)) << bad;
  }
}

TEST(EndpointName, ReadsNamesAndLiterals) {
  const EndpointName name = EndpointName::parse("centre.example:51820").value();
  EXPECT_EQ(name.host, "centre.example");
  EXPECT_FALSE(name.literal());
  EXPECT_EQ(EndpointName::parse("[2001:db8::1]:1").value().to_string(), "[2001:db8::1]:1");
  for (const char* bad : {"a b:1", "-a:1", ".a:1", ":1", "a\n:1", "a:"}) {
    EXPECT_FALSE(EndpointName::parse(bad)) << bad;
  }
  EXPECT_FALSE(EndpointName::parse(std::string(254, 'a') + ":1"));
}

TEST(InterfaceName, IsSafeEverywhere) {
  EXPECT_TRUE(is_valid_interface_name("wgedge"));
  EXPECT_TRUE(is_valid_interface_name("wg-a_1"));
  for (const char* bad : {"", "0wg", "wg/x", "WG", "wg x", "abcdefghijklmnop", "wg;", "wg\""}) {
    EXPECT_FALSE(is_valid_interface_name(bad)) << bad;
  }
}

}  // namespace
}  // namespace alarmwire::tunnel
