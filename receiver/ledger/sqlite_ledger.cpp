// The port over SQLite: turns calls into writes for the writer thread, and questions into reads.
#include <utility>

#include "receiver/ledger/messages.hpp"
#include "receiver/ledger/rules.hpp"
#include "receiver/ledger/sqlite_reads.hpp"
#include "receiver/ledger/sqlite_schema.hpp"
#include "receiver/ledger/sqlite_writer.hpp"

namespace alarmwire::ledger {
namespace {

constexpr std::size_t write_overhead_bytes = 512;

template <typename T>
class Op final : public Write {
 public:
  using Act = std::function<Result<T>(Book&)>;
  Op(Act act, Ledger::Callback<T> done) : act_(std::move(act)), done_(std::move(done)) {}

  Status apply(Book& book) override {
    answer_ = act_(book);
    if (answer_->has_error() && !is_refusal(answer_->error())) return answer_->error();
    return {};
  }
  void finish(const Failure* failure) override {
    if (!done_) return;
    if (failure != nullptr)
      done_(*failure);
    else
      done_(std::move(*answer_));
  }

 private:
  Act act_;
  Ledger::Callback<T> done_;
  std::optional<Result<T>> answer_;
};

bool body_matches(const Incoming& incoming) {
  RecordHasher hasher(incoming.header.envelope);
  hasher.update(incoming.body);
  return hasher.finish() == incoming.header.hash;
}

void log_conflict(const BoxId& box, const RecordHeader& header) {
  log::write(
      LEDGER_CONFLICT,
      {{"box", box}, {"identity", header.key.to_string()}, {"alarm_id", header.id.to_string()}});
}

class SqliteLedger final : public Ledger {
 public:
  SqliteLedger(const Config& config, DirectoryLock lock, std::unique_ptr<Book> book,
               Observer& observer)
      : lock_(std::move(lock)), writer_(config, std::move(book), observer), reads_(config) {}

  std::string id() const override { return writer_.ledger_id(); }

  void store(Incoming incoming, Callback<StoreResult> done) override {
    const Status fit = check(incoming);
    const bool matches = !fit.has_error() && !incoming.staged && body_matches(incoming);
    const Place place{incoming.box, static_cast<std::size_t>(incoming.header.key.lane),
                      incoming.body.size() + incoming.header.envelope.size(), true};
    auto answer = [done = std::move(done), box = incoming.box, key = incoming.header.key,
                   id = incoming.header.id](Result<StoreResult> result) {
      if (result.has_value() && result->verdict == StoreResult::Verdict::conflict)
        log_conflict(box, RecordHeader{key, id, {}, {}, 0, 0, 0, 0});
      if (done) done(std::move(result));
    };
    auto act = [incoming = std::move(incoming), fit, matches](Book& book) -> Result<StoreResult> {
      if (fit.has_error()) return fit.error();
      return book.store(incoming, matches);
    };
    submit<StoreResult>(place, std::move(act), std::move(answer));
  }

  void stage(BoxId box, RecordKey key, Hash hash, std::uint64_t offset, std::string bytes,
             Callback<std::uint64_t> done) override {
    const Place place{box, static_cast<std::size_t>(key.lane), bytes.size(), true};
    auto act = [box = std::move(box), key, hash, offset,
                bytes = std::move(bytes)](Book& book) -> Result<std::uint64_t> {
      const Status fit = check(key);
      if (fit.has_error()) return fit.error();
      if (!is_valid_box_id(box)) return Failure(Errc::invalid_argument, "not a box id");
      if (bytes.size() > chunk_bytes_max) return Failure(Errc::invalid_argument, "chunk too large");
      if (offset > record_bytes_max || offset + bytes.size() > record_bytes_max)
        return Failure(Errc::invalid_argument, "record too large");
      return book.stage(box, key, hash, offset, bytes);
    };
    submit<std::uint64_t>(place, std::move(act), std::move(done));
  }

  void announce(const BoxId& box, const RecordHeader& header) override {
    if (check(header.key).has_error() || !is_valid_box_id(box)) return;
    const Place place{box, static_cast<std::size_t>(header.key.lane), header.envelope.size(),
                      false};
    auto act = [box, header](Book& book) -> Result<void> {
      book.announce(box, header);
      return {};
    };
    submit<void>(place, std::move(act), nullptr);
  }

  void tombstone(Tombstone tombstone, Callback<std::uint64_t> done) override {
    const Place place{tombstone.box, static_cast<std::size_t>(tombstone.lane), 0, false};
    auto act = [tombstone = std::move(tombstone)](Book& book) -> Result<std::uint64_t> {
      const Status fit = check(tombstone);
      if (fit.has_error()) return fit.error();
      return book.tombstone(tombstone);
    };
    submit<std::uint64_t>(place, std::move(act), std::move(done));
  }

  void book_own(BoxId box, AlarmId id, Envelope envelope, Callback<Record> done) override {
    const Place place{box, WriteQueue::line_other, 0, true};
    auto act = [box = std::move(box), id,
                envelope = std::move(envelope)](Book& book) -> Result<Record> {
      if (!is_valid_box_id(box)) return Failure(Errc::invalid_argument, "not a box id");
      return book.book_own(box, id, envelope);
    };
    submit<Record>(place, std::move(act), std::move(done));
  }

