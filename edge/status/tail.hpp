// `alarm tail` on the box: each record as it becomes durable, to everybody who watches.
//
// The spool is asked for one record at a time: a watcher never holds up what the uplink reads.
// While nobody watches nothing is read. Who watches more than records_behind_max behind is cut off
// with a word, never shown a gap. Thread-safety: the io_context's one thread; the spool's answers
// are posted there, and this object may be gone by then.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/json/object.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "common/control.hpp"
#include "edge/spool/spool.hpp"

namespace alarmwire::status {

inline constexpr std::size_t records_behind_max = 4096;

class Tail : public std::enable_shared_from_this<Tail> {
 public:
  using Describe = boost::json::object (*)(const spool::StoredRecord& record);

  Tail(boost::asio::io_context& context, spool::Spool& spool, Describe describe)
      : context_(context), spool_(spool), describe_(describe) {}

  void add(std::shared_ptr<control::Responder> watcher);
  void on_record(const RecordKey& key);

 private:
  void fetch_next();
  void on_fetched(const Result<spool::StoredRecord>& record);

  boost::asio::io_context& context_;
  spool::Spool& spool_;
  const Describe describe_;
  std::vector<std::shared_ptr<control::Responder>> watchers_;
  std::deque<RecordKey> behind_;  // to be fetched; the first one is under way
};

}  // namespace alarmwire::status
