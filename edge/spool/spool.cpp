// Opening: the lock, the check, quarantine of what is damaged, a new epoch, and the thread.
#include "edge/spool/spool.hpp"

#include <filesystem>

#include "edge/spool/engine.hpp"
#include "edge/spool/messages.hpp"

namespace alarmwire::spool {
namespace {

constexpr std::chrono::seconds check_limit{2};
constexpr int opens_max = 4;  // as it is, once more, in quarantine's place, once more

StoreOptions options_of(const Config& config) {
  return {database_path(config.directory), config.quota_bytes, config.secure_delete, config.vfs};
}

Result<std::unique_ptr<Vault>> open_once(const Config& config) {
  Result<std::unique_ptr<Store>> store = Store::open(options_of(config));
  if (store.has_error()) return store.error();
  Status done = sync_directory(config.directory);
  if (done.has_value()) done = (*store)->check(check_limit);
  if (done.has_error()) {
    (*store)->abandon();
    return done.error();
  }
  const VaultConfig vault{config.directory, config.quota_bytes, config.settled_ring};
  return Vault::start(std::move(*store), vault, EpochId::make(), wall_now_us());
}

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

Status move_aside(const Config& config, const std::string& why, std::vector<Fault>& faults) {
  const Result<std::string> name = quarantine(config.directory, wall_now_us());
  if (name.has_error()) return name.error();
  log::write(SPOOL_QUARANTINED, {{"name", *name}, {"reason", why}});
  faults.push_back({"spool-quarantined", "quarantine/" + *name, why});
  return {};
}

// Damage leads to quarantine at once, a failed call to a second try first.
Result<std::unique_ptr<Vault>> open_or_replace(const Config& config, std::vector<Fault>& faults) {
  const std::string path = database_path(config.directory);
  if (is_suspect(config.directory) && exists(path)) {
    const Status moved = move_aside(config, "damage was met at run time", faults);
    if (moved.has_error()) return moved.error();
  }
  Failure last(Errc::io, "not tried");
  bool was_io = false;
  for (int i = 0; i < opens_max; ++i) {
    Result<std::unique_ptr<Vault>> vault = open_once(config);
    if (vault.has_value()) return vault;
    last = vault.error();
    if (last.is(Errc::busy) || sqlite::is_busy(last) || sqlite::is_full(last)) return last;
    const bool is_damage = last.is(Errc::corrupt) || sqlite::is_corrupt(last);
    if (!is_damage && !was_io) {
      was_io = true;
      continue;
    }
    was_io = false;
    if (!exists(path)) continue;
    const Status moved = move_aside(config, last.diagnostics, faults);
    if (moved.has_error()) return moved.error();
  }
  return last;
}

}  // namespace

Result<std::unique_ptr<Spool>> Spool::open(const Config& config, Observer& observer) {
  Result<std::unique_ptr<DirectoryLock>> lock = DirectoryLock::take(config.directory);
  if (lock.has_error()) return lock.error();
  const Status finished = finish_interrupted_quarantine(config.directory);
  if (finished.has_error()) return finished.error();
  std::vector<Fault> faults;
  Result<std::unique_ptr<Vault>> vault = open_or_replace(config, faults);
  if (vault.has_error()) return vault.error();
  const std::size_t swept = (*vault)->swept().size();
  if (swept > 0) {
    log::write(SPOOL_UPLOADS_SWEPT, {{"uploads", swept}});
    faults.push_back({"upload-swept", "",
                      std::to_string(swept) + " mails were still arriving at the last stop"});
  }
  Snapshot counts;
  (*vault)->count(counts);
  log::write(SPOOL_OPENED, {{"epoch", counts.epoch.to_string()},
                            {"waiting_records", counts.waiting_records},
                            {"parked_records", counts.parked_records},
                            {"used_bytes", counts.used_bytes}});
  return std::unique_ptr<Spool>(std::make_unique<Engine>(std::move(*lock), std::move(*vault),
                                                         config, observer, std::move(faults)));
}

}  // namespace alarmwire::spool
