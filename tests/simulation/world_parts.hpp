// The parts of the simulated world: see world.hpp.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/simulation/clockwork.hpp"
#include "tests/simulation/model_ledger.hpp"
#include "tests/simulation/model_spool.hpp"
#include "tests/simulation/world.hpp"

namespace alarmwire::simulation {

inline constexpr std::int64_t ms = 1000;
inline constexpr std::int64_t second = 1000 * ms;

struct Stream {
  std::uint64_t number = 0;
  int box = 0;
  bool box_open = true;
  bool centre_open = true;
  bool black = false;  // frames vanish
  std::int64_t to_centre_us = 0;
  std::int64_t to_box_us = 0;
  std::unique_ptr<link::CentreSession> centre;
  bool centre_busy = false;
};
using StreamPtr = std::shared_ptr<Stream>;
struct ByNumber {  // never by address: a seed must always tell the same story
  bool operator()(const StreamPtr& a, const StreamPtr& b) const { return a->number < b->number; }
};
using Streams = std::set<StreamPtr, ByNumber>;

struct Box {
  int index = 0;
  std::int64_t skew_us = 0;
  ModelSpool spool;
  std::unique_ptr<link::BoxSession> session;
  StreamPtr stream;
  std::uint64_t life = 0;  // grows with every start: late answers of an older one are void
  bool down = false;
  bool pumping = false;
  std::int64_t max_delay_us = 0;
};

class World {
 public:
  World(std::uint64_t seed, Mutant mutant);
  Verdict run();

 private:
  struct Expected {
    int box = 0;
    bool damaged = false;
    bool evicted = false;
    bool forgotten = false;  // the spool was replaced by an older copy
    bool told_once = false;  // a conflict about a replay, and a crash before it was acted on
  };

  // world_paths.cpp: streams and the two drivers.
  void connect(Box& box);
  void begin(Box& box);
  void end_stream(Box& box, std::int64_t retry_us);
  void pump(Box& box);
  void perform(Box& box, link::box_action::Write& action);
  void perform(Box& box, link::box_action::Fetch& action);
  void perform(Box& box, link::box_action::FetchBody& action);
  void perform(Box& box, link::box_action::Verify& action);
  void perform(Box& box, link::box_action::Settled& action);
  void perform(Box& box, link::box_action::Park& action);
  void perform(Box& box, link::box_action::Reenter& action);
  void perform(Box& box, link::box_action::Close& action);
  template <typename Other>
  void perform(Box&, Other&) {}
  void answer(Box& box, std::function<void(link::BoxSession&)> call);
  void arm(Box& box);
  void to_centre(const StreamPtr& stream, link::v1::BoxFrame frame);

  void pump(const StreamPtr& stream);
  void perform(const StreamPtr& stream, link::centre_action::Write& action);
  void perform(const StreamPtr& stream, link::centre_action::LoadState& action);
  void perform(const StreamPtr& stream, link::centre_action::Stage& action);
  void perform(const StreamPtr& stream, link::centre_action::Store& action);
  void perform(const StreamPtr& stream, link::centre_action::Tombstone& action);
  void perform(const StreamPtr& stream, link::centre_action::Close& action);
  template <typename Other>
  void perform(const StreamPtr&, Other&) {}
  void arm(const StreamPtr& stream);
  void commit_soon();
  template <typename Call>
  void settle_later(const StreamPtr& stream, Call call);

  // world_faults.cpp
  void mail(Box& box);
  void mail_later(Box& box);
  void fault_later();
  void fault();
  void cut(Box& box);
  void crash(Box& box, bool older_copy);
  void crash_centre(bool older_copy);
  void damage(Box& box);
  void evict(Box& box);
  void check_settled(Box& box, EpochId epoch, Lane lane, std::uint64_t up_to);
  void check_end();
  void check_order();
  void broken(const std::string& what);

  Clockwork clock_;
  ModelLedger ledger_;
  std::vector<std::unique_ptr<Box>> boxes_;
  Streams streams_;  // that the centre holds
  std::uint64_t centre_life_ = 0;
  std::uint64_t last_session_ = 0;
  std::uint64_t last_stream_ = 0;
  bool centre_down_ = false;
  bool committing_ = false;
  bool faults_on_ = true;
  std::int64_t full_until_us_ = 0;
  std::int64_t noise_until_us_ = 0;  // frames arrive damaged
  bool may_restore_ = false;
  bool restored_ledger_ = false;
  LedgerState ledger_copy_;
  SpoolState spool_copy_;
  std::map<AlarmId, Expected> expected_;
  Verdict verdict_;
};

}  // namespace alarmwire::simulation
