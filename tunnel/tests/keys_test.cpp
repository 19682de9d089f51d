#include "tunnel/keys.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "tunnel/process.hpp"

namespace alarmwire::tunnel {
namespace {

class KeyFiles : public testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(::mkdtemp(directory_.data()), nullptr); }
  void TearDown() override {
    for (const char* name : {"/k", "/k.pub"}) ::unlink((directory_ + name).c_str());
    ::rmdir(directory_.c_str());
  }
  std::string path() const { return directory_ + "/k"; }
  std::string directory_ = "/tmp/alarmwire-keys-XXXXXX";
};

TEST(Keys, DeriveAsRfc7748Says) {
  // RFC 7748 5.2, after one iteration: scalar and base point are both 9.
  SecretKey secret;
  secret.bytes[0] = 9;
  EXPECT_EQ(to_hex(public_key_of(secret).value().bytes),
            "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
}

TEST(Keys, AgreeWithWg) {
  if (::access("/usr/bin/wg", X_OK) != 0) GTEST_SKIP() << "wg is not installed";
  for (int i = 0; i < 10; ++i) {
    const SecretKey secret = generate_private_key().value();
    const process::Outcome wg =
        process::run({"/usr/bin/wg", "pubkey"}, secret.to_base64_secret() + "\n",
                     std::chrono::seconds(5))
            .value();
    EXPECT_EQ(wg.output.substr(0, 44), public_key_of(secret).value().to_string());
  }
}

TEST(Keys, GeneratedKeysAreClampedAndDiffer) {
  const SecretKey a = generate_private_key().value();
  const SecretKey b = generate_private_key().value();
  EXPECT_FALSE(a == b);
  EXPECT_EQ(a.bytes[0] & 7, 0);
  EXPECT_EQ(a.bytes[31] & 0xc0, 0x40);
}

TEST(Keys, Base64IsStrict) {
  const std::string text = generate_private_key().value().to_base64_secret();
  EXPECT_EQ(to_base64(key_from_base64(text).value()), text);
  EXPECT_FALSE(key_from_base64(text + "\n"));
  EXPECT_FALSE(key_from_base64(text.substr(1)));
  EXPECT_FALSE(key_from_base64(std::string(43, 'A') + "A"));
  EXPECT_FALSE(key_from_base64(std::string(42, 'A') + "B="));  // spare bits set
  EXPECT_FALSE(key_from_base64(std::string(20, 'A') + "!" + std::string(22, 'A') + "="));
  EXPECT_FALSE(PublicKey::parse(std::string(43, 'A') + "="));  // the zero point
}

TEST_F(KeyFiles, GenerateWritesBothHalvesAndNeverReplaces) {
  const PublicKey key = generate_key_files(path()).value();
  struct stat info {};
  ASSERT_EQ(::stat(path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  EXPECT_EQ(public_key_of(read_secret_file(path()).value()).value(), key);
  EXPECT_EQ(read_public_file(public_file_of(path())).value(), key);
  const Result<PublicKey> again = generate_key_files(path());
  ASSERT_FALSE(again);
  EXPECT_TRUE(again.error().is(Errc::exists));
  EXPECT_EQ(public_key_of(read_secret_file(path()).value()).value(), key);
}

TEST_F(KeyFiles, APrivateKeyOthersCanReadIsRefused) {
  ASSERT_TRUE(generate_key_files(path()));
  ASSERT_EQ(::chmod(path().c_str(), 0640), 0);
  EXPECT_TRUE(read_secret_file(path()).error().is(Errc::denied));
}

TEST_F(KeyFiles, AbsentEmptyAndHugeFilesAreErrors) {
  EXPECT_TRUE(read_secret_file(path()).error().is(Errc::not_found));
  std::ofstream(path()) << "";
  ASSERT_EQ(::chmod(path().c_str(), 0600), 0);
  EXPECT_TRUE(read_secret_file(path()).error().is(Errc::invalid_argument));
  std::ofstream(path()) << std::string(1000, 'A');
  EXPECT_TRUE(read_secret_file(path()).error().is(Errc::full));
}

}  // namespace
}  // namespace alarmwire::tunnel
