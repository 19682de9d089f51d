// A centre for the uplink's tests: the link's server and session as they are, and a ledger in
// memory that takes only cursor + 1. It outlives its server: vanish() and appear() are its power
// cut.
//
// Thread-safety: one thread of its own; the public members are touched through ask() only.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <future>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "grpc/link/centre_session.hpp"
#include "grpc/server/link_server.hpp"

namespace alarmwire::uplink::test {

// Runs `call` on the context's thread and waits for what it says.
template <typename Call>
auto ask_on(boost::asio::io_context& context, Call call) -> decltype(call()) {
  auto task = std::make_shared<std::packaged_task<decltype(call())()>>(std::move(call));
  auto answer = task->get_future();
  boost::asio::post(context, [task] { (*task)(); });
  return answer.get();
}

class Centre {
 public:
  struct Row {
    RecordHeader header;
    std::string body;
  };
  struct Staged {
    Hash hash{};
    std::string bytes;
  };
  using LaneKey = std::pair<EpochId, Lane>;

  Centre() : guard_(context_.get_executor()), timer_(context_) {
    tick();
    thread_ = std::thread([this] { context_.run(); });
  }
  ~Centre() {
    vanish();
    context_.stop();
    thread_.join();
  }
  Centre(const Centre&) = delete;
  Centre& operator=(const Centre&) = delete;

  void appear() {
    link::LinkServerConfig config;
    config.listen_fd = link::listen_tcp("::1", port_, "").value();
    port_ = link::local_port(config.listen_fd);
    server_ = link::LinkServer::start(config, [this](const std::string&, std::uint64_t,
                                                     std::shared_ptr<link::LinkStream> stream) {
                return std::make_shared<Stream>(*this, std::move(stream));
              }).value();
  }
  void vanish() {
    server_.reset();
    ask([this] { kept_.clear(); });
  }
  std::uint16_t port() const { return port_; }

  template <typename Call>
  auto ask(Call call) -> decltype(call()) {
    return ask_on(context_, std::move(call));
  }
  std::size_t count() {
    return ask([this] { return rows.size(); });
  }
  void keep_answers(bool keep) {
    ask([this, keep] {
      keeps_answers = keep;
      if (keep) return;
      for (const auto& answer : std::exchange(kept_, {})) answer();
    });
  }
  void receipt(const link::Receipt& receipt) {
    ask([this, receipt] {
      for (Stream* stream : std::set<Stream*>(streams_))
        if (streams_.contains(stream)) stream->receipt(receipt);
    });
  }

  std::vector<Row> rows;
  std::map<LaneKey, std::uint64_t> cursors;
  std::map<RecordKey, Hash> hashes;
  std::map<RecordKey, Staged> staged;
  std::map<RecordKey, link::CentreState::Verdict> refused;
  std::map<RecordKey, std::vector<std::string>> receipted;   // as the records said
  std::vector<std::pair<RecordKey, std::uint64_t>> resumed;  // Record frames with an offset
  bool keeps_answers = false;
  std::uint64_t staged_bytes_max = std::numeric_limits<std::uint64_t>::max();  // then no answer
  std::uint64_t record_bytes_max = 8 * 1024 * 1024;
  std::string ledger_id = "ledger-1";

 private:
  class Stream final : public link::StreamHandler, public std::enable_shared_from_this<Stream> {
   public:
    Stream(Centre& centre, std::shared_ptr<link::LinkStream> link)
        : centre_(centre), link_(std::move(link)) {}

    void on_frame(link::v1::BoxFrame frame) override {
      post([this, frame = std::move(frame)]() mutable {
        if (!begun_) begin();
        const link::v1::Record& record = frame.record();
        if (record.offset() > 0)
          centre_.resumed.push_back(
              {{EpochId{record.epoch()}, *lane_from_number(record.lane()), record.seq()},
               record.offset()});
        link_->consumed();
        if (!session_) return;
        session_->on_frame(std::move(frame), now());
        pump();
      });
    }
    void on_write_done() override {
      post([this] {
        if (!session_) return;
        session_->on_write_ready(now());
        pump();
      });
    }
    void on_closed(const std::string&) override {
      post([this] { end(); });
    }
    void receipt(const link::Receipt& receipt) {
      session_->receipt(receipt, now());
      pump();
    }
    void on_timer() {
      if (now().steady < session_->next_deadline()) return;
      session_->on_timer(now());
      pump();
    }

