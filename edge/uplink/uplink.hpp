// The messenger: carries what the spool holds to the centre, and brings back what was settled.
//
// A thin driver: link::BoxSession decides, link::LinkClient moves frames, spool::Spool holds the
// records. It never gives up: a broken stream is taken up again after 100 ms … 2 s.
//
// Thread-safety: the io_context's one thread; the spool's and gRPC's callbacks are posted there.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "edge/spool/spool.hpp"
#include "edge/uplink/acknowledger.hpp"
#include "edge/uplink/stage_book.hpp"
#include "edge/uplink/stored_waiters.hpp"
#include "grpc/client/link_client.hpp"
#include "grpc/link/box_session.hpp"

namespace alarmwire::uplink {

struct Config {
  link::LinkClientConfig centre;
  std::string software;
  std::string ledger_id_file;  // the ledger last spoken to, over a restart
};

struct LinkStatus {
  enum class State : std::uint8_t { down, connecting, up };
  State state = State::down;
  WallTimeUs since_us = 0;
  std::uint64_t session = 0;
  std::string centre_software;
  std::string ledger_id;  // hex
  std::optional<link::ClockReading> clock;
  WallTimeUs last_settled_us = 0;  // box's clock
  std::string last_error;
  std::uint64_t reconnects = 0;
  std::uint64_t settled_records = 0;
  std::size_t in_flight = 0;
};

struct Callbacks {
  std::function<void(bool up, const std::string& reason)> on_link;
  // A fault of this box (codes as in common/fault_book.hpp).
  std::function<void(const std::string& code, const std::string& subject,
                     const std::string& reason)>
      on_fault;
  // The centre said Welcome, and where it sees us.
  std::function<void(const std::string& own_address)> on_welcome;
  // It wants our key changed; answered by say_key().
  std::function<void(const std::string& order)> on_key_order;
  std::function<void(const std::string& order)> on_key_taken;
};

inline constexpr std::chrono::milliseconds hurry_gap{2000};
inline constexpr std::chrono::milliseconds dialling_is_young{500};

class Uplink final : public Acknowledger, private link::ClientHandler {
 public:
  Uplink(boost::asio::io_context& context, spool::Spool& spool, Config config, Callbacks callbacks);
  ~Uplink() override;

  void start() { start(config_.centre); }
  // Where the centre is known only later. Until then nothing goes out, and nobody waits.
  void start(const link::LinkClientConfig& centre);
  // Says Bye and closes; nobody waits any more. The spool may be closed after it.
  void stop();

  void on_record(const RecordKey& key);  // a record became durable
  bool is_up() const override;
  void wait_stored(const RecordKey& key, std::chrono::milliseconds ack_wait,
                   std::function<void(bool stored)> done) override;

  // The path is back (a new handshake): dial at once. A dialling that began on the dead path is
  // given up, since TCP would try again only after seconds; at most once in hurry_gap.
  void hurry();
  void say_key(const link::KeyNews& news);  // on the stream there is now, if any
  // Our address in the tunnel is another now: the stream is dropped without a Bye, and dialled anew
  // at once.
  void redial(const std::string& why);
  // Devices that wait for `stored` hear `spooled` now, and nobody waits from here on: before a
  // stop.
  void release_waiters();

  LinkStatus status() const;
  std::vector<StageNote> stages_of(const AlarmId& id) const { return stages_.of(id); }

 private:
  void on_frame(std::uint64_t attempt, link::v1::CentreFrame frame) override;
  void on_write_done(std::uint64_t attempt) override;
  void on_closed(std::uint64_t attempt, const std::string& reason) override;

  void connect();
  void begin_session(const std::vector<spool::LaneRange>& ranges);
  void pump();
  void perform(link::box_action::Write& action);
  void perform(link::box_action::Fetch& action);
  void perform(link::box_action::FetchBody& action);
  void perform(link::box_action::Verify& action);
  void perform(link::box_action::Up& action);
  void perform(link::box_action::Sent& action);
  void perform(link::box_action::Settled& action);
  void perform(link::box_action::Park& action);
  void perform(link::box_action::Reenter& action);
  void perform(link::box_action::Fault& action);
  void perform(link::box_action::Received& action);
  void perform(link::box_action::KeyOrdered& action);
  void perform(link::box_action::KeyTaken& action);
  void perform(link::box_action::Close& action);
  void end_session(const std::string& reason, std::chrono::milliseconds retry_after);
  void report();
  void arm();
  void arm_waiters(SteadyTime deadline);
  // Runs `call` on our thread, unless the attempt it belongs to is gone by then.
  template <typename Call>
  void post(std::uint64_t attempt, Call call);
  // A callback for the spool that does the same with the answer. The spool may call it when this
  // object is gone: on the spool's thread it touches nothing of ours.
  template <typename T, typename Call>
  spool::Spool::Callback<T> answer(Call call);

  boost::asio::io_context& context_;
  spool::Spool& spool_;
  const Config config_;
  Callbacks callbacks_;
  boost::asio::steady_timer session_timer_;
  boost::asio::steady_timer waiters_timer_;
  boost::asio::steady_timer reconnect_timer_;
  SteadyTime session_armed_ = SteadyTime::max();
  SteadyTime waiters_armed_ = SteadyTime::max();
  link::ReconnectDelay delay_;
  StoredWaiters waiters_;
  StageBook stages_;
  LinkStatus status_;
  std::string ledger_id_;
  SteadyTime dialled_at_{};
  SteadyTime hurried_at_{};
  bool nobody_waits_ = false;
  std::uint64_t attempt_ = 0;  // the one under way; 0: none
  std::unique_ptr<link::BoxSession> session_;
  std::vector<RecordKey> early_records_;  // became durable while the ranges were asked for
  bool pumping_ = false;
  bool stopped_ = false;
  std::shared_ptr<bool> alive_;               // read and written on our thread only
  std::unique_ptr<link::LinkClient> client_;  // last: its end waits for its callbacks
};

}  // namespace alarmwire::uplink
