#include "edge/daemon/intake.hpp"

#include <gtest/gtest.h>

#include "edge/daemon/test_alarm.hpp"
#include "edge/daemon/tests/fake_spool.hpp"

namespace alarmwire::edge {
namespace {

using smtp::Outcome;
using smtp::ReplyMode;
using namespace std::chrono_literals;

class FakeAcknowledger final : public uplink::Acknowledger {
 public:
  bool up = true;
  bool stored = true;
  int asked = 0;
  RecordKey last_key;
  std::chrono::milliseconds last_wait{};
  bool is_up() const override { return up; }
  void wait_stored(const RecordKey& key, std::chrono::milliseconds wait,
                   std::function<void(bool)> done) override {
    ++asked;
    last_key = key;
    last_wait = wait;
    done(stored);
  }
};

class IntakeTest : public ::testing::Test {
 protected:
  IntakeTest() {
    desk_.open_with([this](const FaultBook::Entry& entry, auto done) {
      faults_.push_back(entry.envelope);
      done(FaultDesk::Booked::yes);
    });
  }
  ~IntakeTest() override { desk_.close(); }

  static Envelope envelope() {
    Envelope envelope;
    envelope.listener = "lan";
    envelope.device = "cam1";
    envelope.device_address = "192.0.2.1";
    envelope.reverse_path = "cam1@site.internal";
    envelope.recipients = {"alarm@site.internal"};
    return envelope;
  }

  std::optional<Outcome> send(const std::vector<std::string>& pieces, ReplyMode mode) {
    std::unique_ptr<smtp::IncomingMail> mail = intake_.begin(envelope(), mode, std::nullopt);
    for (const std::string& piece : pieces) {
      bool done = false;
      mail->append(piece, [&] { done = true; });
      EXPECT_FALSE(done) << "an answer came from inside the call";
      drain();
      EXPECT_TRUE(done);
    }
    std::optional<Outcome> outcome;
    mail->finish(123, [&](const Outcome& told) { outcome = told; });
    EXPECT_FALSE(outcome) << "an answer came from inside the call";
    drain();
    return outcome;
  }

  void drain() {
    context_.restart();
    context_.poll();
  }

