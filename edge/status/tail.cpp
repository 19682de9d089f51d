#include "edge/status/tail.hpp"

#include <boost/asio/post.hpp>
#include <utility>

#include "common/mail_head.hpp"

namespace alarmwire::status {

void Tail::add(std::shared_ptr<control::Responder> watcher) {
  watchers_.push_back(std::move(watcher));
}

void Tail::on_record(const RecordKey& key) {
  std::erase_if(watchers_, [](const auto& watcher) { return watcher->is_gone(); });
  if (watchers_.empty()) return;
  if (behind_.size() >= records_behind_max) {
    for (const auto& watcher : watchers_) watcher->error("too many alarms at once: start again");
    watchers_.clear();
    behind_.resize(1);  // its answer is still to come
    return;
  }
  behind_.push_back(key);
  if (behind_.size() == 1) fetch_next();
}

void Tail::fetch_next() {
  auto answer = [weak = weak_from_this(), &context = context_](Result<spool::StoredRecord> record) {
    boost::asio::post(context, [weak, record = std::move(record)] {
      if (const auto tail = weak.lock()) tail->on_fetched(record);
    });
  };
  spool_.fetch(behind_.front(), mail_head_bytes_max, std::move(answer));
}

void Tail::on_fetched(const Result<spool::StoredRecord>& record) {
  // Errors are left out: what cannot be read the uplink reports as a fault.
  if (record.has_value() && !is_canary(record->header))
    for (const auto& watcher : watchers_) watcher->item(describe_(*record));
  behind_.pop_front();
  if (!behind_.empty()) fetch_next();
}

}  // namespace alarmwire::status
