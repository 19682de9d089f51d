#include "receiver/outlets/retry.hpp"

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

namespace alarmwire::outlets {
namespace {

constexpr std::size_t page_rows = 256;
constexpr std::chrono::seconds page_wait{30};

// Outlives this call if the ledger answers too late.
struct Page {
  std::mutex mutex;
  std::condition_variable done;
  std::size_t open = 0;
  std::optional<Failure> failure;
};

Status make_waiting(ledger::Ledger& ledger, const std::string& outlet,
                    std::vector<ledger::HandOver>& rows) {
  const auto page = std::make_shared<Page>();
  page->open = rows.size();
  for (ledger::HandOver& row : rows) {
    row.state = ledger::HandOverState::waiting;
    row.tries = 0;
    row.changed_us = wall_now_us();
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

}  // namespace

Result<std::uint64_t> retry_hand_overs(
    ledger::Ledger& ledger, const std::string& outlet, const BoxId& box,
    const std::function<void(const ledger::HandOver&)>& on_waiting,
    const std::function<void(const BoxId&, const AlarmId&)>& on_unparked) {
  std::uint64_t count = 0;
  for (const ledger::HandOverState state :
       {ledger::HandOverState::parked, ledger::HandOverState::refused}) {
    ledger::Position after = 0;
    for (bool more = true; more;) {
      const auto page = ledger.hand_overs(outlet, state, after, page_rows);
      if (!page) return page.error();
      more = page->size() == page_rows;
      std::vector<ledger::HandOver> rows;
      for (const ledger::HandOver& row : *page) {
        after = row.position;
        if (box.empty() || row.box == box) rows.push_back(row);
      }
      if (rows.empty()) continue;
      const Status status = make_waiting(ledger, outlet, rows);
      if (!status) return status.error();
      for (const ledger::HandOver& row : rows) {
        on_waiting(row);
        const auto record = ledger.at(row.position);
        if (record && state == ledger::HandOverState::parked)
          on_unparked(row.box, record->header.id);
      }
      count += rows.size();
    }
  }
  return count;
}

}  // namespace alarmwire::outlets
