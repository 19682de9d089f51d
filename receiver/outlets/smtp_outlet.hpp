// The way to EBÜS by SMTP (design 5.5): re-injects each record into the far side's SMTP server.
//
// Threads: one *book* thread (reads what waits, watches the times) and one per connection. A new
// record goes from stored() to a connection that stands open: no polling, no timer, and the ledger
// is read only when the outlet is behind. What became of
// a record goes to the ledger as a stage mark, then as its hand-over state. A crash between the far
// side's 250 and that note leaves the record waiting: it is offered again, marked as a possible
// repeat (at least once, never none).
//
// A mail to several addresses is taken once every address was settled: those refused for good are
// reported as a fault each, those put off are tried again alone.
#pragma once

#include <functional>
#include <memory>

#include "receiver/outlets/order.hpp"
#include "receiver/outlets/outlet.hpp"
#include "receiver/outlets/outlet_config.hpp"

namespace alarmwire::outlets {

inline constexpr std::size_t read_page_rows = 512;

// Asked before every mail, so that a re-read address book counts at once. Any thread; never null.
using SitesSource = std::function<std::shared_ptr<const sites::Sites>()>;

// `ledger` and `observer` must outlive the outlet. `limits.connections` and
// `limits.stalled_after` are taken from the config.
// retry() waits for the ledger: not from a ledger's callback.
std::unique_ptr<Outlet> make_smtp_outlet(const SmtpConfig& config, ledger::Ledger& ledger,
                                         SitesSource sites, OutletObserver& observer,
                                         OrderLimits limits = {});

}  // namespace alarmwire::outlets