  void set_outlets(std::vector<std::string> names, Callback<void> done) override {
    const Place place{"outlets/", WriteQueue::line_other, 0, false};
    auto act = [names = std::move(names)](Book& book) -> Result<void> {
      return book.set_outlets(names);
    };
    submit<void>(place, std::move(act), std::move(done));
  }

  void set_hand_over(const std::string& outlet, HandOver hand_over, Callback<void> done) override {
    // A party of its own ("/" is in no box id): outlets go round with the boxes.
    const Place place{"outlet/" + outlet, WriteQueue::line_other, hand_over.text.size(), false,
                      true};
    auto act = [outlet, hand_over = std::move(hand_over)](Book& book) -> Result<void> {
      return book.set_hand_over(outlet, hand_over);
    };
    submit<void>(place, std::move(act), std::move(done));
  }

  void mark_stage(BoxId box, AlarmId id, StageMark mark, Callback<void> done) override {
    const Place place{"stages/" + box, WriteQueue::line_other, mark.text.size(), false, true};
    auto act = [box = std::move(box), id, mark = std::move(mark)](Book& book) -> Result<void> {
      return book.mark_stage(box, id, mark);
    };
    submit<void>(place, std::move(act), std::move(done));
  }

  void apply_retention(RetentionRule rule, WallTimeUs now_us,
                       Callback<std::uint64_t> done) override {
    writer_.apply_retention(rule, now_us, std::move(done));
  }

  Result<std::vector<Cursor>> cursors(const BoxId& box) const override {
    return reads_.cursors(box);
  }
  Result<std::vector<StagedBody>> staged(const BoxId& box) const override {
    return reads_.staged(box);
  }
  Result<std::vector<Record>> read_after(Position position, std::size_t limit) const override {
    return reads_.read_after(position, limit);
  }
  Result<std::vector<Record>> list(const ListFilter& filter) const override {
    return reads_.list(filter);
  }
  Result<Record> find(const AlarmId& id) const override { return reads_.find(id); }
  Result<Record> at(Position position) const override {
    if (std::optional<Record> fresh = writer_.fresh().at(position)) return std::move(*fresh);
    return reads_.at(position);
  }
  Result<std::string> body(Position position, std::uint64_t offset,
                           std::size_t bytes_max) const override {
    if (auto fresh = writer_.fresh().body(position, offset, bytes_max)) return std::move(*fresh);
    return reads_.body(position, offset, bytes_max);
  }
  Result<std::vector<StageMark>> stages(const AlarmId& id) const override {
    return reads_.stages(id);
  }
  Result<std::vector<Tombstone>> tombstones(const BoxId& box, std::size_t limit) const override {
    return reads_.tombstones(box, limit);
  }
  Result<std::vector<Tombstone>> refused(const BoxId& box,
                                         const std::vector<SeqRange>& ranges) const override {
    return reads_.refused(box, ranges);
  }
  Result<std::vector<HandOver>> hand_overs(const std::string& outlet, HandOverState state,
                                           Position after, std::size_t limit) const override {
    return reads_.hand_overs(outlet, state, after, limit);
  }
  Result<std::uint64_t> count_hand_overs(const std::string& outlet,
                                         HandOverState state) const override {
    return reads_.count_hand_overs(outlet, state);
  }
  Result<std::vector<Owed>> owed() const override { return reads_.owed(); }
  Result<std::vector<std::pair<std::string, HandOver>>> hand_overs_of(
      Position position) const override {
    return reads_.hand_overs_of(position);
  }
  Snapshot snapshot() const override { return writer_.snapshot(); }

 private:
  struct Place {  // where in the queue a write stands
    std::string party;
    std::size_t line;
    std::size_t bytes;
    bool takes_room;
    bool can_wait = false;
  };

  template <typename T>
  void submit(const Place& place, typename Op<T>::Act act, Callback<T> done) {
    auto op = std::make_unique<Op<T>>(std::move(act), std::move(done));
    op->party = place.party;
    op->line = std::min(place.line, WriteQueue::line_other);
    op->bytes = place.bytes + write_overhead_bytes;
    op->takes_room = place.takes_room;
    op->can_wait = place.can_wait;
    writer_.submit(std::move(op));
  }

  DirectoryLock lock_;
  Writer writer_;
  mutable Reads reads_;  // goes before the writer: the last connection to close checkpoints
};

}  // namespace

Result<std::unique_ptr<Ledger>> open_sqlite_ledger(const Config& config, Observer& observer) {
  Result<DirectoryLock> lock = DirectoryLock::take(config.directory);
  if (lock.has_error()) return lock.error();
  Result<std::unique_ptr<Book>> book = Book::open(config);
  if (book.has_error()) return book.error();
  log::write(LEDGER_OPENED, {{"directory", config.directory},
                             {"ledger_id", (*book)->id()},
                             {"records", (*book)->records()}});
  return std::unique_ptr<Ledger>(
      std::make_unique<SqliteLedger>(config, std::move(*lock), std::move(*book), observer));
}

}  // namespace alarmwire::ledger
