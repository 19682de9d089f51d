// A full disk: what is still written then, the ballast, and how service comes back by itself.
//
// From the first write that the disk refuses until there is room again, mail is taken only into
// pages that the file has and does not use. Settling, evicting and checkpoints may use up the
// ballast; evicted pages make room for mail first, and then go back to the disk until the ballast
// is whole again.
#include <algorithm>

#include "edge/spool/files.hpp"
#include "edge/spool/messages.hpp"
#include "edge/spool/vault.hpp"

namespace alarmwire::spool {
namespace {

constexpr std::uint64_t disk_room_back_bytes = 4ull << 20;
constexpr std::uint64_t own_spare_bytes = 512ull << 10;  // for what settling and evicting write

}  // namespace

// Where the ballast would take the better half of the room there is, it is not made.
void Vault::begin_with_ballast() {
  const bool is_still_full = ballast_.is_let_go() && !ballast_.take(disk_room_back_bytes);
  if (is_still_full) return refused(FullState::Cause::disk);
  if (!ballast_.take(ballast_bytes)) log::write(SPOOL_NO_BALLAST, {{"bytes", ballast_bytes}});
}

// For writes that make room, or forget what is settled: when the disk refuses, once more with the
// ballast's room.
Status Vault::with_ballast(const std::function<Status()>& step) {
  const Status done = step();
  if (done.has_value() || !sqlite::is_full(done.error())) return done;
  refused(FullState::Cause::disk);
  return ballast_.let_go() ? step() : done;
}

void Vault::refused(FullState::Cause cause) {
  if (!full_.refused(cause)) return;
  full_change_ = false;
  faults_on_full_disk_ = 0;
  log::write(SPOOL_FULL, {{"cause", cause == FullState::Cause::quota ? "quota" : "disk"},
                          {"used_bytes", used_bytes_},
                          {"quota_bytes", quota_.bytes()}});
}

void Vault::refused_early() {
  refused(full_.is_disk_full() ? FullState::Cause::disk : FullState::Cause::quota);
}

Status Vault::wrote() {
  const Status measured = measure();
  if (measured.has_error()) return measured;
  if (!full_.is_full()) return {};
  if (full_.wrote(quota_.has_room_back(used_bytes_), !full_.is_disk_full() || has_disk_room())) {
    full_change_ = true;
    log::write(SPOOL_FULL_OVER, {{"used_bytes", used_bytes_}});
  }
  return {};
}

// Also has the ballast back, if the disk gives it.
bool Vault::has_disk_room() {
  const std::uint64_t spare = disk_room_back_bytes - std::min(disk_room_back_bytes, free_bytes_);
  if (ballast_.is_let_go()) return ballast_.take(spare);
  return disk_free_bytes(config_.directory) >= spare;
}

bool Vault::lacks_disk_room() const {
  if (!full_.is_disk_full()) return false;
  const std::uint64_t wanted =
      disk_room_back_bytes + (ballast_.is_let_go() ? ballast_bytes : std::uint64_t{0});
  return disk_free_bytes(config_.directory) + free_bytes_ < wanted;
}

std::uint64_t Vault::own_room_bytes() const {
  return free_bytes_ - std::min(free_bytes_, own_spare_bytes);
}

// Gives free pages back to the disk, but for those that new mail needs. True: there is more to do.
Result<bool> Vault::shrink_for_ballast() {
  if (!ballast_.is_let_go() || free_bytes_ <= disk_room_back_bytes) return false;
  if (disk_free_bytes(config_.directory) >= ballast_bytes) return false;
  Status done = store_->vacuum_slice();
  if (done.has_value()) done = store_->checkpoint();  // only this makes the file shorter
  if (done.has_value()) done = wrote();
  if (done.has_value()) return true;
  if (sqlite::is_full(done.error())) return false;
  return done.error();
}

Status Vault::probe_disk() {
  Result<sqlite::Transaction> transaction = store_->begin();
  Status done = transaction.has_error() ? Status(transaction.error()) : store_->touch();
  if (done.has_value()) done = transaction->commit();
  if (done.has_value()) return wrote();
  if (sqlite::is_full(done.error())) return {};
  return done;
}

std::optional<bool> Vault::take_full_change() {
  return std::exchange(full_change_, std::nullopt);
}

}  // namespace alarmwire::spool
