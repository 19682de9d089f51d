// A reserve for the day the disk is full: a file that only takes up room. Letting go of it gives
// SQLite what it needs to settle, evict and shrink, so that a spool whose records have left gets
// out of "full" by itself, whoever filled the disk.
//
// The file says over a restart what was: whole, or let go and not had back yet (short). That it
// cannot be made is no error: the spool then lives without a reserve.
// Thread-safety: one thread. Source: posix_fallocate(3).
#pragma once

#include <cstdint>
#include <string>

namespace alarmwire::spool {

// What the longest WAL (4 MiB) and its checkpoint can take.
inline constexpr std::uint64_t ballast_bytes = 8ull << 20;

class Ballast {
 public:
  explicit Ballast(const std::string& directory);

  bool is_held() const { return state_ == State::held; }
  bool is_let_go() const { return state_ == State::let_go; }
  // Takes the room if the disk has it, with `spare_bytes` left over. True: held now.
  bool take(std::uint64_t spare_bytes);
  // True: there is more room on the disk now.
  bool let_go();

 private:
  enum class State : std::uint8_t { none, held, let_go };
  bool allocate() const;

  std::string directory_;
  std::string path_;
  State state_ = State::none;
};

}  // namespace alarmwire::spool
