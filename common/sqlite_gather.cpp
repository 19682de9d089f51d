// The VFS behind gather_wal_writes(). SQLite writes a WAL's frame in two calls, 24 bytes and a
// page: a picture of 100 KiB is some 50 system calls before its sync. Here they are two.
#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <utility>

#include "common/sqlite.hpp"

namespace alarmwire::sqlite {
namespace {

// SQLite's own VFS takes less than 128 KiB in one write.
constexpr std::size_t gathered_bytes_max = 64 * 1024;

// A database's file or its WAL's. SQLite allocates this and, behind it, the file of the VFS below.
struct GatheredFile {
  sqlite3_file base;
  GatheredFile* partner;  // of a database its WAL, if open; of a WAL its database
  std::string* bytes;     // of a WAL: what was written behind `offset` and is not in the file yet
  sqlite3_int64 offset;

  static GatheredFile& of(sqlite3_file* file) { return *reinterpret_cast<GatheredFile*>(file); }
  sqlite3_file* below() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  const sqlite3_io_methods& methods() { return *below()->pMethods; }

  // What could not be written is kept for the next try: a later sync must not succeed without it.
  int flush() {
    if (bytes == nullptr || bytes->empty()) return SQLITE_OK;
    const int code =
        methods().xWrite(below(), bytes->data(), static_cast<int>(bytes->size()), offset);
    if (code == SQLITE_OK) bytes->clear();
    return code;
  }
};

int close_file(sqlite3_file* file) {
  GatheredFile& self = GatheredFile::of(file);
  const int flushed = self.flush();
  delete self.bytes;
  if (self.partner != nullptr) self.partner->partner = nullptr;
  const int closed = self.methods().xClose(self.below());
  return flushed != SQLITE_OK ? flushed : closed;
}

int write_wal(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  GatheredFile& self = GatheredFile::of(file);
  const auto end = self.offset + static_cast<sqlite3_int64>(self.bytes->size());
  const bool goes_on = !self.bytes->empty() && offset == end &&
                       self.bytes->size() + static_cast<std::size_t>(size) <= gathered_bytes_max;
  if (!goes_on) {
    if (const int code = self.flush(); code != SQLITE_OK) return code;
    self.offset = offset;
  }
  try {
    self.bytes->append(static_cast<const char*>(data), static_cast<std::size_t>(size));
  } catch (const std::bad_alloc&) {
    return SQLITE_NOMEM;
  }
  return SQLITE_OK;
}

// Frames that are in the file can be read while the disk has no room for those that are not.
int read_wal(sqlite3_file* file, void* data, int size, sqlite3_int64 offset) {
  GatheredFile& self = GatheredFile::of(file);
  if (offset + size > self.offset) {
    if (const int code = self.flush(); code != SQLITE_OK) return code;
  }
  return self.methods().xRead(self.below(), data, size, offset);
}

// A writer calls this before it lets other connections know of new frames.
void before_others_see(sqlite3_file* file) {
  GatheredFile& self = GatheredFile::of(file);
  if (self.partner != nullptr) self.partner->flush();  // what fails is tried and told again
  self.methods().xShmBarrier(self.below());
}

// Every other call sees the file as if each write had been done at once.
template <auto Method, typename... Arguments>
int after_flush(sqlite3_file* file, Arguments... arguments) {
  GatheredFile& self = GatheredFile::of(file);
  if (const int code = self.flush(); code != SQLITE_OK) return code;
  return (self.methods().*Method)(self.below(), arguments...);
}

int sector_size(sqlite3_file* file) {
  GatheredFile& self = GatheredFile::of(file);
  return self.methods().xSectorSize(self.below());
}
int device_characteristics(sqlite3_file* file) {
  GatheredFile& self = GatheredFile::of(file);
  return self.methods().xDeviceCharacteristics(self.below());
}

using Methods = sqlite3_io_methods;

Methods methods_of(bool is_wal) {
  Methods m{};
  m.iVersion = is_wal ? 1 : 2;
  m.xClose = close_file;
  m.xRead = is_wal ? read_wal : after_flush<&Methods::xRead, void*, int, sqlite3_int64>;
  m.xWrite = is_wal ? write_wal : after_flush<&Methods::xWrite, const void*, int, sqlite3_int64>;
  m.xTruncate = after_flush<&Methods::xTruncate, sqlite3_int64>;
  m.xSync = after_flush<&Methods::xSync, int>;
  m.xFileSize = after_flush<&Methods::xFileSize, sqlite3_int64*>;
  m.xLock = after_flush<&Methods::xLock, int>;
  m.xUnlock = after_flush<&Methods::xUnlock, int>;
  m.xCheckReservedLock = after_flush<&Methods::xCheckReservedLock, int*>;
  m.xFileControl = after_flush<&Methods::xFileControl, int, void*>;
  m.xSectorSize = sector_size;
  m.xDeviceCharacteristics = device_characteristics;
  m.xShmMap = after_flush<&Methods::xShmMap, int, int, int, void volatile**>;
  m.xShmLock = after_flush<&Methods::xShmLock, int, int, int>;
  m.xShmBarrier = before_others_see;
  m.xShmUnmap = after_flush<&Methods::xShmUnmap, int>;
  return m;
}

struct GatheringVfs {
  sqlite3_vfs base;
  sqlite3_vfs* below;
  std::string name;

