#include "edge/watch/fault_booker.hpp"

#include <utility>

namespace alarmwire::watch {

FaultDesk::Booker spool_booker(spool::Spool& spool) {
  return [&spool](const FaultBook::Entry& entry, std::function<void(FaultDesk::Booked)> done) {
    spool::NewRecord record;
    record.accepted_us = wall_now_us();
    record.id = entry.id;
    record.lane = Lane::fault;
    record.device = entry.envelope.device;
    record.envelope = encode_envelope(entry.envelope);
    record.hash = RecordHasher(record.envelope).finish();
    record.may_join = false;  // the same fault twice is two faults
    spool.commit(std::move(record), [done = std::move(done)](const Result<spool::Spooled>& result) {
      using Booked = FaultDesk::Booked;
      if (result.has_value()) return done(Booked::yes);
      done(result.error().is(Errc::invalid_argument) ? Booked::never : Booked::later);
    });
  };
}

}  // namespace alarmwire::watch
