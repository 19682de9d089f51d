#include "receiver/outlets/retry.hpp"

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

namespace alarmwire::outlets {
namespace {

using ledger::HandOverState;

constexpr std::size_t page_rows = 256;
constexpr std::chrono::seconds page_wait{30};

// Outlives this call if the ledger answers too late.
struct Page {
  std::mutex mutex;
  std::condition_variable done;
  std::size_t open = 0;
  std::optional<Failure> failure;
};

Status write_rows(ledger::Ledger& ledger, const std::string& outlet,
                  const std::vector<ledger::HandOver>& rows) {
  const auto page = std::make_shared<Page>();
  page->open = rows.size();
  for (const ledger::HandOver& row : rows) {
    auto done = [page](const Result<void>& result) {
      const std::lock_guard lock(page->mutex);
      if (!result) page->failure = result.error();
      if (--page->open == 0) page->done.notify_all();
    };
    ledger.set_hand_over(outlet, row, std::move(done));
  }
  std::unique_lock lock(page->mutex);
  if (!page->done.wait_for(lock, page_wait, [&] { return page->open == 0; }))
    return Failure(Errc::timed_out, "the ledger does not answer");
  if (page->failure) return *page->failure;
  return {};
}

// Page by page: `change` says which rows change, and into what; `changed` hears of each that did.
Result<std::uint64_t> change_hand_overs(
    ledger::Ledger& ledger, const std::string& outlet, HandOverState state,
    const std::function<bool(ledger::HandOver&)>& change,
    const std::function<void(const ledger::HandOver&)>& changed) {
  std::uint64_t count = 0;
  ledger::Position after = 0;
  for (bool more = true; more;) {
    const auto page = ledger.hand_overs(outlet, state, after, page_rows);
    if (!page) return page.error();
    more = page->size() == page_rows;
    std::vector<ledger::HandOver> rows;
    for (ledger::HandOver row : *page) {
      after = row.position;
      row.changed_us = wall_now_us();
      if (change(row)) rows.push_back(std::move(row));
    }
    if (rows.empty()) continue;
    const Status status = write_rows(ledger, outlet, rows);
    if (!status) return status.error();
    for (const ledger::HandOver& row : rows) changed(row);
    count += rows.size();
  }
  return count;
}

void tell_unparked(ledger::Ledger& ledger, const ledger::HandOver& row,
                   const OnUnparked& on_unparked) {
  const auto record = ledger.at(row.position);
  if (record) on_unparked(row.box, record->header.id);
}

}  // namespace

Result<std::uint64_t> retry_hand_overs(
    ledger::Ledger& ledger, const std::string& outlet, const BoxId& box,
    const std::function<void(const ledger::HandOver&)>& on_waiting, const OnUnparked& on_unparked) {
  std::uint64_t count = 0;
  for (const HandOverState state : {HandOverState::parked, HandOverState::refused}) {
    const auto change = [&box](ledger::HandOver& row) {
      row.state = HandOverState::waiting;
      row.tries = 0;
      return box.empty() || row.box == box;
    };
    const auto changed = [&](const ledger::HandOver& row) {
      on_waiting(row);
      if (state == HandOverState::parked) tell_unparked(ledger, row, on_unparked);
    };
    const auto some = change_hand_overs(ledger, outlet, state, change, changed);
    if (!some) return some.error();
    count += *some;
  }
  return count;
}

Result<std::uint64_t> drop_hand_overs(ledger::Ledger& ledger, const std::string& outlet,
                                      const std::string& text, const OnUnparked& on_unparked) {
  std::uint64_t count = 0;
  for (const HandOverState state : {HandOverState::parked, HandOverState::waiting}) {
    const auto change = [&text](ledger::HandOver& row) {
      row.state = HandOverState::skipped;
      row.text = text;
      return true;
    };
    const auto changed = [&](const ledger::HandOver& row) {
      if (state == HandOverState::parked) tell_unparked(ledger, row, on_unparked);
    };
    const auto some = change_hand_overs(ledger, outlet, state, change, changed);
    if (!some) return some.error();
    count += *some;
  }
  return count;
}

}  // namespace alarmwire::outlets
