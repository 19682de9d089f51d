#include "tunnel/identity.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

namespace alarmwire::tunnel {
namespace {

Identity make_identity(Identity::State state) {
  Identity identity;
  identity.state = state;
  identity.private_key = generate_private_key().value();
  identity.ticket_key.bytes.fill(1);
  identity.preshared_key = generate_preshared_key().value();
  if (state == Identity::State::bootstrap)
    identity.bootstrap_private_key = generate_private_key().value();
  identity.centre.bytes.fill(2);
  identity.prefix = Prefix::parse("fd12:3456:789a::/48").value();
  identity.endpoints = {*EndpointName::parse("centre.example:51820"),
                        *EndpointName::parse("[2001:db8::1]:443")};
  return identity;
}

class IdentityTest : public ::testing::Test {
 protected:
  IdentityTest() { std::filesystem::create_directories(folder_); }
  ~IdentityTest() override { std::filesystem::remove_all(folder_); }
  std::string folder_ = ::testing::TempDir() + "identity_" + std::to_string(::getpid());
};

TEST_F(IdentityTest, ComesBackAndIsGoneWhenRemoved) {
  EXPECT_EQ(load_identity(folder_).value(), std::nullopt);
  for (const auto state : {Identity::State::bootstrap, Identity::State::enrolled}) {
    const Identity identity = make_identity(state);
    save_identity(folder_, identity).value();
    EXPECT_EQ(load_identity(folder_).value(), identity);
  }
  struct stat info {};
  ASSERT_EQ(::stat((folder_ + "/identity.json").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  remove_identity(folder_).value();
  EXPECT_EQ(load_identity(folder_).value(), std::nullopt);
  EXPECT_TRUE(remove_identity(folder_));
}

TEST_F(IdentityTest, AnEnrolledBoxKeepsNothingOfTheTicketsSecrets) {
  Identity identity = make_identity(Identity::State::bootstrap);
  const std::string secret = identity.bootstrap_private_key.to_base64_secret();
  EXPECT_NE(format_identity(identity).find("bootstrap_private_key"), std::string::npos);
  identity.state = Identity::State::enrolled;
  EXPECT_EQ(format_identity(identity).find("bootstrap_private_key"), std::string::npos);
}

TEST_F(IdentityTest, ADamagedFileIsNeverTakenForAnother) {
  const std::string whole = format_identity(make_identity(Identity::State::bootstrap));
  for (std::size_t cut = 0; cut + 2 < whole.size(); ++cut)
    EXPECT_TRUE(parse_identity(whole.substr(0, cut)).error().is(Errc::corrupt)) << cut;
  for (const char* const field :
       {"private_key", "ticket_key", "preshared_key", "centre", "prefix", "endpoints", "state"}) {
    std::string damaged = whole;
    damaged.replace(damaged.find(std::string("\"") + field + "\":") + 1, 1, "X");
    EXPECT_FALSE(parse_identity(damaged)) << field;
  }
}

}  // namespace
}  // namespace alarmwire::tunnel