  boost::asio::io_context context_;
  FakeSpool spool_;
  FakeAcknowledger acknowledger_;
  FaultDesk desk_{context_, ::testing::TempDir() + "intake_test_faults.json"};
  std::vector<Envelope> faults_;
  SpoolIntake intake_{context_, spool_, acknowledger_, desk_, LaneRules{}, {{"lan", 1500ms}}};
};

TEST_F(IntakeTest, a_small_mail_is_spooled_inline_with_its_hash) {
  const auto outcome = send({"Subject: a\r\n", "\r\nb"}, ReplyMode::store_and_forward);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->kind, Outcome::Kind::spooled);
  ASSERT_EQ(spool_.committed.size(), 1u);
  const spool::NewRecord& record = spool_.committed[0];
  EXPECT_EQ(record.body, "Subject: a\r\n\r\nb");
  EXPECT_EQ(record.upload, 0u);
  EXPECT_EQ(record.size, 15u);
  EXPECT_EQ(record.accepted_us, 123);
  EXPECT_EQ(outcome->id, record.id);
  RecordHasher hasher(encode_envelope(envelope()));
  hasher.update(record.body);
  EXPECT_EQ(record.hash, hasher.finish());
  EXPECT_EQ(acknowledger_.asked, 0) << "store-and-forward waits for nobody";
}

TEST_F(IntakeTest, a_large_mail_goes_in_chunks_in_order) {
  std::vector<std::string> pieces;
  std::string whole;
  for (char c = 'a'; c <= 'h'; ++c) {
    pieces.emplace_back(40'000, c);
    whole += pieces.back();
  }
  ASSERT_TRUE(send(pieces, ReplyMode::store_and_forward));
  ASSERT_EQ(spool_.committed.size(), 1u);
  EXPECT_EQ(spool_.committed[0].body, whole);
  EXPECT_NE(spool_.committed[0].upload, 0u);
  EXPECT_EQ(spool_.committed[0].size, whole.size());
  EXPECT_EQ(spool_.committed[0].lane, Lane::alarm) << "too large for the live lane";
  EXPECT_LE(spool_.largest_chunk, spool::chunk_bytes_max);
}

TEST_F(IntakeTest, a_picture_goes_whole_with_its_commit) {
  const std::vector<std::string> pieces(5, std::string(40'000, 'p'));
  ASSERT_TRUE(send(pieces, ReplyMode::store_and_forward));
  EXPECT_EQ(spool_.committed.at(0).body, std::string(200'000, 'p'));
  EXPECT_EQ(spool_.committed.at(0).upload, 0u);
}

TEST_F(IntakeTest, pictures_go_in_chunks_while_too_many_are_on_their_way) {
  std::vector<std::unique_ptr<smtp::IncomingMail>> others;
  for (std::size_t kept = 0; kept <= kept_bytes_max; kept += 160'000) {
    others.push_back(intake_.begin(envelope(), ReplyMode::store_and_forward, std::nullopt));
    for (int i = 0; i < 6; ++i) others.back()->append(std::string(40'000, 'o'), [] {});
    drain();
  }
  const std::vector<std::string> pieces(5, std::string(40'000, 'p'));
  ASSERT_TRUE(send(pieces, ReplyMode::store_and_forward));
  EXPECT_NE(spool_.committed.at(0).upload, 0u);
  EXPECT_EQ(spool_.committed.at(0).body, std::string(200'000, 'p'));
  EXPECT_LE(spool_.largest_chunk, spool::chunk_bytes_max);
  others.clear();
  ASSERT_TRUE(send(pieces, ReplyMode::store_and_forward));
  EXPECT_EQ(spool_.committed.at(1).upload, 0u) << "their room has come back";
}

TEST_F(IntakeTest, assured_says_which_stage_was_reached) {
  EXPECT_EQ(send({"x"}, ReplyMode::assured)->kind, Outcome::Kind::stored);
  EXPECT_EQ(acknowledger_.last_wait, 1500ms) << "the listener's own wait";
  EXPECT_EQ(acknowledger_.last_key.seq, 1u);
  acknowledger_.stored = false;
  EXPECT_EQ(send({"y"}, ReplyMode::assured)->kind, Outcome::Kind::spooled);
}

TEST_F(IntakeTest, pass_through_says_451_without_the_centre_and_keeps_the_copy) {
  acknowledger_.stored = false;
  EXPECT_EQ(send({"x"}, ReplyMode::pass_through)->kind, Outcome::Kind::unconfirmed);
  EXPECT_EQ(spool_.committed.size(), 1u);
}

TEST_F(IntakeTest, only_a_mail_that_may_be_answered_451_joins_its_waiting_copy) {
  send({"ALARM zone 3"}, ReplyMode::assured);
  send({"ALARM zone 3"}, ReplyMode::store_and_forward);
  send({"ALARM zone 3"}, ReplyMode::pass_through);
  ASSERT_EQ(spool_.committed.size(), 3u);
  EXPECT_FALSE(spool_.committed[0].may_join) << "each of two equal mails answered 250 is an alarm";
  EXPECT_FALSE(spool_.committed[1].may_join);
  EXPECT_TRUE(spool_.committed[2].may_join);
}

TEST_F(IntakeTest, the_live_lane_is_for_what_comes_while_the_link_is_up) {
  send({"x"}, ReplyMode::assured);
  acknowledger_.up = false;
  send({"y"}, ReplyMode::assured);
  EXPECT_EQ(spool_.committed[0].lane, Lane::live_alarm);
  EXPECT_EQ(spool_.committed[1].lane, Lane::alarm);
}

TEST_F(IntakeTest, a_full_spool_is_said_at_the_commit) {
  spool_.fail_commit = Failure(Errc::full, "quota");
  EXPECT_EQ(send({"x"}, ReplyMode::assured)->kind, Outcome::Kind::full);
  spool_.fail_commit = Failure(Errc::io, "broken");
  EXPECT_EQ(send({"x"}, ReplyMode::assured)->kind, Outcome::Kind::failed);
}

TEST_F(IntakeTest, a_spool_that_fills_up_in_mid_mail_is_said_at_the_end_and_the_upload_is_dropped) {
  spool_.fail_append = Failure(Errc::full, "quota");
  const std::vector<std::string> pieces(6, std::string(50'000, 'a'));
  const auto outcome = send(pieces, ReplyMode::assured);
  EXPECT_EQ(outcome->kind, Outcome::Kind::full);
  EXPECT_TRUE(spool_.committed.empty());
  EXPECT_EQ(spool_.aborted.size(), 1u);
}

TEST_F(IntakeTest, a_mail_given_up_leaves_nothing_behind) {
  std::unique_ptr<smtp::IncomingMail> mail =
      intake_.begin(envelope(), ReplyMode::assured, std::nullopt);
  bool called = false;
  for (int i = 0; i < 4; ++i) mail->append(std::string(65'000, 'a'), [] {});
  mail->append(std::string(65'000, 'b'), [&] { called = true; });
  mail.reset();
  drain();
  EXPECT_FALSE(called);
  EXPECT_EQ(spool_.aborted.size(), 1u);
  EXPECT_TRUE(spool_.committed.empty());
}

TEST_F(IntakeTest, a_lost_mail_becomes_a_fault_with_device_envelope_and_reason) {
  intake_.lost(envelope(), "connection closed in DATA");
  drain();
  ASSERT_EQ(faults_.size(), 1u);
  EXPECT_EQ(faults_[0].kind, RecordKind::fault);
  EXPECT_EQ(faults_[0].fault_code, fault::mail_lost);
  EXPECT_EQ(faults_[0].fault_subject, "cam1");
  EXPECT_EQ(faults_[0].fault_reason, "connection closed in DATA");
  EXPECT_EQ(faults_[0].reverse_path, "cam1@site.internal");
  EXPECT_EQ(faults_[0].recipients, envelope().recipients);
}

TEST_F(IntakeTest, room_is_what_the_spool_says) {
  EXPECT_TRUE(intake_.has_room(spool_.state.room_bytes));
  EXPECT_FALSE(intake_.has_room(spool_.state.room_bytes + 1));
}

TEST_F(IntakeTest, ATestAlarmIsAMailThatOutletsKnowAsATest) {
  TestAlarm test(intake_, "edge.internal");
  std::optional<Result<std::chrono::milliseconds>> answer;
  const auto send_one = [&] {
    answer.reset();
    test.send([&](const Result<std::chrono::milliseconds>& said) { answer = said; });
    drain();
    return answer.value_or(Failure(Errc::busy, "no answer"));
  };
  EXPECT_TRUE(send_one());
  ASSERT_EQ(spool_.committed.size(), 1U);
  const Envelope sent = decode_envelope(spool_.committed.front().envelope).value();
  EXPECT_EQ(sent.recipients, std::vector<std::string>{"alarmwire-test@edge.internal"});
  EXPECT_NE(spool_.committed.front().body.find("\r\nSubject: Alarmwire test\r\n"),
            std::string::npos);
  acknowledger_.stored = false;
  EXPECT_TRUE(send_one().error().is(Errc::timed_out)) << "on the box is not at the centre";
  spool_.fail_commit = Failure(Errc::full, "no room");
  EXPECT_TRUE(send_one().error().is(Errc::full));
}

}  // namespace
}  // namespace alarmwire::edge
