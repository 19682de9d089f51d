// What every adapter of the ledger must do. A new adapter joins by a line in `adapters`.
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "receiver/ledger/tests/conformance.hpp"

namespace alarmwire::ledger::testing {
namespace {

using std::string_literals::operator""s;

TEST_P(Conformance, stores_in_order_and_reads_back_every_field) {
  Incoming incoming = alarm("site-a", epoch, Lane::alarm, 1, "a\r\nbody\0with nul"s);
  incoming.header.repeats = 3;
  incoming.clock_offset_us = -1500;
  const Result<StoreResult> result = store(*ledger, incoming);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->verdict, Verdict::stored);
  EXPECT_EQ(result->cursor, 1u);
  for (int pass = 0; pass < 2; ++pass) {
    const Result<Record> record = ledger->at(result->position);
    ASSERT_TRUE(record.has_value());
    EXPECT_EQ(record->box, "site-a");
    EXPECT_EQ(record->header.key, incoming.header.key);
    EXPECT_EQ(record->header.id, incoming.header.id);
    EXPECT_EQ(record->header.hash, incoming.header.hash);
    EXPECT_EQ(record->header.envelope, incoming.header.envelope);
    EXPECT_EQ(record->header.accepted_us, incoming.header.accepted_us);
    EXPECT_EQ(record->header.spooled_us, incoming.header.spooled_us);
    EXPECT_EQ(record->header.repeats, 3u);
    EXPECT_EQ(record->stored_us, result->stored_us);
    EXPECT_EQ(record->clock_offset_us, -1500);
    EXPECT_EQ(*ledger->body(result->position, 0, 1000), incoming.body);
    EXPECT_EQ(*ledger->body(result->position, 3, 4), incoming.body.substr(3, 4));
    EXPECT_EQ(*ledger->body(result->position, 500, 4), "");
    reopen();
  }
  EXPECT_EQ(memory.stored().size(), 1u);
}

TEST_P(Conformance, accepts_only_cursor_plus_one) {
  EXPECT_EQ(verdict(alarm("site-a", epoch, Lane::alarm, 2)), Verdict::gap);
  EXPECT_EQ(verdict(alarm("site-a", epoch, Lane::alarm, 1)), Verdict::stored);
  EXPECT_EQ(verdict(alarm("site-a", epoch, Lane::alarm, 3)), Verdict::gap);
  EXPECT_EQ(verdict(alarm("site-a", epoch, Lane::alarm, 2)), Verdict::stored);
  EXPECT_EQ(verdict(alarm("site-a", epoch, Lane::routine, 1)), Verdict::stored);
  EXPECT_EQ(verdict(alarm("site-a", EpochId{78}, Lane::alarm, 1)), Verdict::stored);
  EXPECT_EQ(verdict(alarm("site-b", epoch, Lane::alarm, 1)), Verdict::stored);
  EXPECT_EQ(cursor_of(*ledger, "site-a", epoch, Lane::alarm), 2u);
  reopen();
  EXPECT_EQ(cursor_of(*ledger, "site-a", epoch, Lane::alarm), 2u);
  EXPECT_EQ(verdict(alarm("site-a", epoch, Lane::alarm, 4)), Verdict::gap);
  EXPECT_EQ(verdict(alarm("site-a", epoch, Lane::alarm, 3)), Verdict::stored);
}

TEST_P(Conformance, a_duplicate_is_named_with_its_position_and_still_commits) {
  const Incoming incoming = alarm("site-a", epoch, Lane::alarm, 1);
  const Result<StoreResult> first = store(*ledger, incoming);
  const std::uint64_t commits = ledger->snapshot().commits;
  const Result<StoreResult> again = store(*ledger, incoming);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->verdict, Verdict::duplicate);
  EXPECT_EQ(again->position, first->position);
  EXPECT_EQ(again->stored_us, first->stored_us);
  EXPECT_EQ(again->cursor, 1u);
  EXPECT_GT(ledger->snapshot().commits, commits);
  EXPECT_EQ(ledger->snapshot().records, 1u);
}

