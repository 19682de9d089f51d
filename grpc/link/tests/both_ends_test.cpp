// Both ends against each other, over a line that carries so many bytes a second, on virtual time.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>

#include "grpc/link/box_session.hpp"
#include "grpc/link/centre_session.hpp"

namespace alarmwire::link {
namespace {

using namespace std::chrono_literals;
using std::chrono::microseconds;
using Verdict = StoreOutcome::Verdict;

constexpr EpochId epoch{9};
constexpr std::uint64_t record_bytes_max = 8'000'000;

// One way of the line. gRPC takes what is written at once; the line carries it in its own time.
template <typename Frame>
struct Way {
  std::uint64_t bytes_per_s = 1'000'000'000;
  SteadyTime free_at{};
  std::deque<std::pair<SteadyTime, Frame>> under_way;

  void put(Frame frame, SteadyTime now) {
    free_at = std::max(free_at, now) + microseconds(frame.ByteSizeLong() * 1'000'000 / bytes_per_s);
    under_way.emplace_back(free_at + 20ms, std::move(frame));
  }
};

// Bytes that cannot be packed, the same ones each time.
std::string noise(std::uint64_t offset, std::uint64_t bytes) {
  std::string made(bytes, '\0');
  for (char& c : made) {
    std::uint64_t mixed = ++offset * 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ (mixed >> 29)) * 0xbf58476d1ce4e5b9u;
    c = static_cast<char>(mixed >> 56);
  }
  return made;
}

class BothEndsTest : public ::testing::Test {
 protected:
  std::string body(std::uint64_t offset, std::uint64_t bytes) const {
    return is_text ? std::string(bytes, 'b') : noise(offset, bytes);
  }
  void add(Lane lane, std::uint64_t size, const std::string& envelope = "") {
    const RecordKey key{epoch, lane, ++last_seq[lane]};
    FetchedRecord& record = rows[key];
    record.header.key = key;
    record.header.id = AlarmId::make(static_cast<WallTimeUs>(rows.size()));
    record.header.envelope = envelope.empty() ? encode_envelope(Envelope{}) : envelope;
    record.header.size = size;
    if (box) box->on_record(key, now);
  }
  void connect() {
    CentreConfig config;
    config.credits.fill({64, 1024 * 1024});
    config.record_bytes_max = record_bytes_max;
    centre = std::make_unique<CentreSession>(config, now);
    std::vector<HeldRange> ranges;
    for (const Lane lane : all_lanes) ranges.push_back({epoch, lane, 1, 1, last_seq[lane]});
    box = std::make_unique<BoxSession>(BoxConfig{"box"}, ranges, "L", now);
  }
  // Until `over`, at most `time`.
  bool run_until(const std::function<bool()>& over, std::chrono::seconds time = 300s) {
    for (const SteadyTime end = now.steady + time; now.steady < end; now.steady += 1ms) {
      for (int i = 0; i < 50; ++i) work();
      if (now.steady >= box->next_deadline()) box->on_timer(now);
      if (now.steady >= centre->next_deadline()) centre->on_timer(now);
      if (over()) return true;
      if (box->is_closed() || centre->is_closed()) return false;
    }
    return false;
  }
  void work() {
    for (BoxAction& action : box->take_actions()) std::visit([&](auto& one) { on(one); }, action);
    for (CentreAction& action : centre->take_actions())
      std::visit([&](auto& one) { on(one); }, action);
    while (!up.under_way.empty() && up.under_way.front().first <= now.steady) {
      v1::BoxFrame frame = std::move(up.under_way.front().second);
      up.under_way.pop_front();
      centre->on_frame(std::move(frame), now);
    }
    while (!down.under_way.empty() && down.under_way.front().first <= now.steady) {
      v1::CentreFrame frame = std::move(down.under_way.front().second);
      down.under_way.pop_front();
      if (!centre_knows_features && frame.has_welcome()) frame.mutable_welcome()->clear_features();
      box->on_frame(std::move(frame), now);
    }
  }

