#include "receiver/outlets/letters.hpp"

#include <algorithm>
#include <iterator>
#include <memory>

#include "receiver/outlets/fault_mail.hpp"
#include "receiver/outlets/line_ends.hpp"
#include "receiver/sites/address.hpp"

namespace alarmwire::outlets {
namespace {

// A device's mail: composed head first, then the ledger's pieces through LineEnds.
class MailReader {
 public:
  using Head = std::function<std::string(std::string_view)>;

  MailReader(const ledger::Ledger& ledger, ledger::Position position, std::uint64_t size,
             Head compose)
      : ledger_(ledger), position_(position), size_(size), compose_(std::move(compose)) {}

  Result<bool> next(std::string& piece) {
    if (ended_) return false;
    if (offset_ == 0) return head(piece);
    const Status read = read_on(piece);
    if (!read) return read.error();
    return true;
  }

 private:
  // Most headers stand in the first piece; more is read only where that is not so.
  Result<bool> head(std::string& piece) {
    std::string text;
    while (!ended_ && offset_ < header_block_bytes_max &&
           text.find("\r\n\r\n") == std::string::npos) {
      const Status read = read_on(text);
      if (!read) return read.error();
    }
    piece += compose_(text);
    return true;
  }

  Status read_on(std::string& out) {
    const Result<std::string> raw = ledger_.body(position_, offset_, body_piece_bytes);
    if (!raw) return raw.error();
    offset_ += raw->size();
    line_ends_.feed(*raw, out);
    ended_ = raw->empty() || offset_ >= size_;
    if (ended_) line_ends_.finish(out);
    return {};
  }

  const ledger::Ledger& ledger_;
  ledger::Position position_;
  const std::uint64_t size_;
  Head compose_;
  LineEnds line_ends_;
  std::uint64_t offset_ = 0;
  bool ended_ = false;
};

bool is_test(const std::string& recipient) {
  return sites::to_lower(recipient.substr(0, recipient.find('@'))) == test_local_part;
}

bool is_late(const ledger::Record& record, const SmtpConfig& config, WallTimeUs now_us) {
  const WallTimeUs accepted_us = record.header.accepted_us + record.clock_offset_us;
  return now_us - accepted_us > config.late_after.count() * 1000;
}

void address_mail(Prepared& prepared, const sites::Sites& sites, const SmtpConfig& config,
                  Marks& marks) {
  const std::vector<std::string>& written = prepared.envelope.recipients;
  std::vector<std::string> real;
  std::remove_copy_if(written.begin(), written.end(), std::back_inserter(real), is_test);
  // A mail without any address is an alarm of unknown source, not a test.
  marks.test = real.empty() && !written.empty();
  const sites::Route route = sites.route(prepared.record.box, prepared.envelope.reverse_path, real);
  prepared.letter.from = route.sender;
  prepared.letter.to = route.recipients;
  if (marks.test) {
    prepared.letter.to = {config.test_address};
  } else {
    marks.unassigned = route.unassigned;
  }
}

std::function<Pieces()> open_mail(const ledger::Ledger& ledger, const Prepared& prepared,
                                  const SmtpConfig& config, sites::Language language,
                                  const Marks& marks) {
  auto compose = [record = prepared.record, envelope = prepared.envelope, host = config.ehlo_name,
                  in_subject = config.marks, language, marks](std::string_view head) {
    return compose_head(Trace{host, &record, &envelope}, marks, in_subject, language, head);
  };
  return [&ledger, position = prepared.record.position, size = prepared.record.header.size,
          compose = std::move(compose)]() -> Pieces {
    auto reader = std::make_shared<MailReader>(ledger, position, size, compose);
    return [reader](std::string& piece) { return reader->next(piece); };
  };
}

}  // namespace

std::function<Pieces()> open_text(std::string text) {
  return [text = std::move(text)]() -> Pieces {
    auto rest = std::make_shared<std::string>(text);
    return [rest](std::string& piece) -> Result<bool> {
      piece += *rest;
      rest->clear();
      return !piece.empty();
    };
  };
}

Preparation prepare_letter(const ledger::Ledger& ledger, const sites::Sites& sites,
                           const SmtpConfig& config, const Job& job, WallTimeUs now_us) {
  Prepared prepared;
  Result<ledger::Record> record = ledger.at(job.position);
  if (!record && record.error().is(Errc::not_found)) return NotToSend{"no longer in the ledger"};
  if (!record) return record.error();
  prepared.record = std::move(*record);
  // An envelope that cannot be read must not keep the alarm back: it goes to the unassigned source.
  Result<Envelope> envelope = decode_envelope(prepared.record.header.envelope);
  if (envelope) prepared.envelope = std::move(*envelope);

  Marks marks;
  marks.late = is_late(prepared.record, config, now_us);
  // The ledger skips a replay only where this outlet is known to have taken it.
  marks.repeat = job.maybe_repeat || prepared.record.replayed;
  const sites::Language language = sites.language(prepared.record.box, config.language);
  prepared.letter.size_bytes = prepared.record.header.size;
  const RecordKind kind = prepared.envelope.kind;
  if (kind != RecordKind::fault && kind != RecordKind::fault_end) {
    address_mail(prepared, sites, config, marks);
    if (prepared.letter.to.front().empty())
      return NotToSend{"a test, and no test_address is configured"};
    prepared.letter.open = open_mail(ledger, prepared, config, language, marks);
    return prepared;
  }
  const sites::Box box = sites.box(prepared.record.box);
  prepared.letter.from = box.fault_address;
  prepared.letter.to = {box.fault_address};
  prepared.letter.open = open_text(fault_mail(
      Trace{config.ehlo_name, &prepared.record, &prepared.envelope}, marks, box, language));
  return prepared;
}

}  // namespace alarmwire::outlets
