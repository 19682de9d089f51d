// The outlet with TLS, with AUTH, and warm connections.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "receiver/outlets/tests/smtp_outlet_fixture.hpp"

namespace alarmwire::outlets {
namespace {

class SecureTest : public SmtpOutletTest {
 protected:
  void secure(ScriptedServer::Security security, Tls tls) {
    serve({}, security);
    config_.tls = tls;
    config_.host = "localhost";
    config_.ca_file = ::testing::TempDir() + "outlet_ca_" + std::to_string(server_->port());
    std::ofstream(config_.ca_file) << server_->certificate().certificate_pem;
  }
};

TEST_F(SecureTest, StartTls) {
  secure(ScriptedServer::Security::starttls, Tls::starttls);
  start();
  ASSERT_TRUE(becomes(add(), HandOverState::taken));
  EXPECT_TRUE(server_->mails().at(0).secure);
}

TEST_F(SecureTest, Smtps) {
  secure(ScriptedServer::Security::smtps, Tls::smtps);
  start();
  ASSERT_TRUE(becomes(add(), HandOverState::taken));
  EXPECT_TRUE(server_->mails().at(0).secure);
}

TEST_F(SecureTest, AStrangersCertificateIsNotTrusted) {
  secure(ScriptedServer::Security::smtps, Tls::smtps);
  config_.ca_file.clear();
  start();
  const auto position = add();
  ASSERT_TRUE(eventually([&] { return outlet_->status().stopped; }));
  EXPECT_THAT(outlet_->status().last_error, HasSubstr("certificate"));
  EXPECT_EQ(ledger_.hand_over(position).state, HandOverState::waiting);
}

TEST_F(SecureTest, NoStartTlsMeansNoMail) {
  serve();
  config_.tls = Tls::starttls;
  start();
  const auto position = add();
  ASSERT_TRUE(eventually([&] { return outlet_->status().stopped; }));
  EXPECT_EQ(server_->count("MAIL"), 0);
  EXPECT_EQ(ledger_.hand_over(position).state, HandOverState::waiting);
}

TEST_F(SmtpOutletTest, LogsIn) {
  config_.username = "alarm";
  config_.password = "secret";
  serve();
  start();
  ASSERT_TRUE(becomes(add(), HandOverState::taken));
  EXPECT_EQ(server_->count("AUTH"), 1);
}

TEST_F(SmtpOutletTest, AWrongPasswordRefusesNoMail) {
  config_.username = "alarm";
  config_.password = "wrong";
  serve(fail("AUTH", "535 5.7.8 wrong"));
  start();
  const auto position = add();
  ASSERT_TRUE(eventually([&] { return faults_.lines().size() == 1; }));
  EXPECT_THAT(faults_.lines()[0], HasSubstr("outlet-stalled"));
  EXPECT_THAT(faults_.lines()[0], HasSubstr("535"));
  EXPECT_THAT(faults_.lines()[0], ::testing::Not(HasSubstr("wrong\n")));
  EXPECT_EQ(ledger_.hand_over(position).state, HandOverState::waiting);
}

TEST_F(SmtpOutletTest, WarmConnectionsStandOpenBeforeTheFirstAlarm) {
  config_.warm_every = 50ms;
  config_.connections = 2;
  serve();
  start();
  ASSERT_TRUE(eventually([&] { return server_->count("NOOP") >= 4; }));
  EXPECT_EQ(server_->connections(), 2);
  ASSERT_TRUE(becomes(add(), HandOverState::taken));
  EXPECT_EQ(server_->connections(), 2);
}

// From poke() to the far side's answer, on an open connection.
TEST_F(SmtpOutletTest, IsQuick) {
  config_.connections = 1;
  serve();
  start();
  ASSERT_TRUE(becomes(add(), HandOverState::taken));
  std::vector<double> took_ms;
  for (int i = 0; i < 50; ++i) {
    const SteadyTime before = steady_now();
    const auto position = add();
    while (ledger_.hand_over(position).state != HandOverState::taken) std::this_thread::yield();
    took_ms.push_back(std::chrono::duration<double, std::milli>(steady_now() - before).count());
  }
  std::sort(took_ms.begin(), took_ms.end());
  RecordProperty("median_us", static_cast<int>(took_ms[25] * 1000));
  EXPECT_LT(took_ms[25], 50.0);
}

}  // namespace
}  // namespace alarmwire::outlets