  // --- the box's driver and spool ---
  void on(const box_action::Write& action) {
    marks += action.frame.has_mark() ? 1 : 0;
    up.put(action.frame, now.steady);
    longest_queue =
        std::max(longest_queue, std::chrono::duration_cast<microseconds>(up.free_at - now.steady));
    box->on_write_ready(now);
  }
  void on(const box_action::Fetch& action) {
    FetchedRecord record = rows.at(action.key);
    record.head = body(0, std::min<std::uint64_t>(record.header.size, action.head_bytes_max));
    box->on_fetched(action.key, FetchResult::ok, std::move(record), now);
  }
  void on(const box_action::FetchBody& action) {
    const std::uint64_t left = rows.at(action.key).header.size - action.offset;
    box->on_body(action.key, action.offset, FetchResult::ok,
                 body(action.offset, std::min<std::uint64_t>(left, action.bytes_max)), now);
  }
  void on(const box_action::Verify& action) { box->on_verified(action.key, FetchResult::ok, now); }
  void on(const box_action::Settled& action) {
    for (const RecordKey& key : action.stored) {
      EXPECT_TRUE(std::count(stored.begin(), stored.end(), key) == 1) << "not in the ledger";
      stored_said.push_back(key);
    }
    settled_up_to[action.lane] = action.up_to;
  }
  void on(const box_action::Park& action) { parked.push_back(action.key.seq); }
  template <typename Other>
  void on(const Other&) {}

  // --- the centre's driver and ledger ---
  void on(const centre_action::Write& action) {
    down.put(action.frame, now.steady);
    centre->on_write_ready(now);
  }
  void on(const centre_action::LoadState&) {
    CentreState state;
    for (const Lane lane : all_lanes) state.cursors.push_back({epoch, lane, 0});
    centre->on_state(std::move(state), now);
  }
  void on(const centre_action::Stage& action) {
    EXPECT_EQ(action.bytes, body(action.offset, action.bytes.size()));
    centre->on_staged(action.token, {}, now);
  }
  void on(const centre_action::Store& action) {
    const RecordKey& key = action.header.key;
    if (!action.staged) {
      EXPECT_EQ(action.body, body(0, action.header.size));
    }
    std::uint64_t& cursor = cursors[key.lane];
    Verdict verdict = key.seq == cursor + 1 ? Verdict::stored : Verdict::gap;
    if (verdict == Verdict::stored && refusals[key] > 0) {
      verdict = --refusals[key] % 2 == 0 ? Verdict::busy : Verdict::hash_mismatch;
    } else if (verdict == Verdict::stored) {
      cursor = key.seq;
      stored.push_back(key);
      stored_at[key] = now.steady;
    }
    centre->on_stored(action.token, {verdict, 1, cursor}, now);
  }
  void on(const centre_action::Tombstone& action) {
    std::uint64_t& cursor = cursors[action.lane];
    if (action.first_seq == cursor + 1) cursor = action.last_seq;
    centre->on_tombstoned(action.token, {TombstoneOutcome::Verdict::done, cursor}, now);
  }

