// Streams in: stands between the boxes' gRPC streams and the ledger.
//
// Comes in: streams from LinkServer; who speaks is known from the peer's tunnel address. Goes out:
// records to the ledger, Settled and receipts to the boxes, who is connected to the Observer.
// Promises: a box hears Settled only after the ledger's commit. The newest stream of a box wins,
// and starts only when nothing of the older one is on its way into the ledger. A ledger that is
// busy or full loses nothing: its answers are held back (and with them the box's credit) and the
// box is asked again, with growing pauses. No box can delay another: each has its own credit, and
// the ledger goes round the boxes.
//
// Bounded: of one box at most bytes_in_flight_per_box_max are in memory between credit and commit.
//
// Thread-safety: every function but stop() and the destructor may be called from any thread; these
// two on the context's thread, or when nothing runs it. All sessions and the Observer
// run on `context`, which one thread must run, and which must outlive the ledger's callbacks.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/error.hpp"
#include "common/ids.hpp"
#include "grpc/link/session.hpp"
#include "grpc/server/link_server.hpp"
#include "receiver/ledger/ledger.hpp"

namespace alarmwire::ingest {

inline constexpr std::uint32_t credit_records_per_lane = 128;
inline constexpr std::uint64_t credit_bytes_urgent = 512 * 1024;  // lanes 0 and 1
// Lanes 2 and 3: all that can lie on a slow line ahead of a live alarm (1 s at 1 Mbit/s).
inline constexpr std::uint64_t credit_bytes_backlog = 128 * 1024;
inline constexpr std::uint64_t bytes_in_flight_per_box_max =
    2 * credit_bytes_urgent + 2 * credit_bytes_backlog;
// The pause before a box is asked again: busy passes quickly, full may last.
inline constexpr std::chrono::milliseconds busy_pause{50};
inline constexpr std::chrono::milliseconds full_pause_min{250};
inline constexpr std::chrono::milliseconds full_pause_max{8000};
inline constexpr std::chrono::milliseconds drain_max{2500};
inline constexpr std::chrono::milliseconds drain_settle{200};  // for the last Settled to go out
inline constexpr std::size_t boxes_max = 20'000;
inline constexpr std::size_t unwelcomed_per_box_max = 4;  // streams; then the oldest is ended

struct Config {
  std::string software;  // "alarmwire 0.1.0"
  std::chrono::milliseconds beat_interval{5000};
  std::uint64_t record_bytes_max = ledger::record_bytes_max;
};

// The live state of one box, as status and fleet show it. Counters are since the receiver's start.
struct BoxStatus {
  BoxId box;
  bool connected = false;
  WallTimeUs since_us = 0;  // connected, or not, since then; 0: not seen since the start
  std::uint64_t session = 0;
  std::uint64_t sessions = 0;  // how many there were
  std::string peer_address;
  std::string software;
  std::string down_reason;
  WallTimeUs last_heard_us = 0;
  std::optional<link::ClockReading> clock;
  std::uint64_t stored = 0;
  std::uint64_t duplicates = 0;  // also alarms known under another identity
  std::uint64_t conflicts = 0;
  std::uint64_t refused = 0;  // tombstones
  std::uint64_t held = 0;     // answers held back because the ledger was busy or full
  WallTimeUs last_stored_us = 0;
  WallTimeUs last_acknowledged_us = 0;  // end to end: anything of the box, a canary too
  // What the box says of itself:
  std::uint64_t waiting_records = 0;
  WallTimeUs oldest_waiting_us = 0;  // box's clock; 0: nothing waits
  std::uint64_t spool_used_bytes = 0;
  std::uint64_t spool_quota_bytes = 0;
};

// Called on the context's thread.
class Observer {
 public:
  virtual ~Observer() = default;
  // Also when a newer stream took the place of an older one; then no on_box_down() came between.
  virtual void on_box_up(const BoxStatus& status) = 0;
  virtual void on_box_down(const BoxId& box, const std::string& reason, WallTimeUs time_us) = 0;
  virtual void on_heard(const BoxId& box) = 0;  // at least every beat interval while connected
  // The answer to order_key().
  virtual void on_key_news(const BoxId& box, const link::KeyNews& news) = 0;
  // A state that begins and ends: "box-cloned".
  virtual void on_fault(const BoxId& box, const std::string& code, const std::string& subject,
                        const std::string& reason, bool over) = 0;
};

class Ingest {
 public:
  // Whose tunnel address is this? Called on the context's thread, once per stream.
  using BoxOf = std::function<std::optional<BoxId>(const std::string& peer_address)>;

  Ingest(boost::asio::io_context& context, Config config, ledger::Ledger& ledger, BoxOf box_of,
         Observer& observer);
  ~Ingest();  // as stop()
  Ingest(const Ingest&) = delete;
  Ingest& operator=(const Ingest&) = delete;

  // Starts the gRPC server on server.listen_fd.
  Status listen(const link::LinkServerConfig& server);
  // What the server calls for each stream (and tests, without a server).
  std::shared_ptr<link::StreamHandler> on_open(const std::string& peer_address,
                                               std::uint64_t stream_id,
                                               std::shared_ptr<link::LinkStream> stream);

  // Tells the box of a later stage of its alarm, if it is connected. Informational.
  void receipt(const BoxId& box, const AlarmId& id, const ledger::StageMark& mark);
  // To the stream of the box that is up, if any: it shall change its key; the key it told is let
  // in.
  void order_key(const BoxId& box, const std::string& order);
  void key_taken(const BoxId& box, const std::string& order);
  // This tunnel address lost its right to be here: its streams end with PERMISSION_DENIED.
  void disconnect(const std::string& peer_address, const std::string& reason);
  // Every box that has connected since the start, by name.
  std::vector<BoxStatus> status() const;
  std::optional<BoxStatus> status(const BoxId& box) const;

  // Tells all boxes to come back after `retry_after`, waits until nothing is in flight, closes the
  // streams; at most drain_max, then calls `done` on the context's thread.
  void drain(std::chrono::milliseconds retry_after, const std::string& reason,
             std::function<void()> done);
  // Stops the server. Blocks up to a second; nothing is called back afterwards.
  void stop();

 private:
  class Hub;
  std::shared_ptr<Hub> hub_;
  std::unique_ptr<link::LinkServer> server_;
};

}  // namespace alarmwire::ingest
