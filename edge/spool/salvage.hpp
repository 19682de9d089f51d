// Reads what can be read of a quarantined spool file: its unsettled and parked rows, one after the
// other, past damaged pages.
//
// A row found here is not yet proved: whoever takes it compares its bytes with its hash.
// Thread-safety: one thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "edge/spool/row_reader.hpp"

namespace alarmwire::spool {

inline constexpr std::size_t salvage_probes_max = 256;  // row numbers looked at in one step
inline constexpr std::size_t salvage_misses_max =
    65'536;  // in a row, before the next lane is tried
inline constexpr std::int64_t salvage_lanes_max =
    4096;  // looked through when epochs are unreadable

class Salvage {
 public:
  // `path`: the quarantined spool.db. Fails when not even its first page can be read.
  static Result<std::unique_ptr<Salvage>> open(const std::string& path, const char* vfs);

  struct Found {
    Row row;
    Lane lane = Lane::alarm;
    std::optional<std::string> park_reason;  // it was parked
  };
  // Nothing: this step's probes are used up, or it is_done().
  std::optional<Found> step();
  bool is_done() const { return is_done_; }
  std::uint64_t unreadable() const { return unreadable_; }  // at least so many
  void count_unreadable() { ++unreadable_; }
  void look_again_at(RowId row) {
    position_ = row;
    is_done_ = false;
  }
  RowReader& rows() { return rows_; }

 private:
  struct Cursor {
    std::uint64_t floor = 0;
    std::uint64_t cursor = 1;
  };
  explicit Salvage(sqlite::Database database)
      : database_(std::move(database)), statements_(database_), rows_(database_) {}
  void read_lanes();
  void read_parked();
  void read_last();
  std::optional<Found> probe_range();
  std::optional<Found> probe_point();
  std::optional<Found> take(RowId row, Row found);
  void skip_settled();
  void next_lane();

  sqlite::Database database_;
  Statements statements_;
  RowReader rows_;
  std::map<LaneKey, Cursor> lanes_;
  std::map<RowId, std::string> parked_;
  RowId position_ = 1;
  LaneKey lane_last_ = 0;
  std::size_t misses_ = 0;
  std::uint64_t torn_ = 0;  // failed probes since the tree broke
  std::uint64_t unreadable_ = 0;
  bool is_by_point_ = false;  // the tree is torn here: row numbers are tried one by one
  bool is_done_ = false;
};

}  // namespace alarmwire::spool
