// Writes to the ledger what became of each record, and keeps at it while the ledger is busy.
//
// Only lasting notes are kept at: after one no newer note of its record comes before it is durable,
// so that nothing old ever overwrites what is newer.
//
// Lives on as long as one of the ledger's callbacks may still come (shared_ptr), also after the
// outlet is gone. Thread-safety: any thread; on_durable runs on the ledger's writer thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "receiver/ledger/ledger.hpp"

namespace alarmwire::outlets {

struct Note {
  BoxId box;
  AlarmId id;
  std::optional<ledger::StageMark> mark;  // written first: a crash in between repeats it
  std::optional<ledger::HandOver> hand_over;
  bool lasting = false;
};

class NoteKeeper : public std::enable_shared_from_this<NoteKeeper> {
 public:
  using OnDurable = std::function<void(const BoxId& box, Lane lane)>;

  NoteKeeper(ledger::Ledger& ledger, std::string outlet) : ledger_(ledger), outlet_(outlet) {}

  // `on_durable`: a lasting state is written; `on_delayed`: write_delayed() is due soon. Neither
  // may call back in here. nullptr detaches.
  void set_callbacks(OnDurable on_durable, std::function<void()> on_delayed);
  void write(Note note);
  void write_delayed();
  // Until all is durable; false on time-out.
  bool wait_idle(std::chrono::milliseconds most);

 private:
  void write_mark(const Note& note);
  void write_hand_over(const Note& note);
  void settled(Note part, const Failure* failure);

  ledger::Ledger& ledger_;
  const std::string outlet_;
  mutable std::mutex mutex_;
  std::condition_variable idle_;
  OnDurable on_durable_;
  std::function<void()> on_delayed_;
  std::deque<Note> delayed_;  // at most lane_unnoted_max a lane
  std::size_t open_ = 0;
};

}  // namespace alarmwire::outlets
