// One box's stream at the centre: feeds a link::CentreSession with what happens, and performs what
// it asks for, on the gRPC stream and on the ledger.
//
// Thread-safety: lives on the hub's context.
#pragma once

#include <array>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <vector>

#include "grpc/link/centre_session.hpp"
#include "grpc/server/link_server.hpp"
#include "receiver/ingest/hold.hpp"
#include "receiver/ingest/ingest.hpp"

namespace alarmwire::ingest {

struct BoxState;

// What a stream tells the hub, which knows all streams.
class StreamHome {
 public:
  virtual ~StreamHome() = default;
  virtual boost::asio::io_context& context() = 0;
  virtual ledger::Ledger& ledger() = 0;
  // Fence the older stream; call load_state() when nothing of it is on its way to the ledger.
  virtual void wants_state(class Stream& stream) = 0;
  virtual void went_up(Stream& stream, const link::centre_action::Up& up) = 0;
  virtual void heard(Stream& stream, const link::BoxReport& report) = 0;
  virtual void ended(Stream& stream, const std::string& reason) = 0;
  virtual void write_begun(BoxState& box) = 0;
  virtual void write_ended(BoxState& box) = 0;
  virtual void was_stored(BoxState& box, const ledger::StoreResult& result) = 0;
  virtual void was_tombstoned(BoxState& box, const link::centre_action::Tombstone& tombstone) = 0;
  virtual void was_held(BoxState& box, const std::string& why) = 0;
  virtual void told_key(BoxState& box, const link::KeyNews& news) = 0;
};

class Stream : public std::enable_shared_from_this<Stream> {
 public:
  Stream(std::shared_ptr<StreamHome> home, std::shared_ptr<BoxState> box, std::string peer_address,
         std::shared_ptr<link::LinkStream> link, const link::CentreConfig& config);

  void on_frame(link::v1::BoxFrame frame);
  void on_write_done();
  void on_closed(const std::string& reason);  // the gRPC stream is over

  void load_state(std::uint64_t session);
  void fence();
  void receipt(link::Receipt receipt);
  void order_key(const std::string& order);
  void key_taken(const std::string& order);
  std::vector<link::Receipt> take_unheard() { return session_.take_unheard(); }
  void drain(std::chrono::milliseconds retry_after, const std::string& reason);
  void close(link::CloseCode code, const std::string& reason);
  void pump();  // performs what the session wants done

  BoxState& box() { return *box_; }
  const std::string& peer_address() const { return peer_address_; }
  bool is_up() const { return session_.is_up(); }
  bool was_up() const { return was_up_; }
  bool is_over() const { return over_; }

 private:
  void perform(link::centre_action::Write& write);
  void perform(link::centre_action::LoadState& load);
  void perform(link::centre_action::Stage& stage);
  void perform(link::centre_action::Store& store);
  void perform(link::centre_action::Tombstone& tombstone);
  void perform(link::centre_action::Up& up);
  void perform(link::centre_action::Report& report);
  void perform(link::centre_action::KeyTold& told);
  void perform(link::centre_action::Close& close);

  void announce(const link::v1::BoxFrame& frame);
  template <typename T, typename F>
  ledger::Ledger::Callback<T> answer_to(F&& handle);
  template <typename T>
  void deliver(Lane lane, const Result<T>& result, std::function<void()> answer);
  void end(const std::string& reason);
  void arm();
  void on_timer();

  const std::shared_ptr<StreamHome> home_;
  const std::shared_ptr<BoxState> box_;
  const std::string peer_address_;
  const std::shared_ptr<link::LinkStream> link_;
  const std::array<link::LaneCredit, lane_count> credits_;
  link::CentreSession session_;
  std::vector<ledger::SeqRange> unsettled_;  // as the Hello says
  std::array<Hold, lane_count> holds_;
  boost::asio::steady_timer timer_;
  SteadyTime armed_for_ = SteadyTime::max();
  bool pumping_ = false;
  bool was_up_ = false;
  bool over_ = false;
};

link::Now now();

}  // namespace alarmwire::ingest
