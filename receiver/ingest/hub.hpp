// All streams of all boxes: who is the newest of each, who waits for whom, what the world sees.
// Thread-safety: lives on its context; status() and post-only calls from any thread.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "common/log.hpp"
#include "receiver/ingest/flap_watch.hpp"
#include "receiver/ingest/ingest.hpp"
#include "receiver/ingest/messages.hpp"
#include "receiver/ingest/owed_receipts.hpp"
#include "receiver/ingest/stream.hpp"

namespace alarmwire::ingest {

// One box, from its first stream on.
struct BoxState {
  BoxStatus status;                 // written under the hub's mutex
  std::shared_ptr<Stream> current;  // the newest that said a good Hello
  bool loading = false;             // current waits for older writes to end
  std::size_t writes_in_flight = 0;
  FlapWatch flaps;
  std::deque<std::weak_ptr<Stream>> unwelcomed;  // the latest, oldest first; some may be up by now
};

class Ingest::Hub : public StreamHome, public std::enable_shared_from_this<Ingest::Hub> {
 public:
  Hub(boost::asio::io_context& context, Config config, ledger::Ledger& ledger, BoxOf box_of,
      Observer& observer);

  // From any thread:
  std::shared_ptr<link::StreamHandler> on_open(const std::string& peer_address,
                                               std::shared_ptr<link::LinkStream> stream);
  std::vector<BoxStatus> status() const;
  std::optional<BoxStatus> status(const BoxId& box) const;

  // On the context:
  void start();
  std::shared_ptr<Stream> open(const std::string& peer_address,
                               std::shared_ptr<link::LinkStream> link);
  void receipt(const BoxId& box, link::Receipt receipt);
  void order_key(const BoxId& box, const std::string& order);
  void key_taken(const BoxId& box, const std::string& order);
  void disconnect(const std::string& peer_address, const std::string& reason);
  void drain(std::chrono::milliseconds retry_after, const std::string& reason,
             std::function<void()> done);
  void stop();

  // StreamHome:
  boost::asio::io_context& context() override { return context_; }
  ledger::Ledger& ledger() override { return ledger_; }
  void wants_state(Stream& stream) override;
  void went_up(Stream& stream, const link::centre_action::Up& up) override;
  void heard(Stream& stream, const link::BoxReport& report) override;
  void ended(Stream& stream, const std::string& reason) override;
  void write_begun(BoxState& box) override;
  void write_ended(BoxState& box) override;
  void was_stored(BoxState& box, const ledger::StoreResult& result) override;
  void was_tombstoned(BoxState& box, const link::centre_action::Tombstone& tombstone) override;
  void was_held(BoxState& box, const std::string& why) override;
  void told_key(BoxState& box, const link::KeyNews& news) override;

 private:
  std::shared_ptr<Stream> stream_of(const BoxId& box) const;
  std::shared_ptr<BoxState> box_state(const BoxId& box);
  link::CentreConfig session_config() const;
  void bound_unwelcomed(BoxState& box, const std::shared_ptr<Stream>& newest);
  void load_when_clear(BoxState& box);
  void count_fence(BoxState& box);
  void tick();
  void check_drained();
  void finish_drain();
  template <typename F>
  void update(BoxState& box, F&& change);

  boost::asio::io_context& context_;
  const Config config_;
  ledger::Ledger& ledger_;
  const BoxOf box_of_;
  Observer& observer_;

  mutable std::mutex mutex_;  // for the map's shape and every BoxState::status
  std::map<BoxId, std::shared_ptr<BoxState>> boxes_;
  std::set<std::shared_ptr<Stream>> streams_;
  OwedReceipts owed_;
  std::uint64_t last_session_ = 0;
  boost::asio::steady_timer tick_timer_;
  boost::asio::steady_timer drain_timer_;
  std::function<void()> drained_;
  bool draining_ = false;
  bool settling_ = false;  // nothing in flight any more; the last words go out
  bool stopped_ = false;
};

}  // namespace alarmwire::ingest