TEST_P(Conformance, a_salvaged_alarm_is_known_and_advances_its_new_lane) {
  Incoming incoming = alarm("site-a", epoch, Lane::alarm, 1);
  const Result<StoreResult> first = store(*ledger, incoming);
  incoming.header.key = RecordKey{EpochId{99}, Lane::alarm, 1};
  const Result<StoreResult> known = store(*ledger, incoming);
  EXPECT_EQ(known->verdict, Verdict::known);
  EXPECT_EQ(known->position, first->position);
  EXPECT_EQ(cursor_of(*ledger, "site-a", EpochId{99}, Lane::alarm), 1u);
  EXPECT_EQ(ledger->snapshot().records, 1u);
  EXPECT_EQ(verdict(incoming), Verdict::duplicate);  // resent after a lost Settled
  EXPECT_EQ(memory.stored().size(), 1u);
}

TEST_P(Conformance, a_canary_moves_its_cursor_and_leaves_nothing_else) {
  Incoming canary = alarm("site-a", epoch, Lane::routine, 1, "");
  canary.header.envelope = canary_envelope();
  canary.header.hash = canary_hash();
  const Result<StoreResult> noted = store(*ledger, canary);
  ASSERT_TRUE(noted.has_value());
  EXPECT_EQ(noted->verdict, Verdict::noted);
  EXPECT_EQ(noted->cursor, 1u);
  EXPECT_GT(noted->stored_us, 0);
  EXPECT_EQ(verdict(canary), Verdict::duplicate);  // its Settled was lost
  reopen();
  EXPECT_EQ(cursor_of(*ledger, "site-a", epoch, Lane::routine), 1u);
  EXPECT_EQ(verdict(canary), Verdict::duplicate);
  EXPECT_EQ(verdict(alarm("site-a", epoch, Lane::routine, 2)), Verdict::stored);
  EXPECT_EQ(verdict(canary), Verdict::duplicate);  // and the observer has heard of the one before
  EXPECT_EQ(ledger->snapshot().records, 1u);
  EXPECT_EQ(memory.stored().size(), 1u);
  EXPECT_EQ(*ledger->count_hand_overs("ebues", HandOverState::waiting), 1u);
}

TEST_P(Conformance, an_alarm_that_calls_itself_a_canary_is_kept) {
  Incoming sly = alarm("site-a", epoch, Lane::alarm, 1);
  Envelope envelope = *decode_envelope(sly.header.envelope);
  envelope.kind = RecordKind::canary;
  sly.header.envelope = encode_envelope(envelope);
  RecordHasher hasher(sly.header.envelope);
  hasher.update(sly.body);
  sly.header.hash = hasher.finish();
  EXPECT_EQ(verdict(sly), Verdict::stored);
  sly.header.hash = canary_hash();  // and this is a lie
  sly.header.key.seq = 2;
  EXPECT_EQ(verdict(sly), Verdict::hash_mismatch);
}

TEST_P(Conformance, a_conflict_overwrites_nothing_and_books_one_fault) {
  const Incoming incoming = alarm("site-a", epoch, Lane::alarm, 1);
  ASSERT_EQ(verdict(incoming), Verdict::stored);
  const Incoming other = alarm("site-a", epoch, Lane::alarm, 1, "another alarm");
  EXPECT_EQ(verdict(other), Verdict::conflict);
  EXPECT_EQ(verdict(other), Verdict::conflict);
  EXPECT_EQ(*ledger->body(ledger->find(incoming.header.id)->position, 0, 100), incoming.body);
  EXPECT_FALSE(ledger->find(other.header.id).has_value());
  ListFilter faults;
  faults.kind = RecordKind::fault;
  const Result<std::vector<Record>> booked = ledger->list(faults);
  ASSERT_EQ(booked->size(), 1u);
  EXPECT_EQ(booked->front().box, "site-a");
  EXPECT_EQ(decode_envelope(booked->front().header.envelope)->fault_code, "record-conflict");
  EXPECT_EQ(cursor_of(*ledger, "site-a", epoch, Lane::alarm), 1u);
}

