// Frames of a centre that may be anything, into the box's session; the spool answers in all ways.
#include "grpc/link/box_session.hpp"
#include "grpc/link/tests/link_fuzz.hpp"

namespace alarmwire::link {
namespace {

Now now{alarmwire::SteadyTime(std::chrono::seconds(10)), 1'700'000'000'000'000};

void answer(BoxSession& session, const BoxAction& action, unsigned chance) {
  namespace act = box_action;
  const auto result = static_cast<FetchResult>(chance % 9 == 0 ? chance % 4 : 0);
  if (const auto* fetch = std::get_if<act::Fetch>(&action)) {
    FetchedRecord record;
    record.header.key = fetch->key;
    record.header.size = fetch->key.seq * 50'000;
    record.head = std::string(record.header.size < 65536 ? record.header.size : 65536, 'h');
    session.on_fetched(fetch->key, result, std::move(record), now);
  } else if (const auto* body = std::get_if<act::FetchBody>(&action)) {
    const std::uint64_t left = body->key.seq * 50'000 - body->offset;
    session.on_body(body->key, body->offset, result,
                    std::string(left < body->bytes_max ? left : body->bytes_max, 'b'), now);
  } else if (const auto* verify = std::get_if<act::Verify>(&action)) {
    session.on_verified(verify->key, result, now);
  } else if (std::holds_alternative<act::Write>(action)) {
    session.on_write_ready(now);
  }
}

}  // namespace
}  // namespace alarmwire::link

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alarmwire::link;
  using alarmwire::EpochId;
  using alarmwire::Lane;
  BoxSession session({"box"},
                     {{EpochId{7}, Lane::alarm, 2, 3, 6},
                      {EpochId{9}, Lane::alarm, 1, 1, 5},
                      {EpochId{9}, Lane::live_alarm, 1, 1, 2}},
                     "", now);
  unsigned chance = 0;
  const auto settle_down = [&] {
    for (int i = 0; i < 100; ++i) {
      const auto actions = session.take_actions();
      if (actions.empty()) break;
      for (const auto& action : actions) answer(session, action, chance++);
    }
  };
  settle_down();
  for_each_frame<v1::CentreFrame>(data, size, [&](v1::CentreFrame frame) {
    chance += static_cast<unsigned>(frame.ByteSizeLong());
    session.on_frame(std::move(frame), now);
    settle_down();
    now.steady += std::chrono::milliseconds(100);
    session.on_timer(now);
    settle_down();
  });
  return 0;
}
