// A disk that forgets: a SQLite VFS for power-cut tests of the real spool and the real ledger.
//
// What was written and not yet synced is kept apart in memory; the real file holds only what a
// sync has made durable. cut_power() (or the point set by cut_after_calls()) keeps a random subset
// of the unsynced writes, torn at 512 bytes, and a random subset of unsynced creations and
// deletions of files; from then on every call on old handles fails. restart() brings the machine
// back: open the files again and look.
//
// It also knows: the n-th call fails once (fail_call), no space from now on (set_no_space). After a
// failed sync the written pages are lost to later syncs, as on Linux. Directory syncs are seen,
// because this library puts its own fsync(2) and rename(2) into the test program; a rename counts
// as durable at once.
//
//   powercut::Disk disk("spool-cut", seed);
//   config.vfs = disk.name();
//   disk.cut_after_calls(17);  …run…  disk.restart();  …open again, compare…
//
// Thread-safety: every function may be called from any thread. A Disk must outlive the SQLite
// handles opened on it. Works on small files: each is held in memory whole.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace powercut {

inline constexpr std::size_t sector_bytes = 512;

struct Model;  // the files, and what is not synced of them

class Disk {
 public:
  // Registers a VFS under `name`, which must be unique in the process.
  Disk(const std::string& name, std::uint64_t seed);
  ~Disk();
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  const char* name() const;

  void cut_power();  // now
  // The power goes in the n-th changing call (write, truncate, sync, create, delete) from here,
  // n >= 1; 0: not at all.
  void cut_after_calls(std::uint64_t n);
  bool is_cut() const;
  void restart();  // cuts first, if that has not happened; the modes below are switched off

  // The n-th call of any kind from here (also open, read, lock) fails once with an I/O error; 0:
  // none.
  void fail_call(std::uint64_t n);
  // Once per armed fail_call(): did it happen?
  bool has_failed() const;
  // As fail_call(), counting only syncs.
  void fail_sync(std::uint64_t n);
  void set_no_space(bool no_space);  // writes that make a file longer say SQLITE_FULL

  std::uint64_t calls() const;           // since the start or restart()
  std::uint64_t changing_calls() const;  // of these: write, truncate, sync, create, delete
  std::uint64_t syncs() const;           // of these: syncs of files

 private:
  std::shared_ptr<Model> model_;
};

}  // namespace powercut