TEST_P(Conformance, damaged_bytes_are_refused_and_may_come_again) {
  Incoming incoming = alarm("site-a", epoch, Lane::alarm, 1);
  Incoming damaged = incoming;
  damaged.body[3] = static_cast<char>(damaged.body[3] ^ 1);
  EXPECT_EQ(verdict(damaged), Verdict::hash_mismatch);
  EXPECT_EQ(cursor_of(*ledger, "site-a", epoch, Lane::alarm), 0u);
  Incoming other_envelope = incoming;
  other_envelope.header.envelope += std::string("\x63\0\0\0\1x", 6);
  EXPECT_EQ(verdict(other_envelope), Verdict::hash_mismatch);
  EXPECT_EQ(verdict(incoming), Verdict::stored);
}

TEST_P(Conformance, no_box_can_keep_out_anothers_alarm_by_its_id) {
  const Incoming honest = alarm("site-a", epoch, Lane::alarm, 1);
  Incoming copied_id = alarm("site-b", epoch, Lane::alarm, 1, "not yours");
  copied_id.header.id = honest.header.id;
  EXPECT_EQ(verdict(copied_id), Verdict::stored);
  EXPECT_EQ(verdict(honest), Verdict::stored);  // not known, not a conflict
  Incoming copied_all = honest;
  copied_all.box = "site-c";
  EXPECT_EQ(verdict(copied_all), Verdict::stored);
  EXPECT_EQ(ledger->find(honest.header.id)->box, "site-b");  // the first one, always
  EXPECT_EQ(ledger->snapshot().records, 3u);
}

TEST_P(Conformance, an_id_used_twice_by_one_box_loses_neither_alarm) {
  const Incoming first = alarm("site-a", epoch, Lane::alarm, 1);
  Incoming second = alarm("site-a", epoch, Lane::alarm, 2, "other words");
  second.header.id = first.header.id;
  EXPECT_EQ(verdict(first), Verdict::stored);
  EXPECT_EQ(verdict(second), Verdict::stored);
  EXPECT_EQ(ledger->find(first.header.id)->header.hash, first.header.hash);
}

