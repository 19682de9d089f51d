#include <algorithm>
#include <utility>

#include "tests/simulation/world_parts.hpp"

namespace alarmwire::simulation {

using link::FetchResult;

// --- the box ---

void World::connect(Box& box) {
  if (box.down || box.stream != nullptr) return;
  auto stream = std::make_shared<Stream>();
  stream->number = ++last_stream_;
  stream->box = box.index;
  box.stream = stream;
  clock_.after(clock_.between(1 * ms, 40 * ms), [this, &box, stream] {
    if (box.stream != stream) return;
    if (centre_down_) return end_stream(box, clock_.between(100 * ms, 2 * second));
    link::CentreConfig config;
    config.software = "centre";
    for (auto& credit : config.credits) credit = {16, 512 * 1024};
    for (const auto lane : {Lane::alarm, Lane::routine}) {
      config.credits[static_cast<std::size_t>(lane)].bytes = 128 * 1024;
    }
    config.record_bytes_max = 1500 * 1024;
    stream->centre = std::make_unique<link::CentreSession>(config, clock_.now(0));
    streams_.insert(stream);
    arm(stream);
    begin(box);
  });
}

void World::begin(Box& box) {
  box.session = std::make_unique<link::BoxSession>(link::BoxConfig{"box"}, box.spool.ranges(), "",
                                                   clock_.now(box.skew_us));
  pump(box);
}

void World::end_stream(Box& box, std::int64_t retry_us) {
  if (box.stream != nullptr) {
    box.stream->box_open = false;
    box.stream.reset();
  }
  box.session.reset();
  clock_.after(retry_us, [this, &box, life = box.life] {
    if (life == box.life) connect(box);
  });
}

void World::pump(Box& box) {
  if (box.pumping) return;
  box.pumping = true;
  while (box.session != nullptr) {
    auto actions = box.session->take_actions();
    if (actions.empty()) break;
    for (auto& action : actions) std::visit([&](auto& one) { perform(box, one); }, action);
  }
  box.pumping = false;
  arm(box);
}

void World::arm(Box& box) {
  if (box.session == nullptr) return;
  const auto deadline = box.session->next_deadline();
  if (deadline == SteadyTime::max()) return;
  const std::int64_t at = Clockwork::us_of(deadline);
  auto* session = box.session.get();
  clock_.after(at - clock_.now_us(), [this, &box, session, stream = box.stream, deadline] {
    if (box.session.get() != session || box.stream != stream) return;
    if (session->next_deadline() != deadline) return;
    session->on_timer(clock_.now(box.skew_us));
    pump(box);
  });
}

void World::answer(Box& box, std::function<void(link::BoxSession&)> call) {
  clock_.after(clock_.between(0, 2 * ms), [this, &box, stream = box.stream, call] {
    if (box.session == nullptr || box.stream != stream) return;
    call(*box.session);
    pump(box);
  });
}

void World::to_centre(const StreamPtr& stream, link::v1::BoxFrame frame) {
  if (clock_.now_us() < noise_until_us_ && clock_.chance(4) && frame.has_record() &&
      !frame.record().data().empty()) {
    frame.mutable_record()->mutable_data()->front() ^= 1;
  }
  stream->to_centre_us =
      std::max(stream->to_centre_us, clock_.now_us() + clock_.between(1 * ms, 30 * ms));
  clock_.after(stream->to_centre_us - clock_.now_us(), [this, stream, frame] {
    if (stream->black || !stream->centre_open || stream->centre == nullptr) return;
    if (frame.has_record() && frame.record().offset() > 0) ++verdict_.resumed;
    stream->centre->on_frame(frame, clock_.now(0));
    pump(stream);
  });
}

void World::perform(Box& box, link::box_action::Write& action) {
  if (action.frame.ByteSizeLong() > link::frame_bytes_max) broken("a frame over 64 KiB");
  to_centre(box.stream, std::move(action.frame));
  answer(box, [this, &box](link::BoxSession& session) {
    session.on_write_ready(clock_.now(box.skew_us));
  });
}

void World::perform(Box& box, link::box_action::Fetch& action) {
  answer(box, [this, &box, action](link::BoxSession& session) {
    auto [result, record] = box.spool.fetch(action.key, action.head_bytes_max);
    if (faults_on_ && clock_.chance(200)) result = FetchResult::failed;
    session.on_fetched(action.key, result, std::move(record), clock_.now(box.skew_us));
  });
}

void World::perform(Box& box, link::box_action::FetchBody& action) {
  answer(box, [this, &box, action](link::BoxSession& session) {
    auto [result, bytes] = box.spool.body(action.key, action.offset, action.bytes_max);
    if (faults_on_ && clock_.chance(200)) result = FetchResult::failed;
    session.on_body(action.key, action.offset, result, std::move(bytes), clock_.now(box.skew_us));
  });
}

void World::perform(Box& box, link::box_action::Verify& action) {
  answer(box, [this, &box, action](link::BoxSession& session) {
    session.on_verified(action.key, box.spool.verify(action.key), clock_.now(box.skew_us));
  });
}

void World::perform(Box& box, link::box_action::Settled& action) {
  check_settled(box, action.epoch, action.lane, action.up_to);
  box.spool.settle(action.epoch, action.lane, action.up_to);
}

void World::perform(Box& box, link::box_action::Park& action) {
  box.spool.park(action.key, action.reason != "unreadable");
}

void World::perform(Box& box, link::box_action::Reenter& action) {
  if (!box.spool.begin_reentry(action.key)) return;
  // Of a replayed record the verdict is told once (docs/link.md): a crash here loses it.
  const auto row = box.spool.state.rows.find(action.key);
  AlarmId replayed;
  if (box.spool.is_settled(action.key)) replayed = row->second.header.id;
  clock_.after(clock_.between(0, 500 * ms),
               [this, &box, life = box.life, old = action.key, replayed] {
                 if (life != box.life && replayed != AlarmId{})
                   expected_[replayed].told_once = true;
                 if (life != box.life) return;
                 const auto key = box.spool.reenter(old);
                 if (!key || box.session == nullptr) return;
                 box.session->on_record(*key, clock_.now(box.skew_us));
                 pump(box);
               });
}

void World::perform(Box& box, link::box_action::Close& action) {
  if (action.code == link::CloseCode::protocol) broken("the box closed: " + action.reason);
  const std::int64_t again_us = clock_.between(100 * ms, 2 * second);
  if (const StreamPtr stream = box.stream; stream != nullptr && !stream->black) {
    clock_.after(20 * ms, [this, stream] {
      stream->centre_open = false;
      streams_.erase(stream);
    });
  }
  end_stream(box, std::max<std::int64_t>(again_us, action.retry_after.count() * ms));
}

// --- the centre ---

void World::pump(const StreamPtr& stream) {
  if (stream->centre_busy) return;
  stream->centre_busy = true;
  while (stream->centre_open) {
    auto actions = stream->centre->take_actions();
    if (actions.empty()) break;
    for (auto& action : actions) std::visit([&](auto& one) { perform(stream, one); }, action);
  }
  stream->centre_busy = false;
  arm(stream);
}

void World::arm(const StreamPtr& stream) {
  const auto deadline = stream->centre->next_deadline();
  if (!stream->centre_open || deadline == SteadyTime::max()) return;
  const std::int64_t at = Clockwork::us_of(deadline);
  clock_.after(at - clock_.now_us(), [this, stream, deadline] {
    if (!stream->centre_open || stream->centre->next_deadline() != deadline) return;
    stream->centre->on_timer(clock_.now(0));
    pump(stream);
  });
}

void World::perform(const StreamPtr& stream, link::centre_action::Write& action) {
  stream->to_box_us =
      std::max(stream->to_box_us, clock_.now_us() + clock_.between(1 * ms, 30 * ms));
  clock_.after(stream->to_box_us - clock_.now_us(), [this, stream, frame = action.frame] {
    Box& box = *boxes_[static_cast<std::size_t>(stream->box)];
    if (stream->black || box.stream != stream || box.session == nullptr) return;
    box.session->on_frame(frame, clock_.now(box.skew_us));
    pump(box);
  });
  clock_.after(clock_.between(0, 2 * ms), [this, stream] {
    if (!stream->centre_open) return;
    stream->centre->on_write_ready(clock_.now(0));
    pump(stream);
  });
}

void World::perform(const StreamPtr& stream, link::centre_action::LoadState& load) {
  for (const StreamPtr& other : Streams(streams_)) {
    if (other == stream || other->box != stream->box) continue;
    other->centre->fence();
    pump(other);
  }
  clock_.after(clock_.between(0, 3 * ms), [this, stream, unsettled = load.unsettled] {
    if (!stream->centre_open) return;
    link::CentreState known;
    known.session = ++last_session_;
    known.ledger_id = ledger_.state.id;
    for (const auto& [where, seq] : ledger_.state.cursors) {
      const auto& [box, epoch, lane] = where;
      if (box == stream->box) known.cursors.push_back({epoch, lane, seq});
    }
    for (const auto& [key, staged] : ledger_.state.staged) {
      if (key.first != stream->box) continue;
      known.staged.push_back({key.second, staged.hash, staged.bytes.size()});
    }
    for (const auto& range : unsettled) {
      const auto& all = ledger_.state.verdicts;
      const BoxKey first{stream->box, {range.epoch, range.lane, range.first_seq}};
      const BoxKey last{stream->box, {range.epoch, range.lane, range.last_seq}};
      for (auto one = all.lower_bound(first); one != all.end() && one->first <= last; ++one)
        known.verdicts.push_back(one->second);
    }
    stream->centre->on_state(std::move(known), clock_.now(0));
    pump(stream);
  });
}

void World::commit_soon() {
  if (committing_) return;
  committing_ = true;
  clock_.after(clock_.between(200, 5 * ms), [this, life = centre_life_] {
    if (life != centre_life_) return;
    committing_ = false;
    ledger_.commit();
    if (ledger_.has_pending()) commit_soon();
  });
}

// The ledger's answer comes to the stream's thread a little later, if it is still there.
template <typename Call>
void World::settle_later(const StreamPtr& stream, Call call) {
  clock_.after(clock_.between(0, 1 * ms), [this, stream, call] {
    if (!stream->centre_open) return;
    call(*stream->centre);
    pump(stream);
  });
}

void World::perform(const StreamPtr& stream, link::centre_action::Stage& action) {
  const auto done = [this, stream, token = action.token](link::StageOutcome outcome) {
    settle_later(stream, [this, token, outcome](link::CentreSession& session) {
      session.on_staged(token, outcome, clock_.now(0));
    });
  };
  if (clock_.now_us() < full_until_us_) return done({link::StageOutcome::Verdict::full});
  ledger_.stage(stream->box, std::move(action), done);
  commit_soon();
}

void World::perform(const StreamPtr& stream, link::centre_action::Store& action) {
  const auto done = [this, stream, token = action.token](link::StoreOutcome outcome) {
    settle_later(stream, [this, token, outcome](link::CentreSession& session) {
      session.on_stored(token, outcome, clock_.now(0));
    });
  };
  using Outcome = link::StoreOutcome::Verdict;
  if (clock_.now_us() < full_until_us_) return done({Outcome::full, 0, 0});
  if (faults_on_ && clock_.chance(100)) return done({Outcome::busy, 0, 0});
  ledger_.store(stream->box, std::move(action), done);
  commit_soon();
}

void World::perform(const StreamPtr& stream, link::centre_action::Tombstone& action) {
  const auto done = [this, stream, token = action.token](link::TombstoneOutcome outcome) {
    settle_later(stream, [this, token, outcome](link::CentreSession& session) {
      session.on_tombstoned(token, outcome, clock_.now(0));
    });
  };
  ledger_.tombstone(stream->box, std::move(action), done);
  commit_soon();
}

void World::perform(const StreamPtr& stream, link::centre_action::Close& action) {
  if (action.code == link::CloseCode::protocol || action.code == link::CloseCode::failed) {
    broken("the centre closed: " + action.reason);
  }
  stream->centre_open = false;
  streams_.erase(stream);
  if (stream->black) return;
  clock_.after(clock_.between(1 * ms, 30 * ms), [this, stream] {
    Box& box = *boxes_[static_cast<std::size_t>(stream->box)];
    if (box.stream == stream) end_stream(box, clock_.between(100 * ms, 2 * second));
  });
}

}  // namespace alarmwire::simulation