  static sqlite3_vfs* below_of(sqlite3_vfs* vfs) {
    return reinterpret_cast<GatheringVfs*>(vfs)->below;
  }
};

template <auto Method, typename Answer, typename... Arguments>
Answer pass_on(sqlite3_vfs* vfs, Arguments... arguments) {
  sqlite3_vfs* const below = GatheringVfs::below_of(vfs);
  return (below->*Method)(below, arguments...);
}

// Other files than a database and its WAL are opened as if this VFS were not there.
int open_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  static const Methods database_methods = methods_of(false);
  static const Methods wal_methods = methods_of(true);
  sqlite3_vfs* const below = GatheringVfs::below_of(vfs);
  const bool is_wal = (flags & SQLITE_OPEN_WAL) != 0;
  if (!is_wal && (flags & SQLITE_OPEN_MAIN_DB) == 0)
    return below->xOpen(below, name, file, flags, out_flags);
  GatheredFile& self = GatheredFile::of(file);
  self = {};
  std::unique_ptr<std::string> bytes(is_wal ? new (std::nothrow) std::string : nullptr);
  if (is_wal && !bytes) return SQLITE_NOMEM;
  const int code = below->xOpen(below, name, self.below(), flags, out_flags);
  if (code != SQLITE_OK) {
    if (self.below()->pMethods != nullptr) self.methods().xClose(self.below());
    return code;
  }
  self.bytes = bytes.release();
  if (is_wal) {
    self.partner = &GatheredFile::of(sqlite3_database_file_object(name));
    self.partner->partner = &self;
  }
  self.base.pMethods = is_wal ? &wal_methods : &database_methods;
  return SQLITE_OK;
}

std::unique_ptr<GatheringVfs> make_vfs(sqlite3_vfs* below) {
  using V = sqlite3_vfs;
  auto made = std::make_unique<GatheringVfs>();
  made->below = below;
  made->name = std::string("gathering ") + below->zName;
  V& vfs = made->base;
  vfs = {};
  vfs.iVersion = std::min(below->iVersion, 2);
  vfs.szOsFile = static_cast<int>(sizeof(GatheredFile)) + below->szOsFile;
  vfs.mxPathname = below->mxPathname;
  vfs.zName = made->name.c_str();
  vfs.xOpen = open_file;
  vfs.xDelete = pass_on<&V::xDelete, int, const char*, int>;
  vfs.xAccess = pass_on<&V::xAccess, int, const char*, int, int*>;
  vfs.xFullPathname = pass_on<&V::xFullPathname, int, const char*, int, char*>;
  vfs.xRandomness = pass_on<&V::xRandomness, int, int, char*>;
  vfs.xSleep = pass_on<&V::xSleep, int, int>;
  vfs.xCurrentTime = pass_on<&V::xCurrentTime, int, double*>;
  vfs.xGetLastError = pass_on<&V::xGetLastError, int, int, char*>;
  if (vfs.iVersion >= 2)
    vfs.xCurrentTimeInt64 = pass_on<&V::xCurrentTimeInt64, int, sqlite3_int64*>;
  return made;
}

}  // namespace

const char* gather_wal_writes(const char* below_name) {
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<GatheringVfs>> made;
  const std::lock_guard lock(mutex);
  sqlite3_vfs* const below = sqlite3_vfs_find(below_name);
  if (below == nullptr) return below_name;
  std::unique_ptr<GatheringVfs>& one = made[below->zName];
  if (one && one->below == below) return one->name.c_str();
  if (one) sqlite3_vfs_unregister(&one->base);  // a test's VFS came again under its name
  one = make_vfs(below);
  sqlite3_vfs_register(&one->base, 0);
  return one->name.c_str();
}

}  // namespace alarmwire::sqlite