  Now now{SteadyTime(1000s), 1'700'000'000'000'000};
  std::unique_ptr<BoxSession> box;
  std::unique_ptr<CentreSession> centre;
  Way<v1::BoxFrame> up;
  Way<v1::CentreFrame> down;
  bool centre_knows_features = true;
  bool is_text = false;  // what the mails are made of
  std::map<Lane, std::uint64_t> last_seq;
  std::map<RecordKey, FetchedRecord> rows;
  std::map<Lane, std::uint64_t> settled_up_to;
  std::vector<RecordKey> stored_said;
  std::vector<std::uint64_t> parked;
  std::size_t marks = 0;
  microseconds longest_queue{0};
  std::map<Lane, std::uint64_t> cursors;
  std::map<RecordKey, int> refusals;  // `again` so many times
  std::vector<RecordKey> stored;
  std::map<RecordKey, SteadyTime> stored_at;
};

TEST_F(BothEndsTest, a_lane_in_which_again_and_never_alternate_loses_nothing_and_keeps_its_order) {
  constexpr std::uint64_t count = 24;
  std::vector<RecordKey> wanted;
  std::vector<std::uint64_t> refused;
  for (std::uint64_t seq = 1; seq <= count; ++seq) {
    const RecordKey key{epoch, Lane::alarm, seq};
    const bool is_never = seq % 2 == 0;
    if (is_never && seq % 4 == 0) {
      add(Lane::alarm, record_bytes_max + 1);
    } else {
      add(Lane::alarm, seq % 3 == 0 ? 600'000 : 900, is_never ? "no envelope" : "");
    }
    if (is_never) {
      refused.push_back(seq);
    } else {
      wanted.push_back(key);
      refusals[key] = 1 + static_cast<int>(seq % 3);
    }
  }
  connect();
  EXPECT_TRUE(run_until([&] { return settled_up_to[Lane::alarm] == count; }));
  EXPECT_EQ(stored, wanted);
  EXPECT_EQ(stored_said, wanted);
  EXPECT_EQ(parked, refused) << "each once, and in order";
  EXPECT_FALSE(box->is_closed() || centre->is_closed());
}

TEST_F(BothEndsTest, a_live_alarm_passes_a_large_mail_on_a_slow_line) {
  up.bytes_per_s = 32'000;
  add(Lane::alarm, 2'000'000);
  connect();
  run_until([] { return false; }, 20s);
  for (int i = 0; i < 5; ++i) {
    add(Lane::live_alarm, 2'000);
    const SteadyTime accepted = now.steady;
    const RecordKey key{epoch, Lane::live_alarm, last_seq[Lane::live_alarm]};
    ASSERT_TRUE(run_until([&] { return stored_at.count(key) == 1; }, 20s));
    EXPECT_LT(stored_at[key] - accepted, 1500ms);
    run_until([] { return false; }, 3s);
  }
  longest_queue = microseconds(0);
  const SteadyTime began = now.steady;
  const RecordKey large{epoch, Lane::alarm, 1};
  ASSERT_EQ(stored_at.count(large), 0u) << "too small to be in anybody's way";
  ASSERT_TRUE(run_until([&] { return stored_at.count(large) == 1; }));
  EXPECT_LT(longest_queue, 1500ms);
  EXPECT_LT(now.steady - began, 60s) << "the line is kept busy";
}

TEST_F(BothEndsTest, a_text_is_packed_where_the_centre_unpacks) {
  is_text = true;
  up.bytes_per_s = 32'000;
  add(Lane::alarm, 2'000'000);
  add(Lane::live_alarm, 2'000);
  connect();
  ASSERT_TRUE(run_until([&] { return settled_up_to[Lane::alarm] == 1; }, 5s));
  EXPECT_EQ(settled_up_to[Lane::live_alarm], 1u);
}

TEST_F(BothEndsTest, nothing_is_packed_for_a_centre_that_does_not_say_it_unpacks) {
  is_text = true;
  centre_knows_features = false;
  up.bytes_per_s = 32'000;
  add(Lane::alarm, 2'000'000);
  connect();
  EXPECT_FALSE(run_until([&] { return settled_up_to[Lane::alarm] == 1; }, 60s));
  EXPECT_TRUE(run_until([&] { return settled_up_to[Lane::alarm] == 1; }, 10s));
}

TEST_F(BothEndsTest, a_fast_line_is_soon_not_bounded_at_all) {
  add(Lane::alarm, 7'000'000);
  connect();
  ASSERT_TRUE(run_until([&] { return settled_up_to[Lane::alarm] == 1; }, 20s));
  EXPECT_LT(marks, 40u);
}

TEST_F(BothEndsTest, a_centre_that_knows_no_marks_is_sent_none) {
  centre_knows_features = false;
  add(Lane::alarm, 2'000'000);
  connect();
  box->ask(now);
  ASSERT_TRUE(run_until([&] { return settled_up_to[Lane::alarm] == 1; }));
  box->ask(now);
  run_until([] { return false; }, 1s);
  EXPECT_EQ(marks, 0u);
}

TEST_F(BothEndsTest, who_asks_hears_of_a_centre_that_is_alive) {
  connect();
  ASSERT_TRUE(run_until([&] { return box->is_up(); }));
  run_until([] { return false; }, 1s);
  box->ask(now);
  EXPECT_TRUE(run_until(
      [&] {
        return std::any_of(down.under_way.begin(), down.under_way.end(),
                           [](const auto& one) { return one.second.has_mark(); });
      },
      1s));
  EXPECT_EQ(marks, 1u);
}

TEST_F(BothEndsTest, a_mark_that_was_never_sent_ends_the_stream) {
  connect();
  ASSERT_TRUE(run_until([&] { return box->is_up(); }));
  v1::CentreFrame frame;
  frame.mutable_mark()->set_number(7);
  box->on_frame(std::move(frame), now);
  EXPECT_TRUE(box->is_closed());
}

}  // namespace
}  // namespace alarmwire::link
