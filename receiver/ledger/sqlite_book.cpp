#include "receiver/ledger/sqlite_book.hpp"

#include <algorithm>

#include "common/fault_book.hpp"
#include "receiver/ledger/rules.hpp"
#include "receiver/ledger/sqlite_schema.hpp"

namespace alarmwire::ledger {
namespace {

RecordKind kind_of(std::string_view envelope_bytes) {
  const Result<Envelope> envelope = decode_envelope(envelope_bytes);
  return envelope.has_error() ? RecordKind::mail : envelope->kind;  // unreadable: stored and shown
}

}  // namespace

bool is_refusal(const Failure& failure) {
  return failure.is(Errc::invalid_argument) || failure.is(Errc::not_found) ||
         failure.is(Errc::denied);
}

Result<std::unique_ptr<Book>> Book::open(const Config& config) {
  Result<std::unique_ptr<Connection>> writer = open_writer(config);
  if (writer.has_error()) return writer.error();
  std::unique_ptr<Book> book(new Book(std::move(*writer)));
  const Status loaded = book->load(config);
  if (loaded.has_error()) return loaded.error();
  return book;
}

Status Book::load(const Config& config) {
  own_epoch_ = EpochId::make();
  auto take_id = [this](sqlite::Statement& row) { id_ = to_hex(row.column_blob(0)); };
  const Result<bool> named =
      writer_->first("SELECT value FROM meta WHERE name = 'ledger_id'", take_id);
  if (named.has_error()) return named.error();
  const Result<std::int64_t> records =
      writer_->number("SELECT value FROM meta WHERE name = 'records'");
  if (records.has_error()) return records.error();
  records_ = records_at_start_ = static_cast<std::uint64_t>(*records);
  const Result<std::int64_t> last = writer_->number("SELECT max(position) FROM records");
  if (last.has_error()) return last.error();
  last_position_ = *last;
  const Result<std::int64_t> dropped = writer_->number("SELECT count(*) FROM dropped");
  if (dropped.has_error()) return dropped.error();
  dropped_bodies_ = static_cast<std::uint64_t>(*dropped);
  const Status named_outlets = set_outlets(config.outlets);
  if (named_outlets.has_error()) return named_outlets.error();
  return load_staged();
}

Status Book::load_outlets() {
  outlets_.clear();
  outlet_numbers_.clear();
  auto take = [this](sqlite::Statement& row) {
    outlet_numbers_[std::string(row.column_text(1))] = row.column_int(0);
    if (row.column_int(2) != 0) outlets_.push_back(row.column_int(0));
    return true;
  };
  return writer_->each("SELECT number, name, active FROM outlets ORDER BY number", take);
}

void Book::begin_group(WallTimeUs now_us) {
  now_us_ = now_us;
  records_at_start_ = records_;
  dropped_at_start_ = dropped_bodies_;
}

Status Book::forget() {
  box_numbers_.clear();
  cursors_.clear();
  open_.clear();
  hashing_.clear();
  news_ = {};
  records_ = records_at_start_;
  dropped_bodies_ = dropped_at_start_;
  const Status outlets = load_outlets();
  return outlets.has_error() ? outlets : load_staged();
}

Book::News Book::take_news() {
  if (!news_.stored.empty()) last_position_ = news_.stored.back().record.position;
  return std::exchange(news_, {});
}

Status Book::before_commit() {
  if (records_ == records_at_start_) return {};
  return writer_->run("UPDATE meta SET value = ? WHERE name = 'records'", records_);
}

Result<std::int64_t> Book::box_number(const BoxId& box) {
  const auto known = box_numbers_.find(box);
  if (known != box_numbers_.end()) return known->second;
  const Status added = writer_->run("INSERT OR IGNORE INTO boxes (name) VALUES (?)", Text{box});
  if (added.has_error()) return added.error();
  const Result<std::int64_t> number =
      writer_->number("SELECT number FROM boxes WHERE name = ?", Text{box});
  if (number.has_error()) return number.error();
  box_numbers_[box] = *number;
  return *number;
}

Result<std::uint64_t> Book::cursor(const CursorKey& key) {
  const auto known = cursors_.find(key);
  if (known != cursors_.end()) return known->second;
  const Result<std::int64_t> seq =
      writer_->number("SELECT seq FROM cursors WHERE box = ? AND epoch = ? AND lane = ?", key.box,
                      key.epoch, static_cast<int>(key.lane));
  if (seq.has_error()) return seq.error();
  if (cursors_.size() >= cursor_cache_max) cursors_.clear();
  cursors_[key] = static_cast<std::uint64_t>(*seq);
  return static_cast<std::uint64_t>(*seq);
}

Status Book::set_cursor(const CursorKey& key, std::uint64_t seq) {
  cursors_[key] = seq;
  return writer_->run(
      "INSERT INTO cursors (box, epoch, lane, seq) VALUES (?, ?, ?, ?) "
      "ON CONFLICT DO UPDATE SET seq = excluded.seq",
      key.box, key.epoch, static_cast<int>(key.lane), seq);
}

Result<std::optional<Book::Standing>> Book::by_identity(std::int64_t box, const RecordKey& key) {
  std::optional<Standing> standing;
  auto take = [&standing](sqlite::Statement& row) {
    standing.emplace(Standing{row.column_int(0), row.column_int(1), {}});
    static_cast<void>(hash_from_bytes(row.column_blob(2), standing->hash));
  };
  const Result<bool> found = writer_->first(
      "SELECT position, stored_us, hash FROM records "
      "WHERE box = ? AND epoch = ? AND lane = ? AND seq = ?",
      take, box, key.epoch.value, static_cast<int>(key.lane), key.seq);
  if (found.has_error()) return found.error();
  return standing;
}

// The record with this alarm id and hash that the same box gave before, also one long deleted.
Result<std::optional<Book::Standing>> Book::by_alarm_id(std::int64_t box,
                                                        const RecordHeader& header) {
  std::optional<Standing> standing;
  auto take = [&](sqlite::Statement& row) {
    standing.emplace(Standing{row.column_int(0), row.column_int(1), header.hash});
  };
  const Result<bool> found = writer_->first(
      "SELECT position, stored_us FROM records WHERE alarm_id = ? AND +box = ? AND hash = ?", take,
      header.id.view(), box, view(header.hash));
  if (found.has_error()) return found.error();
  if (*found) return standing;
  const Result<bool> forgotten =
      writer_->first("SELECT 0, 0 FROM forgotten WHERE alarm_id = ? AND box = ? AND hash = ?", take,
                     header.id.view(), box, view(header.hash));
  if (forgotten.has_error()) return forgotten.error();
  return standing;
}

Result<StoreResult> Book::store(const Incoming& incoming, bool body_matches) {
  using Verdict = StoreResult::Verdict;
  const RecordHeader& header = incoming.header;
  if (header.key.epoch == own_epoch_) return Failure(Errc::denied, "the epoch is the centre's own");
  const Result<std::int64_t> box = box_number(incoming.box);
  if (box.has_error()) return box.error();
  const CursorKey cursor_key{*box, header.key.epoch.value, header.key.lane};
  const Result<std::uint64_t> standing_at = cursor(cursor_key);
  if (standing_at.has_error()) return standing_at.error();

  Facts facts;
  facts.seq = header.key.seq;
  facts.is_canary = is_canary(header);
  facts.cursor = *standing_at;
  std::optional<Standing> there;
  if (facts.seq <= facts.cursor) {
    const auto found = by_identity(*box, header.key);
    if (found.has_error()) return found.error();
    there = *found;
    if (there) facts.identity_has_same_hash = there->hash == header.hash;
  } else if (facts.seq == facts.cursor + 1) {
    const auto found = by_alarm_id(*box, header);
    if (found.has_error()) return found.error();
    there = *found;
    facts.known_elsewhere = there.has_value();
  }
  const LaneOfBox lane{*box, header.key.lane};
  if (wants_bytes(facts)) {
    const Result<bool> match =
        incoming.staged ? staged_matches(lane, header) : Result<bool>(body_matches);
    if (match.has_error()) return match.error();
    facts.bytes_match = *match;
  }

  const Verdict verdict = judge(facts);
  StoreResult result{verdict, 0, 0, facts.cursor};
  if (verdict == Verdict::gap) return result;
  if (verdict == Verdict::stored) return insert_incoming(*box, incoming);
  const Status dropped = drop_staged(lane, header.key);
  if (dropped.has_error()) return dropped.error();
  if (verdict == Verdict::hash_mismatch) return result;
  if (there) {
    result.position = there->position;
    result.stored_us = there->stored_us;
  }
  if (verdict == Verdict::known || verdict == Verdict::noted) result.cursor = header.key.seq;
  if (verdict == Verdict::noted) result.stored_us = now_us_;
  // Also a duplicate writes: no answer leaves before a commit of its own has returned.
  const Status moved = set_cursor(cursor_key, result.cursor);
  if (moved.has_error()) return moved.error();
  if (verdict == Verdict::conflict) {
    const Status reported = report_conflict(*box, incoming);
    if (reported.has_error()) return reported.error();
  }
  return result;
}

Result<StoreResult> Book::insert_incoming(std::int64_t box, const Incoming& incoming) {
  const Result<std::int64_t> body = body_of(box, incoming);
  if (body.has_error()) return body.error();
  Record record;
  record.box = incoming.box;
  record.header = incoming.header;
  record.stored_us = now_us_;
  record.clock_offset_us = incoming.clock_offset_us;
  record.replayed = incoming.replayed;
  const Result<Position> position =
      insert(box, record, *body == 0 ? std::string_view(incoming.body) : std::string_view(), *body,
             incoming.receipted);
  if (position.has_error()) return position.error();
  news_.stored.back().body =
      incoming.staged ? std::nullopt : std::optional<std::string>(incoming.body);
  return StoreResult{StoreResult::Verdict::stored, *position, now_us_, incoming.header.key.seq};
}

// Why an outlet is not asked again, by its number; empty: nobody had taken it.
Result<std::map<std::int64_t, std::string_view>> Book::taken_before(
    std::int64_t box, const Record& record, const std::vector<std::string>& receipted) {
  std::map<std::int64_t, std::string_view> takers;
  if (!record.replayed) return takers;
  for (const std::string& name : receipted) {
    const auto known = outlet_numbers_.find(name);
    if (known != outlet_numbers_.end())
      takers[known->second] = "taken before, by the box's receipt";
  }
  for (const std::int64_t outlet : outlets_) {
    const Result<bool> taken = had_taken(outlet, box, record.header.id);
    if (taken.has_error()) return taken.error();
    if (*taken) takers[outlet] = "taken before, by this ledger";
  }
  return takers;
}

// The row, its cursor and its hand-overs.
Result<Position> Book::insert(std::int64_t box, Record& record, std::string_view inline_body,
                              std::int64_t body, const std::vector<std::string>& receipted) {
  const RecordHeader& header = record.header;
  const auto takers = taken_before(box, record, receipted);
  if (takers.has_error()) return takers.error();
  record.handed_over_before = !takers->empty();
  constexpr std::string_view sql =
      "INSERT INTO records (box, epoch, lane, seq, alarm_id, hash, kind, size, accepted_us, "
      "spooled_us, stored_us, clock_offset_us, repeats, replayed, handed_over_before, body_number, "
      "envelope, body) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,nullif(?,0),?,?)";
  const Status inserted = writer_->run(
      sql, box, header.key.epoch.value, static_cast<int>(header.key.lane), header.key.seq,
      header.id.view(), view(header.hash), static_cast<int>(kind_of(header.envelope)), header.size,
      header.accepted_us, header.spooled_us, record.stored_us, record.clock_offset_us,
      header.repeats, record.replayed, record.handed_over_before, body,
      std::string_view(header.envelope), inline_body);
  if (inserted.has_error()) return inserted.error();
  record.position = writer_->database().last_insert_rowid();
  const Status moved =
      set_cursor(CursorKey{box, header.key.epoch.value, header.key.lane}, header.key.seq);
  if (moved.has_error()) return moved.error();
  for (const std::int64_t outlet : outlets_) {
    const auto taker = takers->find(outlet);
    const bool taken = taker != takers->end();
    const Status owed = writer_->run(
        "INSERT INTO hand_overs (position, outlet, state, tries, changed_us, text) "
        "VALUES (?, ?, ?, 0, ?, ?)",
        record.position, outlet, static_cast<int>(first_state(record.replayed, taken)), now_us_,
        Text{taken ? taker->second : std::string_view()});
    if (owed.has_error()) return owed.error();
  }
  ++records_;
  news_.stored.push_back({record, std::string()});
  return record.position;
}

Result<bool> Book::had_taken(std::int64_t outlet, std::int64_t box, const AlarmId& id) {
  return writer_->first(
      "SELECT 1 FROM records r JOIN hand_overs h ON h.position = r.position "
      "WHERE r.alarm_id = ? AND +r.box = ? AND h.outlet = ? AND h.state = ?",
      [](sqlite::Statement&) {}, id.view(), box, outlet, static_cast<int>(HandOverState::taken));
}

Result<Record> Book::book_own(const BoxId& box, const AlarmId& id, const Envelope& envelope) {
  const Result<std::int64_t> number = box_number(box);
  if (number.has_error()) return number.error();
  const Result<std::uint64_t> last = cursor(CursorKey{*number, own_epoch_.value, Lane::fault});
  if (last.has_error()) return last.error();
  Record record;
  record.box = box;
  record.header.key = RecordKey{own_epoch_, Lane::fault, *last + 1};
  record.header.id = id;
  record.header.envelope = encode_envelope(envelope);
  record.header.hash = RecordHasher(record.header.envelope).finish();
  const auto there = by_alarm_id(*number, record.header);
  if (there.has_error()) return there.error();
  if (*there) {
    record.position = (*there)->position;
    record.stored_us = (*there)->stored_us;
    return record;
  }
  record.header.accepted_us = record.header.spooled_us = record.stored_us = now_us_;
  const Result<Position> position = insert(*number, record, {}, 0, {});
  if (position.has_error()) return position.error();
  return record;
}

// Once per identity and alarm, also over restarts: the tombstone remembers. It also lets the link
// say it again until the box has kept it.
Status Book::report_conflict(std::int64_t box, const Incoming& incoming) {
  const RecordHeader& header = incoming.header;
  const Result<bool> reported = writer_->first(
      "SELECT 1 FROM tombstones WHERE box = ? AND epoch = ? AND lane = ? AND first_seq = ? "
      "AND kind <> 0 AND alarm_id = ?",
      [](sqlite::Statement&) {}, box, header.key.epoch.value, static_cast<int>(header.key.lane),
      header.key.seq, header.id.view());
  if (reported.has_error()) return reported.error();
  if (*reported) return {};
  const Status laid =
      lay(box, {incoming.box, header.key.epoch, header.key.lane, header.key.seq, header.key.seq,
                header.id, "conflict: another alarm stands under this identity", now_us_,
                Tombstone::Kind::conflict});
  if (laid.has_error()) return laid;
  Envelope fault;
  fault.kind = RecordKind::fault;
  fault.fault_code = fault::record_conflict;
  fault.fault_subject = header.key.to_string();
  fault.fault_reason =
      "the box sent another alarm under an identity that is taken; nothing was overwritten, "
      "alarm " +
      header.id.to_string() + " must come again under a new identity";
  const Result<Record> booked = book_own(incoming.box, AlarmId::make(now_us_), fault);
  return booked.has_error() ? Status(booked.error()) : Status{};
}

Status Book::lay(std::int64_t box, const Tombstone& tombstone) {
  const std::string reason = tombstone.reason.substr(0, state_text_bytes_max);
  const std::string_view id = tombstone.id ? tombstone.id->view() : std::string_view();
  return writer_->run(
      "INSERT INTO tombstones (box, epoch, lane, first_seq, last_seq, alarm_id, reason, time_us, "
      "kind) VALUES (?, ?, ?, ?, ?, nullif(?, x''), ?, ?, ?)",
      box, tombstone.epoch.value, static_cast<int>(tombstone.lane), tombstone.first_seq,
      tombstone.last_seq, id, Text{reason}, tombstone.time_us, static_cast<int>(tombstone.kind));
}

Result<std::uint64_t> Book::tombstone(const Tombstone& tombstone) {
  if (tombstone.epoch == own_epoch_) return Failure(Errc::denied, "the epoch is the centre's own");
  const Result<std::int64_t> box = box_number(tombstone.box);
  if (box.has_error()) return box.error();
  const CursorKey key{*box, tombstone.epoch.value, tombstone.lane};
  const Result<std::uint64_t> standing_at = cursor(key);
  if (standing_at.has_error()) return standing_at.error();
  if (tombstone.first_seq != *standing_at + 1) return *standing_at;
  const Status dropped = drop_staged(
      {*box, tombstone.lane}, RecordKey{tombstone.epoch, tombstone.lane, tombstone.first_seq});
  if (dropped.has_error()) return dropped.error();
  const Status laid = lay(*box, tombstone);
  if (laid.has_error()) return laid.error();
  const Status moved = set_cursor(key, tombstone.last_seq);
  if (moved.has_error()) return moved.error();
  const Result<Record> booked =
      book_own(tombstone.box, AlarmId::make(now_us_), fault_of(tombstone));
  if (booked.has_error()) return booked.error();
  return tombstone.last_seq;
}

Status Book::set_outlets(const std::vector<std::string>& names) {
  const Status retired = writer_->run("UPDATE outlets SET active = 0 WHERE active");
  if (retired.has_error()) return retired.error();
  for (const std::string& name : names) {
    const Status added = writer_->run(
        "INSERT INTO outlets (name, active) VALUES (?, 1) ON CONFLICT DO UPDATE SET active = 1",
        Text{name});
    if (added.has_error()) return added.error();
  }
  return load_outlets();
}

Status Book::set_hand_over(const std::string& outlet, const HandOver& hand_over) {
  const auto number = outlet_numbers_.find(outlet);
  if (number == outlet_numbers_.end()) return Failure(Errc::not_found, "no outlet " + outlet);
  const std::string text = hand_over.text.substr(0, state_text_bytes_max);
  const Status set = writer_->run(
      "UPDATE hand_overs SET state = ?, tries = ?, changed_us = ?, text = ? "
      "WHERE position = ? AND outlet = ?",
      static_cast<int>(hand_over.state), hand_over.tries, hand_over.changed_us, Text{text},
      hand_over.position, number->second);
  if (set.has_error()) return set.error();
  if (writer_->database().changes() == 0)
    return Failure(Errc::not_found, "the outlet was never owed this position");
  return {};
}

Status Book::mark_stage(const BoxId& box, const AlarmId& id, const StageMark& mark) {
  const Result<std::int64_t> position = writer_->number(
      "SELECT position FROM records WHERE alarm_id = ? "
      "AND +box = (SELECT number FROM boxes WHERE name = ?) ORDER BY position LIMIT 1",
      id.view(), Text{box});
  if (position.has_error()) return position.error();
  if (*position == 0) return Failure(Errc::not_found, "no such alarm of this box");
  const Result<std::int64_t> marks =
      writer_->number("SELECT count(*) FROM stages WHERE position = ?", *position);
  if (marks.has_error()) return marks.error();
  if (static_cast<std::size_t>(*marks) >= stage_marks_max) return {};
  StageMark kept = mark;
  kept.text.resize(std::min(kept.text.size(), state_text_bytes_max));
  const Status marked = writer_->run(
      "INSERT OR IGNORE INTO stages (position, stage, outlet, time_us, text) "
      "VALUES (?, ?, ?, ?, ?)",
      *position, static_cast<int>(kept.stage), Text{kept.outlet}, kept.time_us, Text{kept.text});
  if (marked.has_error()) return marked.error();
  news_.marked.push_back({box, id, std::move(kept)});
  return {};
}

}  // namespace alarmwire::ledger
