// Opens ledger.db, makes it when it is not there, and knows its layout (docs/format-ledger.md).
//
// Exactly one connection may write and checkpoint: SQLite 3.40 can damage a file in WAL mode when
// two do so at the same instant (sqlite.org/wal.html#walresetbug). The lock file keeps a second
// daemon out; the read-only connections never write, checkpoint or outlive the writer.
#pragma once

#include <memory>
#include <string>

#include "receiver/ledger/ledger.hpp"
#include "receiver/ledger/sqlite_connection.hpp"

namespace alarmwire::ledger {

inline constexpr int schema_version = 2;
inline constexpr std::int64_t page_bytes = 4096;

// Holds ledger.lock for as long as it lives. Errc::busy: another process has it.
class DirectoryLock {
 public:
  static Result<DirectoryLock> take(const std::string& directory);
  DirectoryLock(DirectoryLock&& other) noexcept;
  DirectoryLock& operator=(DirectoryLock&&) = delete;
  ~DirectoryLock();

 private:
  explicit DirectoryLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

std::string database_path(const Config& config);
Result<std::unique_ptr<Connection>> open_writer(const Config& config);
Result<std::unique_ptr<Connection>> open_reader(const Config& config);

// Chunk rows of a body are found by arithmetic: the body's number and the chunk's offset in one
// INTEGER PRIMARY KEY, so that they lie together, in order, without an index of their own.
inline constexpr int chunk_offset_bits = 27;
static_assert(record_bytes_max < (1ull << chunk_offset_bits));
inline std::int64_t chunk_key(std::int64_t body, std::uint64_t offset) {
  return (body << chunk_offset_bits) | static_cast<std::int64_t>(offset);
}

}  // namespace alarmwire::ledger
