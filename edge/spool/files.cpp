#include "edge/spool/files.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>

namespace alarmwire::spool {
namespace {

namespace fs = std::filesystem;

constexpr const char* database_name = "spool.db";
constexpr const char* wal_name = "spool.db-wal";
constexpr int names_tried_max = 1000;

std::string suspect_path(const std::string& directory) {
  return directory + "/spool.suspect";
}
std::string quarantine_root(const std::string& directory) {
  return directory + "/quarantine";
}
std::string salvaged_path(const std::string& directory, const std::string& name) {
  return quarantine_path(directory, name) + "/salvaged";
}

bool exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// Creates the file with `text` in it, synced.
Status write_file(const std::string& path, const std::string& text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return errno_failure(errno, path);
  const bool done = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                    ::fsync(fd) == 0;
  const int why = errno;
  ::close(fd);
  if (!done) return errno_failure(why, path);
  return {};
}

Status move_if_there(const std::string& from, const std::string& to) {
  if (!exists(from)) return {};
  if (::rename(from.c_str(), to.c_str()) != 0) return errno_failure(errno, "moving " + from);
  return {};
}

// "20261124T041500.123Z": sorts by time.
std::string stamp(WallTimeUs now) {
  std::string text = to_rfc3339(now);
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text;
}

Result<std::string> make_quarantine(const std::string& directory, WallTimeUs now) {
  std::error_code why;
  fs::create_directory(quarantine_root(directory), why);
  for (int i = 0; i < names_tried_max; ++i) {
    std::string name = stamp(now);
    if (i > 0) name += "-" + std::to_string(i);
    const std::string path = quarantine_path(directory, name);
    if (::mkdir(path.c_str(), 0700) == 0) return name;
    if (errno != EEXIST) return errno_failure(errno, path);
  }
  return Failure(Errc::exists, "no free name in " + quarantine_root(directory));
}

// The WAL goes first: a database that stands without its WAL would be taken for a whole one, a WAL
// in quarantine without its database says what was going on.
Status move_both(const std::string& directory, const std::string& name) {
  const std::string target = quarantine_path(directory, name);
  Status done = move_if_there(directory + "/" + wal_name, target + "/" + wal_name);
  if (done.has_value())
    done = move_if_there(directory + "/" + database_name, target + "/" + database_name);
  if (done.has_value()) done = sync_directory(target);
  if (done.has_value()) done = sync_directory(quarantine_root(directory));
  if (done.has_value()) done = sync_directory(directory);
  return done;
}

}  // namespace

Result<std::unique_ptr<DirectoryLock>> DirectoryLock::take(const std::string& directory) {
  const std::string path = directory + "/spool.lock";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return errno_failure(errno, path);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const int why = errno;
    ::close(fd);
    if (why == EWOULDBLOCK)
      return Failure(Errc::busy, directory + ": another process has the spool open");
    return errno_failure(why, "locking " + path);
  }
  return std::unique_ptr<DirectoryLock>(new DirectoryLock(fd));
}

DirectoryLock::~DirectoryLock() {
  ::close(fd_);
}

std::string database_path(const std::string& directory) {
  return directory + "/" + database_name;
}

Status sync_directory(const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno_failure(errno, directory);
  const int result = ::fsync(fd);
  const int why = errno;
  ::close(fd);
  if (result != 0) return errno_failure(why, "syncing " + directory);
  return {};
}

Status make_private(const std::string& path) {
  if (::chmod(path.c_str(), 0600) != 0) return errno_failure(errno, "chmod " + path);
  return {};
}

std::uint64_t disk_free_bytes(const std::string& directory) {
  struct statvfs info {};
  if (::statvfs(directory.c_str(), &info) != 0) return 0;
  return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
}

void mark_suspect(const std::string& directory) {
  // Without it the damage may pass the next start's quick check, and be met again: no worse.
  static_cast<void>(write_file(suspect_path(directory), "damage was met at run time\n"));
}

bool is_suspect(const std::string& directory) {
  return exists(suspect_path(directory));
}

Result<std::string> quarantine(const std::string& directory, WallTimeUs now) {
  Result<std::string> name = make_quarantine(directory, now);
  if (name.has_error()) return name;
  const Status moved = move_both(directory, *name);
  if (moved.has_error()) {
    ::rmdir(quarantine_path(directory, *name).c_str());  // if nothing was moved
    return moved.error();
  }
  std::error_code ignored;
  fs::remove(suspect_path(directory), ignored);
  return name;
}

Status finish_interrupted_quarantine(const std::string& directory) {
  for (const std::string& name : quarantines(directory)) {
    const std::string path = quarantine_path(directory, name);
    const bool has_wal = exists(path + "/" + wal_name);
    if (has_wal && !exists(path + "/" + database_name)) return move_both(directory, name);
  }
  return {};
}

std::string quarantine_path(const std::string& directory, const std::string& name) {
  return quarantine_root(directory) + "/" + name;
}

std::vector<std::string> quarantines(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code why;
  for (const fs::directory_entry& entry : fs::directory_iterator(quarantine_root(directory), why)) {
    std::error_code ignored;
    if (entry.is_directory(ignored)) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool is_salvaged(const std::string& directory, const std::string& name) {
  return exists(salvaged_path(directory, name));
}

Status mark_salvaged(const std::string& directory, const std::string& name,
                     const std::string& what) {
  return write_file(salvaged_path(directory, name), what + "\n");
}

std::vector<std::string> prune_quarantines(const std::string& directory) {
  std::vector<std::string> salvaged;
  for (const std::string& name : quarantines(directory))
    if (is_salvaged(directory, name)) salvaged.push_back(name);
  std::vector<std::string> pruned;
  for (std::size_t i = 0; i + quarantines_kept_max < salvaged.size(); ++i) {
    std::error_code why;
    fs::remove_all(quarantine_path(directory, salvaged[i]), why);
    if (!why) pruned.push_back(salvaged[i]);
  }
  return pruned;
}

}  // namespace alarmwire::spool