   private:
    static link::Now now() { return {steady_now(), wall_now_us()}; }
    template <typename Call>
    void post(Call call) {
      boost::asio::post(centre_.context_,
                        [self = shared_from_this(), call = std::move(call)]() mutable { call(); });
    }
    void begin() {
      begun_ = true;
      link::CentreConfig config;
      config.software = "test centre";
      config.beat_interval = std::chrono::milliseconds(1000);
      config.credits.fill({128, 512 * 1024});
      config.credits[2].bytes = config.credits[3].bytes = 128 * 1024;
      config.record_bytes_max = centre_.record_bytes_max;
      session_ = std::make_unique<link::CentreSession>(config, now());
      centre_.streams_.insert(this);
    }
    void end() {
      begun_ = true;
      session_.reset();
      centre_.streams_.erase(this);
    }
    void pump() {
      if (std::exchange(pumping_, true)) return;
      while (session_) {
        auto actions = session_->take_actions();
        if (actions.empty()) break;
        for (link::CentreAction& action : actions)
          std::visit([this](auto& one) { perform(one); }, action);
      }
      pumping_ = false;
    }
    void perform(link::centre_action::Write& action) { link_->write(action.frame); }
    void perform(link::centre_action::LoadState& load) {
      link::CentreState state;
      state.session = ++centre_.sessions_;
      state.ledger_id = centre_.ledger_id;
      for (const auto& [lane, seq] : centre_.cursors)
        state.cursors.push_back({lane.first, lane.second, seq});
      for (const auto& [key, body] : centre_.staged)
        state.staged.push_back({key, body.hash, body.bytes.size()});
      for (const auto& range : load.unsettled)
        for (const auto& [key, verdict] : centre_.refused)
          if (key.epoch == range.epoch && key.lane == range.lane && key.seq >= range.first_seq &&
              key.seq <= range.last_seq)
            state.verdicts.push_back(verdict);
      session_->on_state(std::move(state), now());
    }
    void perform(link::centre_action::Stage& action) {
      Staged& body = centre_.staged[action.key];
      if (action.offset == 0) body = {action.hash, {}};
      if (body.bytes.size() + action.bytes.size() > centre_.staged_bytes_max) return;
      link::StageOutcome outcome;
      if (body.bytes.size() == action.offset)
        body.bytes += action.bytes;
      else
        outcome.verdict = link::StageOutcome::Verdict::wrong_offset;
      session_->on_staged(action.token, outcome, now());
    }
    void perform(link::centre_action::Store& action) {
      auto answer = [self = shared_from_this(), action = std::move(action)]() mutable {
        if (!self->session_) return;
        self->session_->on_stored(action.token, self->centre_.store(action), now());
        self->pump();
      };
      if (!centre_.keeps_answers) return answer();
      centre_.kept_.emplace_back(std::move(answer));
    }
    void perform(link::centre_action::Tombstone& action) {
      std::uint64_t& cursor = centre_.cursors[{action.epoch, action.lane}];
      if (action.first_seq == cursor + 1) cursor = action.last_seq;
      session_->on_tombstoned(action.token, {link::TombstoneOutcome::Verdict::done, cursor}, now());
    }
    void perform(link::centre_action::Up&) {}
    void perform(link::centre_action::Report&) {}
    void perform(link::centre_action::KeyTold&) {}
    void perform(link::centre_action::Close& action) {
      link_->close(action.code, action.reason);
      end();
    }

    Centre& centre_;
    std::shared_ptr<link::LinkStream> link_;
    std::unique_ptr<link::CentreSession> session_;
    bool begun_ = false;
    bool pumping_ = false;
  };

  link::StoreOutcome store(link::centre_action::Store& action) {
    using Verdict = link::StoreOutcome::Verdict;
    const RecordHeader& header = action.header;
    std::uint64_t& cursor = cursors[{header.key.epoch, header.key.lane}];
    link::StoreOutcome outcome;
    outcome.stored_us = wall_now_us();
    receipted[header.key] = action.receipted;
    if (const auto known = hashes.find(header.key); known != hashes.end()) {
      outcome.verdict = known->second == header.hash ? Verdict::duplicate : Verdict::conflict;
    } else if (header.key.seq != cursor + 1) {
      outcome.verdict = Verdict::gap;
    } else {
      std::string body = action.staged ? staged[header.key].bytes : std::move(action.body);
      staged.erase(header.key);
      RecordHasher hasher(header.envelope);
      hasher.update(body);
      if (hasher.finish() == header.hash) {
        cursor = header.key.seq;
        hashes[header.key] = header.hash;
        rows.push_back({header, std::move(body)});
      } else {
        outcome.verdict = Verdict::hash_mismatch;
      }
    }
    outcome.cursor = cursor;
    return outcome;
  }

  void tick() {
    timer_.expires_after(std::chrono::milliseconds(20));
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      for (Stream* stream : std::set<Stream*>(streams_))
        if (streams_.contains(stream)) stream->on_timer();
      tick();
    });
  }

  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_;
  boost::asio::steady_timer timer_;
  std::set<Stream*> streams_;  // those with a session
  std::vector<std::function<void()>> kept_;
  std::uint64_t sessions_ = 0;
  std::uint16_t port_ = 0;
  std::unique_ptr<link::LinkServer> server_;
  std::thread thread_;
};

}  // namespace alarmwire::uplink::test
