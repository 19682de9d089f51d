// Frames of a box that may be anything, into the centre's session; the ledger answers in all ways.
#include "grpc/link/centre_session.hpp"
#include "grpc/link/tests/link_fuzz.hpp"

namespace alarmwire::link {
namespace {

Now now{alarmwire::SteadyTime(std::chrono::seconds(10)), 1'700'000'000'000'000};

void answer(CentreSession& session, const CentreAction& action, unsigned chance) {
  namespace act = centre_action;
  if (std::holds_alternative<act::LoadState>(action)) {
    CentreState state;
    state.cursors = {{alarmwire::EpochId{9}, alarmwire::Lane::alarm, 1}};
    session.on_state(std::move(state), now);
  } else if (const auto* store = std::get_if<act::Store>(&action)) {
    using Verdict = StoreOutcome::Verdict;
    session.on_stored(store->token, {static_cast<Verdict>(chance % 9), 1, chance % 4}, now);
  } else if (const auto* stage = std::get_if<act::Stage>(&action)) {
    using Verdict = StageOutcome::Verdict;
    session.on_staged(stage->token, {static_cast<Verdict>(chance % 5)}, now);
  } else if (const auto* gone = std::get_if<act::Tombstone>(&action)) {
    using Verdict = TombstoneOutcome::Verdict;
    session.on_tombstoned(gone->token, {static_cast<Verdict>(chance % 4), gone->last_seq}, now);
  } else if (std::holds_alternative<act::Write>(action)) {
    session.on_write_ready(now);
  }
}

}  // namespace
}  // namespace alarmwire::link

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alarmwire::link;
  CentreSession session({}, now);
  unsigned chance = 0;
  for_each_frame<v1::BoxFrame>(data, size, [&](v1::BoxFrame frame) {
    chance += static_cast<unsigned>(frame.ByteSizeLong());
    session.on_frame(std::move(frame), now);
    for (int i = 0; i < 100; ++i) {
      const auto actions = session.take_actions();
      if (actions.empty()) break;
      for (const auto& action : actions) answer(session, action, chance++);
    }
  });
  return 0;
}
