// The model behind powercut::Disk: files with what is durable and what is not. Private to this
// library. Thread-safety: the caller holds `mutex`.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

namespace powercut {

inline constexpr int shm_lock_count = 8;  // SQLITE_SHM_NLOCK

struct Change {  // one unsynced write, or a truncation
  std::uint64_t offset = 0;
  std::string bytes;
  bool is_truncate = false;  // to `offset`
};

struct Shm {
  std::vector<std::unique_ptr<char[]>> regions;
  std::array<int, shm_lock_count> holders{};  // > 0: shared by so many; -1: exclusive
};

struct File {
  std::string path;
  std::string durable;  // equal to the real file
  std::string current;  // what a reader sees
  std::vector<Change> pending;
  bool is_created_unsynced = false;
  bool is_deleted = false;  // the name is gone; a handle may still be open
  int shared = 0;           // holders of SQLite's file locks
  int reserved = 0;
  bool is_exclusive = false;
  Shm shm;
};
using FilePtr = std::shared_ptr<File>;

enum class Verdict { go_on, fail, dead };

struct Model {
  std::string name;
  std::mutex mutex;
  std::mt19937_64 random;
  std::map<std::string, FilePtr> files;
  std::vector<FilePtr> deleted_unsynced;
  std::uint64_t generation = 0;  // handles of an older one are dead
  bool is_cut = false;
  bool is_no_space = false;
  bool has_failed = false;
  std::uint64_t cut_at = 0;  // counts down; 0: off
  std::uint64_t fail_at = 0;
  std::uint64_t fail_sync_at = 0;
  std::uint64_t calls = 0;
  std::uint64_t changing_calls = 0;
  std::uint64_t syncs = 0;

  enum class Kind { reading, changing, syncing };
  Verdict count(Kind kind);

  FilePtr find(const std::string& path);  // loads a real file; null: there is none
  FilePtr create(const std::string& path);
  void write(File& file, std::uint64_t offset, std::string bytes);
  void truncate(File& file, std::uint64_t size);
  void sync(File& file, bool with_directory);
  void lose(File& file);  // the sync failed: no later one writes what was pending
  void remove(const std::string& path, bool with_directory);
  void rename(const std::string& from, const std::string& to);
  void sync_directory(const std::string& directory);
  void cut();
  void restart();

 private:
  void settle(File& file);
  bool chance(double probability);
};

std::string directory_of(const std::string& path);

}  // namespace powercut
