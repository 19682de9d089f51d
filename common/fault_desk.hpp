// The fault desk of a daemon: faults and their ends become records (of the spool, of the ledger),
// so that they travel like alarms; nothing important lives only in a log.
//
// Promises: what could not be booked (disk full) is kept and tried again, in order; open faults,
// and state faults and ends not booked yet, survive a restart, also a kill; what is booked again
// after one has the same alarm id, so that the ledger has it once. (A kill between an event and its
// record, a few milliseconds, loses the event.) Bounded: pending_max wait at most, then the newest
// is dropped and logged. Thread-safety: report() and event() may be called from any thread; all
// work is done on the io_context's thread, where the rest belongs too.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/fault_book.hpp"

namespace alarmwire {

class FaultDesk {
 public:
  static constexpr std::size_t pending_max = 4096;
  static constexpr std::chrono::seconds retry_after{2};
  static constexpr std::chrono::milliseconds drain_max{1000};

  enum class Booked : std::uint8_t {
    yes,    // durable
    later,  // no room now: asked again
    never,  // refused for good: logged, and the next one goes
  };
  // Books one entry and says what came of it; may answer from any thread.
  using Booker =
      std::function<void(const FaultBook::Entry& entry, std::function<void(Booked)> done)>;

  // `state_file`: where open and unbooked faults are kept over a restart.
  FaultDesk(boost::asio::io_context& context, std::string state_file);

  void open_with(Booker booker);  // what was raised before waits until here
  // Books what waits and what was held back, at most for drain_max, then calls `done`; close() is
  // yet to come.
  void drain(std::function<void()> done);
  void close();  // the booker is not called any more; what is unbooked is in the state file

  // A state fault is raised or ends; an event is booked each time (`over` means nothing to it).
  // `box`: whose fault it is,
  // "" on the box itself. `about`: device and envelope of the mail an event is about.
  void report(std::string box, std::string code, std::string subject, std::string reason,
              bool over);
  void event(std::string box, std::string code, std::string subject, std::string reason,
             Envelope about = {});

  std::vector<FaultBook::Open> open_faults() const { return book_.open(); }
  bool is_open(std::string_view box, std::string_view code, std::string_view subject) const {
    return book_.is_open(box, code, subject);
  }

 private:
  void load();
  void save();
  void add(std::optional<FaultBook::Entry> entry);
  void book_next();
  void on_booked(Booked booked);
  void finish_drain();
  void tick();

  boost::asio::io_context& context_;
  std::string state_file_;
  boost::asio::steady_timer timer_;
  boost::asio::steady_timer drain_timer_;
  FaultBook book_;
  Booker booker_;
  std::deque<FaultBook::Entry> pending_;
  std::function<void()> drained_;
  bool booking_ = false;
  bool file_has_pending_ = false;
  std::shared_ptr<bool> alive_;
};

}  // namespace alarmwire
