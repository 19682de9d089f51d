// TLS on real sockets: both modes, the box's own certificate, old devices, what an attacker tries.
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#include <filesystem>

#include "common/files.hpp"
#include "edge/smtp/certificate.hpp"
#include "edge/smtp/diagnosis.hpp"
#include "edge/smtp/tests/door_fixture.hpp"
#include "edge/smtp/tests/tls_client.hpp"
#include "edge/smtp/tls_keeper.hpp"

namespace alarmwire::smtp::test {
namespace {

using namespace std::chrono_literals;

constexpr WallTimeUs day_us = 24ll * 3600 * 1'000'000;
const std::string mail = "MAIL FROM:<cam@edge.internal>\r\n";
const std::string rcpt = "RCPT TO:<alarm@edge.internal>\r\n";

class Folder {
 public:
  Folder() {
    char path[] = "/tmp/door-tls-XXXXXX";
    path_ = mkdtemp(path);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string operator/(const char* name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// --- the certificate ---

CertificateNames names() {
  return {{"box.internal", "edge.internal"}, {"192.0.2.7", "2001:db8::1"}, "edge.internal"};
}

class CertificateTest : public testing::Test {
 protected:
  Identity make(const CertificateNames& wanted, WallTimeUs at) {
    Result<Identity> identity = own_identity(folder.path(), wanted, at);
    EXPECT_TRUE(identity.has_value()) << identity.error().diagnostics;
    return identity.has_value() ? *identity : Identity{};
  }
  Folder folder;
  const WallTimeUs now = 1'800'000'000ll * 1'000'000;
};

TEST_F(CertificateTest, IsMadeAtTheFirstStartAndKeptAtTheNext) {
  const Identity first = make(names(), now);
  EXPECT_TRUE(first.made);
  EXPECT_EQ(first.names, names());
  EXPECT_EQ(first.keys.size(), 2u);
  EXPECT_EQ(first.not_after_s, now / 1'000'000 + certificate_days * 24 * 3600);
  const Identity second = make(names(), now + day_us);
  EXPECT_FALSE(second.made);
  EXPECT_EQ(second.fingerprint, first.fingerprint);
  for (const char* const key : {"ca.key", "rsa.key", "ecdsa.key"}) {
    EXPECT_EQ(std::filesystem::status(folder / key).permissions(), std::filesystem::perms(0600));
  }
}

TEST_F(CertificateTest, IsRenewedInTimeByTheSameAuthority) {
  const Identity first = make(names(), now);
  const Identity renewed = make(names(), now + (certificate_days - 270) * day_us);
  EXPECT_TRUE(renewed.made);
  EXPECT_NE(renewed.fingerprint, first.fingerprint);
  EXPECT_EQ(renewed.ca_fingerprint, first.ca_fingerprint);
  EXPECT_EQ(renewed.keys[0].key_pem, first.keys[0].key_pem);
  const Identity over = make(names(), now + 3000 * day_us);
  EXPECT_TRUE(over.made);
  // Back at a true clock after one that was years ahead.
  EXPECT_TRUE(make(names(), now).made);
}

TEST_F(CertificateTest, FollowsTheBoxsNamesAndAddresses) {
  make(names(), now);
  CertificateNames moved = names();
  moved.addresses.insert("192.0.2.8");
  const Identity identity = make(moved, now);
  EXPECT_TRUE(identity.made);
  EXPECT_EQ(identity.names, moved);
  EXPECT_FALSE(make(moved, now).made);
}

TEST_F(CertificateTest, ADamagedFileIsMadeAnew) {
  const Identity first = make(names(), now);
  for (const char* const file : {"rsa.pem", "ecdsa.key"}) {
    ASSERT_TRUE(write_file_atomically(folder / file, "rubbish"));
    EXPECT_TRUE(make(names(), now).made) << file;
  }
  EXPECT_EQ(make(names(), now).ca_fingerprint, first.ca_fingerprint);
  ASSERT_TRUE(write_file_atomically(folder / "ca.key", "rubbish"));
  const Identity other = make(names(), now);
  EXPECT_TRUE(other.made);
  EXPECT_NE(other.ca_fingerprint, first.ca_fingerprint);
}

TEST_F(CertificateTest, NamesComeFromTheConfiguration) {
  Config config;
  config.hostname = "edge.internal";
  config.listeners.resize(2);
  config.listeners[0].address = "192.0.2.7";
  config.listeners[0].hostname = "panels.internal";
  config.listeners[1].address = "2001:DB8:0::1";
  config.tls.names = {"old-name.internal"};
  config.tls.addresses = {"192.0.2.99"};
  const CertificateNames found = certificate_names(config);
  EXPECT_EQ(found.hosts,
            (std::set<std::string>{"edge.internal", "old-name.internal", "panels.internal"}));
  EXPECT_EQ(found.addresses, (std::set<std::string>{"192.0.2.7", "192.0.2.99", "2001:db8::1"}));
}

// --- sessions ---

class TlsTest : public DoorTest {
 protected:
  TlsTest() {
    config.tls.directory = folder.path();
    config.listeners[0].tls = TlsMode::offered;
  }
  bool start(TlsClient& client, const TlsOffer& offer = {}) {
    if (config.listeners[0].tls != TlsMode::implicit) {
      client.clear_reply();
      client.send_clear("EHLO cam\r\nSTARTTLS\r\n");
      client.clear_reply();
      if (!client.clear_reply().starts_with("220")) return false;
    }
    return client.start(offer);
  }
  std::string deliver(TlsClient& client, std::string_view body) {
    client.send(mail + rcpt + "DATA\r\n");
    client.reply();
    client.reply();
    if (!client.reply().starts_with("354")) return "no 354";
    client.send(body);
    return client.say(".");
  }
  Folder folder;
};

TEST_F(TlsTest, StartTlsTakesAMailAndTheCertificateIsGoodForNameAndAddress) {
  config.listeners[0].address = "127.0.0.1";
  open();
  const std::string ca = snapshot().certificate.ca_pem;
  EXPECT_TRUE(snapshot().certificate.keys.empty());
  for (const char* const host : {"box.internal", "127.0.0.1"}) {
    TlsClient client(port());
    ASSERT_TRUE(start(client, {ca, host})) << host;
    EXPECT_EQ(client.version(), "TLSv1.3");
    EXPECT_EQ(client.say("EHLO cam").find("STARTTLS"), std::string::npos);
    EXPECT_TRUE(deliver(client, std::string(200'000, 'x') + "\r\n").starts_with("250 2.0.0"));
    EXPECT_EQ(client.say("QUIT"), "221 2.0.0 bye\r\n");
  }
  TlsClient stranger(port());
  EXPECT_FALSE(start(stranger, {ca, "other.internal"}));
  on_loop([this] {
    ASSERT_EQ(intake.mails.size(), 2u);
    EXPECT_EQ(intake.mails[0]->body.size(), 200'002u);
  });
}

// In TLS 1.3 the device refuses after our side of the handshake is done; in 1.2 in its middle.
TEST_F(TlsTest, WhoProvedHimselfBeforeTlsIsNotWhoSendsInsideIt) {
  auto users = std::make_shared<Credentials>();
  users->add("tim", "secret");
  config.credentials = users;
  device_user = "tim";
  open();
  TlsClient client(port());
  client.clear_reply();
  client.send_clear("EHLO cam\r\nAUTH PLAIN AHRpbQBzZWNyZXQ=\r\nSTARTTLS\r\n");
  client.clear_reply();
  ASSERT_TRUE(client.clear_reply().starts_with("235"));
  ASSERT_TRUE(client.clear_reply().starts_with("220"));
  ASSERT_TRUE(client.start());
  EXPECT_TRUE(deliver(client, "x\r\n").starts_with("250 2.0.0"));
  ASSERT_TRUE(eventually([this] { return door->snapshot().accepted == 1; }));
  for (const Device& one : snapshot().devices) {
    EXPECT_EQ(one.accepted, one.name == "proven" ? 0u : 1u) << one.name;
    EXPECT_EQ(one.sessions, one.name == "proven" ? 0u : 1u) << one.name;
  }
}

TEST_F(TlsTest, TheDoctorHearsWhyADeviceRefusedTheCertificate) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    open();
    TlsClient stranger(port());
    EXPECT_FALSE(start(stranger, {snapshot().certificate.ca_pem, "other.internal", version}));
    ASSERT_TRUE(eventually([this] {
      const auto kept = door->dialogues("cam-1");
      return kept.size() == 1 && kept[0].facts.end == DialogueFacts::End::tls_failed;
    }));
    const auto kept = on_loop([this] { return door->dialogues("cam-1"); });
    const auto findings = diagnose(kept[0].facts, kept[0].log.lines());
    ASSERT_EQ(findings.size(), 1u);
    EXPECT_EQ(findings[0].id, FindingId::certificate_refused);
    close_door();
  }
}

TEST_F(TlsTest, TheDoctorHearsOfClearTextOnATlsPort) {
  config.listeners[0].tls = TlsMode::implicit;
  open();
  Client clear(port());
  clear.send("EHLO cam\r\n");
  EXPECT_TRUE(clear.at_end());
  ASSERT_TRUE(eventually([this] { return door->snapshot().sessions == 0; }));
  const auto kept = on_loop([this] { return door->dialogues("127.0.0.1"); });
  ASSERT_EQ(kept.size(), 1u);
  const auto findings = diagnose(kept[0].facts, kept[0].log.lines());
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].id, FindingId::clear_on_tls_port);
}

TEST_F(TlsTest, ImplicitTlsTakesAMail) {
  config.listeners[0].tls = TlsMode::implicit;
  open();
  TlsClient client(port());
  ASSERT_TRUE(start(client));
  EXPECT_TRUE(client.reply().starts_with("220"));
  EXPECT_TRUE(deliver(client, "a\r\n").starts_with("250 2.0.0"));
}

TEST_F(TlsTest, ASlowIntakeStopsTheSenderInsideTlsToo) {
  open();
  intake.hold_appends = true;
  TlsClient client(port());
  ASSERT_TRUE(start(client));
  client.send(mail + rcpt + "DATA\r\n");
  for (int i = 0; i < 3; ++i) client.reply();
  const std::string body = std::string(300'000, 'y') + "\r\n";
  std::thread sender([&] { client.send(body + ".\r\n"); });
  EXPECT_TRUE(eventually([this] { return intake.mails[0]->appends == 1; }));
  on_loop([this] { intake.release(); });
  sender.join();
  EXPECT_TRUE(client.reply().starts_with("250 2.0.0"));
  EXPECT_TRUE(on_loop([&] { return intake.mails[0]->body == body; }));
}

TEST_F(TlsTest, ClearTextBehindStartTlsIsThrownAwayAndTheHandshakeGoesOn) {
  open();
  for (const bool in_pieces : {false, true}) {
    TlsClient client(port());
    client.clear_reply();
    const std::string injected = mail + rcpt + "DATA\r\nevil\r\n.\r\nRSET\r\n";
    client.send_clear("STARTTLS\r\n" + (in_pieces ? injected.substr(0, 5) : injected));
    EXPECT_TRUE(client.clear_reply().starts_with("220"));
    ASSERT_TRUE(client.start());
    EXPECT_EQ(client.say("NOOP"), "250 2.0.0 ok\r\n");
  }
  EXPECT_TRUE(on_loop([this] { return intake.mails.empty() && intake.losses.empty(); }));
}

TEST_F(TlsTest, AnOldDeviceGetsInOnALegacyListenerOnly) {
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    config.listeners[0].tls_level = 0;
    open();
    EXPECT_TRUE(snapshot().listeners[0].legacy_tls);
    for (const char* const ciphers : {"AES128-SHA", "DHE-RSA-AES128-SHA", "ECDHE-RSA-AES256-SHA"}) {
      TlsClient old(port());
      ASSERT_TRUE(start(old, {"", "", version, 0, std::string(ciphers) + ":@SECLEVEL=0"}))
          << ciphers;
      EXPECT_TRUE(deliver(old, "a\r\n").starts_with("250 2.0.0"));
    }
    EXPECT_TRUE(
        eventually([this] { return door->snapshot().devices[0].quirks.has(Quirk::old_tls); }));
    close_door();
    config.listeners[0].tls_level = tls_level_default;
    open();
    EXPECT_FALSE(snapshot().listeners[0].legacy_tls);
    TlsClient refused(port());
    EXPECT_FALSE(start(refused, {"", "", version, 0, "ALL:@SECLEVEL=0"}));
    EXPECT_TRUE(eventually([this] { return !door->snapshot().devices[0].last_error.empty(); }));
    EXPECT_NE(snapshot().devices[0].last_error.find("the device offers at most TLS 1."),
              std::string::npos)
        << snapshot().devices[0].last_error;
    close_door();
  }
}

TEST_F(TlsTest, OldDevicesGetAnRsaCertificateAndNewOnesEcdsa) {
  open();
  TlsClient old(port());
  TlsClient fresh(port());
  ASSERT_TRUE(start(old, {"", "", TLS1_2_VERSION, 2, "ECDHE-RSA-AES128-GCM-SHA256"}));
  ASSERT_TRUE(start(fresh));
  EXPECT_NE(old.fingerprint(), fresh.fingerprint());
}

TEST_F(TlsTest, RenegotiationCompressionAndEarlyDataAreOff) {
  open();
  TlsClient client(port());
  ASSERT_TRUE(start(client, {"", "", TLS1_2_VERSION}));
  EXPECT_FALSE(client.has_compression());
  EXPECT_TRUE(client.renegotiation_is_refused());
  TlsClient newest(port());
  ASSERT_TRUE(start(newest));
  newest.say("NOOP");  // brings the ticket
  EXPECT_FALSE(newest.takes_early_data());
}

TEST_F(TlsTest, ANewCertificateIsUsedAtOnceAndNoSessionEnds) {
  open();
  TlsClient before(port());
  ASSERT_TRUE(start(before));
  before.send(mail + rcpt + "DATA\r\nhalf ");
  for (int i = 0; i < 3; ++i) before.reply();
  const Folder other;
  const Identity theirs =
      *own_identity(other.path(), {{"theirs.internal"}, {}, "theirs.internal"}, wall_now_us());
  ASSERT_TRUE(write_file_atomically(other / "chain", theirs.keys[1].chain_pem));
  ASSERT_TRUE(write_file_atomically(other / "key", theirs.keys[1].key_pem));
  config.tls.certificate_file = other / "chain";
  config.tls.key_file = other / "key";
  on_loop([this] { EXPECT_TRUE(door->reconfigure(config, {}).has_value()); });
  TlsClient after(port());
  ASSERT_TRUE(start(after, {theirs.ca_pem, "theirs.internal"}));
  EXPECT_NE(after.fingerprint(), before.fingerprint());
  EXPECT_TRUE(before.say("a mail\r\n.").starts_with("250 2.0.0"));
  // A file that is no good changes nothing.
  ASSERT_TRUE(write_file_atomically(other / "key", "rubbish"));
  on_loop([this] { EXPECT_TRUE(door->reconfigure(config, {}).has_value()); });
  TlsClient still(port());
  ASSERT_TRUE(start(still, {theirs.ca_pem, "theirs.internal"}));
}

TEST_F(TlsTest, BadFilesAtTheStartGiveWayToTheBoxsOwn) {
  config.tls.certificate_file = config.tls.key_file = folder / "none";
  open();
  TlsClient client(port());
  EXPECT_TRUE(start(client, {snapshot().certificate.ca_pem, "box.internal"}));
}

TEST_F(TlsTest, WithoutACertificateMailIsTakenInClearText) {
  config.tls.directory = "/proc/no-such-place";
  open();
  Client client(port());
  client.reply();
  EXPECT_EQ(client.say("EHLO cam").find("STARTTLS"), std::string::npos);
  EXPECT_TRUE(client.say("STARTTLS").starts_with("454 4.7.0"));
  EXPECT_TRUE(accept_mail(client, "a\r\n").starts_with("250 2.0.0"));
}

TEST_F(TlsTest, AHandshakeBrokenOffEndsTheSessionAndIsRemembered) {
  config.listeners[0].tls = TlsMode::implicit;
  open();
  Client clear(port());
  clear.send("EHLO cam\r\n");
  EXPECT_TRUE(clear.at_end());
  EXPECT_TRUE(eventually([this] { return door->snapshot().sessions == 0; }));
  EXPECT_NE(snapshot().devices[0].last_error.find("handshake"), std::string::npos);
}

TEST_F(TlsTest, GuessingPasswordsIsSlowAndNobodyIsLockedOut) {
  config.listeners[0].auth = AuthMode::required;
  auto credentials = std::make_shared<Credentials>();
  credentials->add("u", "p");
  config.credentials = credentials;
  open();
  Client guesser(port());
  guesser.reply();
  guesser.say("EHLO x");
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_TRUE(guesser.say("AUTH PLAIN AHUAeA==").starts_with("535"));
  EXPECT_GE(std::chrono::steady_clock::now() - begun, auth_delay_first);
  Client good(port());
  good.reply();
  good.say("EHLO x");
  EXPECT_TRUE(good.say("AUTH PLAIN AHUAcA==").starts_with("235"));
  EXPECT_TRUE(accept_mail(good, "a\r\n").starts_with("250 2.0.0"));
}

}  // namespace
}  // namespace alarmwire::smtp::test
