// The spool's directory: its lock, its syncs, and the quarantine of damaged files.
//
// Layout: spool.db (and -wal), spool.lock, spool.suspect (damage was met at run time: quarantine at
// the next start), quarantine/<time stamp>/{spool.db, spool.db-wal, salvaged}.
// Thread-safety: one thread; the lock keeps other processes out.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/clock.hpp"
#include "common/error.hpp"

namespace alarmwire::spool {

inline constexpr std::size_t quarantines_kept_max = 5;  // salvaged ones; others are never deleted

// Held while the spool is open. Errc::busy: another process holds it.
class DirectoryLock {
 public:
  static Result<std::unique_ptr<DirectoryLock>> take(const std::string& directory);
  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  explicit DirectoryLock(int fd) : fd_(fd) {}
  int fd_;
};

std::string database_path(const std::string& directory);
Status sync_directory(const std::string& directory);
// The file's mode becomes 0600, which the WAL then inherits.
Status make_private(const std::string& path);
std::uint64_t disk_free_bytes(const std::string& directory);

void mark_suspect(const std::string& directory);
bool is_suspect(const std::string& directory);

// Moves spool.db and its WAL into a new quarantine; returns its name. Also clears the suspicion.
Result<std::string> quarantine(const std::string& directory, WallTimeUs now);
// A power cut between the two moves of quarantine() left one half behind: finishes it.
Status finish_interrupted_quarantine(const std::string& directory);
std::string quarantine_path(const std::string& directory, const std::string& name);
// Names, oldest first.
std::vector<std::string> quarantines(const std::string& directory);
bool is_salvaged(const std::string& directory, const std::string& name);
Status mark_salvaged(const std::string& directory, const std::string& name,
                     const std::string& what);
// Deletes the oldest salvaged ones above the limit; returns their names.
std::vector<std::string> prune_quarantines(const std::string& directory);

}  // namespace alarmwire::spool
