// Frames of a box that may be anything, into the centre's session; the ledger answers in all ways.
#include "grpc/link/centre_session.hpp"
#include "grpc/link/tests/link_fuzz.hpp"

namespace link = alarmwire::link;

namespace {

link::Now now{alarmwire::SteadyTime(std::chrono::seconds(10)), 1'700'000'000'000'000};

void answer(link::CentreSession& session, const link::CentreAction& action, unsigned chance) {
  namespace act = link::centre_action;
  if (std::holds_alternative<act::LoadState>(action)) {
    link::CentreState state;
    state.cursors = {{alarmwire::EpochId{9}, alarmwire::Lane::alarm, 1}};
    session.on_state(std::move(state), now);
  } else if (const auto* store = std::get_if<act::Store>(&action)) {
    using Verdict = link::StoreOutcome::Verdict;
    session.on_stored(store->token, {static_cast<Verdict>(chance % 9), 1, chance % 4}, now);
  } else if (const auto* stage = std::get_if<act::Stage>(&action)) {
    using Verdict = link::StageOutcome::Verdict;
    session.on_staged(stage->token, {static_cast<Verdict>(chance % 5)}, now);
  } else if (const auto* gone = std::get_if<act::Tombstone>(&action)) {
    using Verdict = link::TombstoneOutcome::Verdict;
    session.on_tombstoned(gone->token, {static_cast<Verdict>(chance % 4), gone->last_seq}, now);
  } else if (std::holds_alternative<act::Write>(action)) {
    session.on_write_ready(now);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  link::CentreSession session({}, now);
  unsigned chance = 0;
  link::for_each_frame<link::v1::BoxFrame>(data, size, [&](link::v1::BoxFrame frame) {
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
