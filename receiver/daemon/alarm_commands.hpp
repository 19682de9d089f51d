// The centre's answers about alarms on the control socket (docs/control.md): alarms, alarm,
// alarm-body, trace, tail.
//
// Ledger reads may block on the disk: they run on a thread of their own, never on the one that
// carries alarms. Who watches by `tail` and falls more than records_behind_max behind is cut off
// with a word, never shown a gap. Thread-safety: on_stored() may be called from any thread; the
// rest on the io_context's thread, where not said otherwise.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/control.hpp"
#include "receiver/ledger/ledger.hpp"

namespace alarmwire::receiver {

inline constexpr std::size_t listed_alarms_max = 1000;
inline constexpr std::size_t listed_subjects_max = 100;  // of a list; each is a read of a body
inline constexpr std::size_t body_piece_bytes_max = 256 * 1024;
inline constexpr std::size_t records_behind_max = 4096;
// How many rows of one outlet and state a list of what waits looks through for one box's.
inline constexpr std::size_t waiting_rows_read_max = 200'000;

class AlarmCommands {
 public:
  // Is it a box of this centre? Asked on any thread.
  using IsOurs = std::function<bool(const BoxId&)>;
  AlarmCommands(boost::asio::io_context& context, ledger::Ledger& ledger, IsOurs is_ours)
      : context_(context), ledger_(ledger), is_ours_(std::move(is_ours)) {}
  ~AlarmCommands();

  void install(control::Server& server);
  void on_stored(const ledger::Record& record);  // feeds `tail`
  void stop();                                   // waits for reads under way
  // Errc::not_found: neither a box of ours nor one that ever delivered; "" is any box. Any thread.
  Status must_know(const BoxId& box) const;

 private:
  using Answer = std::function<Result<boost::json::value>(const boost::json::object& request)>;
  using Records = Result<std::vector<ledger::Record>>;
  void handle(control::Server& server, std::string_view command, Answer answer);
  Result<boost::json::value> alarms(const boost::json::object& request) const;
  Result<boost::json::value> alarm(const boost::json::object& request) const;
  Result<boost::json::value> body(const boost::json::object& request) const;
  Result<boost::json::value> trace(const boost::json::object& request) const;
  Records newest(const boost::json::object& request, const BoxId& box, std::size_t limit) const;
  Records waiting(const BoxId& box, std::size_t limit) const;
  Result<std::vector<ledger::Position>> positions(const std::string& outlet,
                                                  ledger::HandOverState state, const BoxId& box,
                                                  std::size_t limit) const;
  Result<boost::json::object> describe(const ledger::Record& record) const;
  void add_subject(boost::json::object& object, const ledger::Record& record) const;
  boost::json::array stages(const ledger::Record& record) const;
  void show_to_watchers(const ledger::Record& record);

  boost::asio::io_context& context_;
  ledger::Ledger& ledger_;
  const IsOurs is_ours_;
  boost::asio::thread_pool readers_{1};
  std::vector<std::shared_ptr<control::Responder>> watchers_;  // of `tail`
  std::size_t behind_ = 0;  // stored records whose items are being made
};

}  // namespace alarmwire::receiver
