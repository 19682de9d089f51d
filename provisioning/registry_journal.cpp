// The journal: what was done to tickets and boxes, line by line, each chained to the one before.
#include <openssl/sha.h>

#include <array>

#include "provisioning/registry.hpp"
#include "provisioning/registry_rows.hpp"

namespace alarmwire::provisioning {
namespace {

using Chain = std::array<std::uint8_t, SHA256_DIGEST_LENGTH>;

std::string_view view_of(const Chain& chain) {
  return {reinterpret_cast<const char*>(chain.data()), chain.size()};
}

// Over the chain before it and every field with its length: nothing can move between fields.
Chain chain_of(std::string_view before, const JournalLine& line) {
  std::string text(before);
  const auto add = [&text](std::string_view field) {
    text += std::to_string(field.size()).append(1, ':').append(field);
  };
  add(std::to_string(line.number));
  add(std::to_string(line.at_us));
  for (const std::string* field : {&line.who, &line.what, &line.about, &line.before, &line.after})
    add(*field);
  Chain chain{};
  SHA256(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), chain.data());
  return chain;
}

JournalLine line_at(const sqlite::Statement& row) {
  return {row.column_int(0),
          row.column_int(1),
          std::string(row.column_text(2)),
          std::string(row.column_text(3)),
          std::string(row.column_text(4)),
          std::string(row.column_text(5)),
          std::string(row.column_text(6)),
          std::string(row.column_blob(7))};
}

constexpr std::string_view select_lines =
    "SELECT number, at_us, who, what, about, before, after, chain FROM journal ";

}  // namespace

Status Registry::note(WallTimeUs now, std::string_view who, std::string_view what,
                      std::string_view about, std::string_view before, std::string_view after) {
  const auto last = all<JournalLine>(
      database_.prepare(std::string(select_lines) + "ORDER BY number DESC LIMIT 1"), line_at);
  if (!last) return last.error();
  JournalLine line;
  // Given here, not by SQLite, since it goes into the chain. Lines never go, so it is a new one.
  line.number = last->empty() ? 1 : last->front().number + 1;
  line.at_us = now;
  line.who = who;
  line.what = what;
  line.about = about;
  line.before = before;
  line.after = after;
  const Chain chain = chain_of(last->empty() ? std::string_view() : last->front().chain, line);
  Result<sqlite::Statement> insert = database_.prepare(
      "INSERT INTO journal (number, at_us, who, what, about, before, after, chain) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
  if (!insert) return insert.error();
  insert->bind(1, line.number).bind(2, now).bind_text(3, who).bind_text(4, what);
  insert->bind_text(5, about).bind_text(6, before).bind_text(7, after);
  insert->bind_blob(8, view_of(chain));
  return insert->run();
}

Result<std::vector<JournalLine>> Registry::journal(std::int64_t after, std::size_t limit) {
  Result<sqlite::Statement> select =
      database_.prepare(std::string(select_lines) + "WHERE number > ? ORDER BY number LIMIT ?");
  if (!select) return select.error();
  select->bind(1, after).bind(2, static_cast<std::int64_t>(limit));
  return all<JournalLine>(std::move(select), line_at);
}

// Page by page: a journal of years is larger than what should be in memory.
Result<JournalCheck> Registry::check_journal() {
  constexpr std::size_t page = 1000;
  JournalCheck check;
  std::string before;
  std::int64_t last = 0;
  for (;;) {
    const Result<std::vector<JournalLine>> lines = journal(last, page);
    if (!lines) return lines.error();
    if (lines->empty()) return check;
    for (const JournalLine& line : *lines) {
      const bool is_older = line.chain.empty() && before.empty();  // of version 1
      check.unchained += is_older ? 1 : 0;
      const bool is_sound =
          line.number == last + 1 && (is_older || line.chain == view_of(chain_of(before, line)));
      if (!is_sound && check.first_broken == 0) check.first_broken = last + 1;
      last = line.number;
      before = line.chain;
      ++check.lines;
    }
    check.head = before;
  }
}

}  // namespace alarmwire::provisioning