TEST_P(Conformance, stages_a_large_body_resumes_and_stores_it) {
  Incoming incoming = staged_alarm(1, 300'000);
  const std::string body = incoming.body;
  ledger->announce(incoming.box, incoming.header);
  ASSERT_TRUE(stage(*ledger, incoming, 0, body.substr(0, 65536)).has_value());
  ASSERT_TRUE(stage(*ledger, incoming, 65536, body.substr(65536, 1000)).has_value());
  reopen();  // the hash is taken up again from the rows
  ASSERT_EQ(ledger->staged("site-a")->size(), 1u);
  EXPECT_EQ(ledger->staged("site-a")->front().bytes, 66536u);
  EXPECT_EQ(ledger->staged("site-a")->front().key, incoming.header.key);
  EXPECT_EQ(ledger->staged("site-a")->front().hash, incoming.header.hash);
  EXPECT_TRUE(ledger->staged("site-b")->empty());
  ledger->announce(incoming.box, incoming.header);
  const Result<std::uint64_t> wrong = stage(*ledger, incoming, 65536, "x");
  ASSERT_TRUE(wrong.has_error());
  EXPECT_TRUE(wrong.error().is(Errc::invalid_argument));
  stage_all(incoming, 66536);
  EXPECT_EQ(verdict(incoming), Verdict::stored);
  EXPECT_TRUE(ledger->staged("site-a")->empty());
  const Position position = ledger->find(incoming.header.id)->position;
  EXPECT_EQ(*ledger->body(position, 0, 1'000'000), body);
  EXPECT_EQ(*ledger->body(position, 66'000, 70'000), body.substr(66'000, 70'000));
  EXPECT_EQ(*ledger->body(position, 299'999, 10), body.substr(299'999));
  EXPECT_EQ(*ledger->body(position, 300'000, 10), "");
}

TEST_P(Conformance, a_staged_body_is_judged_with_and_without_announcement) {
  Incoming good = staged_alarm(1, 150'000);
  stage_all(good);
  EXPECT_EQ(verdict(good), Verdict::stored);
  Incoming bad = staged_alarm(2, 150'000);
  const Incoming intact = bad;
  bad.body[140'000] = static_cast<char>(bad.body[140'000] ^ 1);
  ledger->announce(bad.box, bad.header);
  stage_all(bad);
  EXPECT_EQ(verdict(bad), Verdict::hash_mismatch);
  EXPECT_TRUE(ledger->staged("site-a")->empty());
  Incoming resent = intact;
  ledger->announce(resent.box, resent.header);
  stage_all(resent);
  EXPECT_EQ(verdict(resent), Verdict::stored);
}

TEST_P(Conformance, the_announced_envelope_is_not_believed) {
  Incoming incoming = staged_alarm(1, 100'000);
  RecordHeader announced = incoming.header;
  announced.envelope = encode_envelope(Envelope{});
  ledger->announce(incoming.box, announced);
  stage_all(incoming);
  EXPECT_EQ(verdict(incoming), Verdict::stored);
}

TEST_P(Conformance, an_unfinished_body_is_not_a_record_and_another_hash_starts_anew) {
  Incoming first = staged_alarm(1, 100'000);
  ASSERT_TRUE(stage(*ledger, first, 0, first.body.substr(0, 50'000)).has_value());
  Incoming early = first;
  early.body.clear();
  early.staged = true;
  EXPECT_EQ(verdict(early), Verdict::hash_mismatch);  // half of it is not all of it
  Incoming second = staged_alarm(1, 90'000);
  EXPECT_TRUE(stage(*ledger, second, 40'000, "x").has_error());
  stage_all(second);
  EXPECT_EQ(verdict(second), Verdict::stored);
}

TEST_P(Conformance, one_lane_of_a_box_stages_one_body) {
  const Incoming first = staged_alarm(1, 100'000);
  const Incoming other = alarm("site-a", EpochId{80}, Lane::alarm, 1, pattern_body(1000));
  ASSERT_TRUE(stage(*ledger, first, 0, first.body.substr(0, 65536)).has_value());
  ASSERT_TRUE(stage(*ledger, other, 0, other.body).has_value());
  ASSERT_EQ(ledger->staged("site-a")->size(), 1u);
  EXPECT_EQ(ledger->staged("site-a")->front().key, other.header.key);
  const Result<std::uint64_t> beyond =
      stage(*ledger, first, record_bytes_max, first.body.substr(0, 10));
  EXPECT_TRUE(beyond.has_error());
  EXPECT_TRUE(stage(*ledger, first, 0, std::string(chunk_bytes_max + 1, 'x')).has_error());
}

TEST_P(Conformance, a_large_body_in_one_piece_is_stored_too) {
  const Incoming incoming = staged_alarm(1, 256 * 1024);
  EXPECT_EQ(verdict(incoming), Verdict::stored);
  EXPECT_EQ(*ledger->body(ledger->find(incoming.header.id)->position, 0, 1 << 20), incoming.body);
  EXPECT_EQ(verdict(incoming), Verdict::duplicate);
}

TEST_P(Conformance, a_tombstone_moves_the_cursor_only_from_where_it_stands) {
  const auto lay = [&](std::uint64_t first, std::uint64_t last) {
    Tombstone tombstone{"site-a", epoch, Lane::alarm, first, last, std::nullopt, "not-held", 5};
    if (first == 1) tombstone.id = AlarmId::make(wall_now_us());
    return *await<std::uint64_t>([&](auto done) { ledger->tombstone(tombstone, done); });
  };
  EXPECT_EQ(lay(2, 3), 0u);
  EXPECT_EQ(lay(1, 3), 3u);
  EXPECT_EQ(lay(1, 3), 3u);
  EXPECT_EQ(verdict(alarm("site-a", epoch, Lane::alarm, 2)), Verdict::duplicate);
  EXPECT_EQ(verdict(alarm("site-a", epoch, Lane::alarm, 4)), Verdict::stored);
  const Result<std::vector<Tombstone>> laid = ledger->tombstones("site-a", 10);
  ASSERT_EQ(laid->size(), 1u);
  EXPECT_EQ(laid->front().last_seq, 3u);
  EXPECT_EQ(laid->front().reason, "not-held");
  EXPECT_TRUE(laid->front().id.has_value());
}

TEST_P(Conformance, what_leaves_a_tombstone_is_booked_as_one_fault_with_it) {
  const auto lay = [&](std::uint64_t seq, const std::string& reason, Tombstone::Kind kind) {
    Tombstone tombstone{"site-a", epoch, Lane::alarm, seq, seq, std::nullopt, reason, 5, kind};
    await<std::uint64_t>([&](auto done) { ledger->tombstone(tombstone, done); });
    await<std::uint64_t>([&](auto done) { ledger->tombstone(tombstone, done); });  // no news
  };
  lay(1, "not-held", Tombstone::Kind::gone);
  lay(2, "unreadable", Tombstone::Kind::gone);
  lay(3, "too-large: 9 bytes", Tombstone::Kind::never);
  std::vector<std::string> codes;
  for (const Record& record : memory.stored()) {
    const Result<Envelope> envelope = decode_envelope(record.header.envelope);
    EXPECT_EQ(record.box, "site-a");
    EXPECT_EQ(envelope->kind, RecordKind::fault);
    codes.push_back(envelope->fault_code);
  }
  EXPECT_EQ(codes, (std::vector<std::string>{"records-missing", "row-unreadable", "record-never"}));
  EXPECT_EQ(*ledger->count_hand_overs("ebues", HandOverState::waiting), 3u);
}

TEST_P(Conformance, what_was_refused_can_be_asked_for_by_ranges) {
  const auto refuse = [&](std::uint64_t seq) {
    Tombstone tombstone{"site-a",
                        epoch,
                        Lane::alarm,
                        seq,
                        seq,
                        AlarmId{},
                        "too-large: 9 bytes",
                        5,
                        Tombstone::Kind::never};
    await<std::uint64_t>([&](auto done) { ledger->tombstone(tombstone, done); });
  };
  refuse(1);
  refuse(2);
  store(*ledger, alarm("site-a", epoch, Lane::alarm, 3));
  const Incoming other = alarm("site-a", epoch, Lane::alarm, 3, "another one");
  EXPECT_EQ(verdict(other), Verdict::conflict);
  reopen();
  EXPECT_EQ(verdict(other), Verdict::conflict);  // told once more, booked once
  Tombstone gone{"site-a", epoch, Lane::alarm, 4, 4, std::nullopt, "not-held", 5};
  await<std::uint64_t>([&](auto done) { ledger->tombstone(gone, done); });
  const auto ask = [&](const BoxId& box, std::uint64_t first, std::uint64_t last) {
    return *ledger->refused(box, {{epoch, Lane::routine, 1, 9}, {epoch, Lane::alarm, first, last}});
  };
  const std::vector<Tombstone> refused = ask("site-a", 2, 9);
  ASSERT_EQ(refused.size(), 2u);
  EXPECT_EQ(refused[0].first_seq, 2u);
  EXPECT_EQ(refused[0].kind, Tombstone::Kind::never);
  EXPECT_EQ(refused[0].reason, "too-large: 9 bytes");
  EXPECT_EQ(refused[1].first_seq, 3u);
  EXPECT_EQ(refused[1].kind, Tombstone::Kind::conflict);
  EXPECT_EQ(refused[1].id, other.header.id);
  EXPECT_EQ(ask("site-a", 1, 1).size(), 1u);
  EXPECT_TRUE(ask("site-b", 1, 9).empty());
  long conflicts = 0;
  for (const Record& record : *ledger->list({"site-a", RecordKind::fault, 0, 50}))
    conflicts += decode_envelope(record.header.envelope)->fault_code == "record-conflict" ? 1 : 0;
  EXPECT_EQ(conflicts, 1);
}

TEST_P(Conformance, books_its_own_records_per_box) {
  Envelope fault;
  fault.kind = RecordKind::fault;
  fault.fault_code = "tunnel-silent";
  WallTimeUs made = 0;
  const auto book = [&](const BoxId& box) {
    return await<Record>(
        [&](auto done) { ledger->book_own(box, AlarmId::make(++made), fault, done); });
  };
  const Result<Record> first = book("site-a");
  const Result<Record> second = book("site-a");
  const Result<Record> centre = book("centre");
  ASSERT_TRUE(first.has_value() && second.has_value() && centre.has_value());
  EXPECT_EQ(first->header.key.lane, Lane::fault);
  EXPECT_EQ(second->header.key.seq, first->header.key.seq + 1);
  EXPECT_EQ(centre->header.key.seq, 1u);
  EXPECT_EQ(*ledger->count_hand_overs("ebues", HandOverState::waiting), 3u);
  EXPECT_EQ(decode_envelope(ledger->at(first->position)->header.envelope)->fault_code,
            "tunnel-silent");
  // A box cannot write into the centre's own epoch.
  Incoming forged = alarm("site-a", first->header.key.epoch, Lane::fault, 3);
  const Result<StoreResult> refused = store(*ledger, forged);
  ASSERT_TRUE(refused.has_error());
  EXPECT_TRUE(refused.error().is(Errc::denied));
  reopen();
  EXPECT_TRUE(book("site-a").has_value());
}

TEST_P(Conformance, a_record_of_its_own_that_is_booked_again_is_there_once) {
  Envelope fault;
  fault.kind = RecordKind::fault;
  fault.fault_code = "tunnel-silent";
  const AlarmId id = AlarmId::make(7);
  const auto book = [&] {
    return await<Record>([&](auto done) { ledger->book_own("site-a", id, fault, done); });
  };
  const Result<Record> first = book();
  reopen();
  const Result<Record> again = book();
  ASSERT_TRUE(first.has_value() && again.has_value());
  EXPECT_EQ(again->position, first->position);
  EXPECT_EQ(ledger->list({})->size(), 1u);
  EXPECT_EQ(*ledger->count_hand_overs("ebues", HandOverState::waiting), 1u);
}

TEST_P(Conformance, marks_stages_of_the_box_that_owns_the_alarm) {
  const Incoming incoming = alarm("site-a", epoch, Lane::alarm, 1);
  ASSERT_EQ(verdict(incoming), Verdict::stored);
  const auto mark = [&](const BoxId& box, Stage stage, WallTimeUs time) {
    return await<void>([&](auto done) {
      ledger->mark_stage(box, incoming.header.id, StageMark{stage, time, "ebues", "250 ok"}, done);
    });
  };
  EXPECT_FALSE(mark("site-a", Stage::displayed, 20).has_error());
  EXPECT_FALSE(mark("site-a", Stage::handed_over, 10).has_error());
  EXPECT_TRUE(mark("site-b", Stage::confirmed, 30).error().is(Errc::not_found));
  const Result<std::vector<StageMark>> stages = ledger->stages(incoming.header.id);
  ASSERT_EQ(stages->size(), 2u);
  EXPECT_EQ(stages->front().stage, Stage::handed_over);
  EXPECT_EQ(stages->front().text, "250 ok");
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(mark("site-a", Stage::displayed, 100 + i).has_error());
  EXPECT_EQ(ledger->stages(incoming.header.id)->size(), stage_marks_max);
  EXPECT_EQ(memory.stages().size(), stage_marks_max);
}

TEST_P(Conformance, lists_newest_first_by_box_and_kind_in_pages) {
  for (std::uint64_t seq = 1; seq <= 5; ++seq) {
    store(*ledger, alarm("site-a", epoch, Lane::alarm, seq));
    store(*ledger, alarm("site-b", epoch, Lane::alarm, seq));
  }
  Envelope fault;
  fault.kind = RecordKind::fault;
  await<Record>([&](auto done) { ledger->book_own("site-a", AlarmId::make(1), fault, done); });
  EXPECT_EQ(ledger->list({})->size(), 11u);
  EXPECT_EQ(ledger->list({})->front().position, 11);
  ListFilter filter;
  filter.box = "site-a";
  filter.limit = 3;
  EXPECT_EQ(ledger->list(filter)->size(), 3u);
  filter.before = ledger->list(filter)->back().position;
  filter.limit = 50;
  EXPECT_EQ(ledger->list(filter)->size(), 3u);
  filter.before = 0;
  filter.kind = RecordKind::fault;
  EXPECT_EQ(ledger->list(filter)->size(), 1u);
  filter.box.reset();
  EXPECT_EQ(ledger->list(filter)->size(), 1u);
  filter.kind = RecordKind::mail;
  EXPECT_EQ(ledger->list(filter)->size(), 10u);
  EXPECT_EQ(ledger->read_after(9, 50)->size(), 2u);
  EXPECT_EQ(ledger->read_after(0, 4)->back().position, 4);
}

TEST_P(Conformance, positions_follow_commit_order_and_the_observer_sees_them_in_it) {
  std::vector<std::future<void>> answered;
  std::mutex mutex;
  std::vector<Position> order;
  constexpr int boxes = 8, each = 50;
  std::vector<std::thread> threads;
  std::atomic<int> missing{boxes * each};
  for (int box = 0; box < boxes; ++box)
    threads.emplace_back([&, box] {
      for (int seq = 1; seq <= each; ++seq)
        ledger->store(alarm("site-" + std::to_string(box), epoch, Lane::alarm,
                            static_cast<std::uint64_t>(seq)),
                      [&](Result<StoreResult> result) {
                        const std::lock_guard lock(mutex);
                        EXPECT_EQ(result->verdict, Verdict::stored);
                        order.push_back(result->position);
                        --missing;
                      });
    });
  for (std::thread& thread : threads) thread.join();
  ledger.reset();  // finishes what is queued
  EXPECT_EQ(missing, 0);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  const std::vector<Record> seen = memory.stored();
  ASSERT_EQ(seen.size(), order.size());
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i].position, order[i]);
}

TEST_P(Conformance, what_is_malformed_is_refused_alone) {
  Incoming bad = alarm("site-a", epoch, Lane::alarm, 1);
  bad.header.size += 1;
  const Result<StoreResult> refused = store(*ledger, bad);
  ASSERT_TRUE(refused.has_error());
  EXPECT_TRUE(refused.error().is(Errc::invalid_argument));
  Incoming strange = alarm("site-a", epoch, Lane::alarm, 1);
  strange.header.envelope = "\xff not an envelope";
  RecordHasher hasher(strange.header.envelope);
  hasher.update(strange.body);
  strange.header.hash = hasher.finish();
  EXPECT_EQ(verdict(strange), Verdict::stored);  // what cannot be read is kept and shown
}

INSTANTIATE_TEST_SUITE_P(adapters, Conformance,
                         ::testing::Values(Adapter{"sqlite", &open_sqlite_ledger}),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace alarmwire::ledger::testing
