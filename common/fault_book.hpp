// Which faults are open, and when one becomes a record. Used alike by the box (its own faults) and
// the centre.
//
// A *state* fault opens, stays and ends (spool-full, tunnel-silent): raising it twice books it
// once, and only an open one can end. An *event* fault has no end (a lost mail, a quarantine): each
// is booked, but of one code and subject at most events_per_window in a window; what is beyond is
// counted and booked as one when the window closes. A sans-io core: time is passed in, records come
// out as Envelopes for the caller to book. Thread-safety: one thread at a time.
#pragma once

#include <boost/json/array.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "common/record.hpp"

namespace alarmwire {

// The codes; stable names, shown to people. `box`: raised at the box, `centre`: at the centre.
namespace fault {
inline constexpr std::string_view mail_lost =
    "mail-lost";  // event, box: begun and not answered 250
inline constexpr std::string_view spool_full = "spool-full";  // state, box
inline constexpr std::string_view spool_quarantined =
    "spool-quarantined";  // state, box: until salvage is done
inline constexpr std::string_view upload_swept =
    "upload-swept";  // event, box: cut off by a restart
inline constexpr std::string_view row_unreadable = "row-unreadable";  // event, both
inline constexpr std::string_view record_never =
    "record-never";  // event, centre: it will never take it
inline constexpr std::string_view record_conflict = "record-conflict";  // event, centre
inline constexpr std::string_view record_mismatch = "record-mismatch";  // event, box
inline constexpr std::string_view tunnel_daemon =
    "tunnel-daemon";  // state, both: alarmwire-tunnel is silent
inline constexpr std::string_view tunnel_silent =
    "tunnel-silent";  // state, centre: a box is not heard
inline constexpr std::string_view boxes_silent =
    "boxes-silent";  // state, centre: many are not heard since about the same time
inline constexpr std::string_view link_stuck =
    "link-stuck";  // state, centre: a box's stream stands, and nothing is acknowledged
inline constexpr std::string_view records_missing =
    "records-missing";  // event, centre: a hole in a box's seqs
inline constexpr std::string_view box_cloned =
    "box-cloned";  // state, centre: two streams fence each other
inline constexpr std::string_view ledger_full = "ledger-full";        // state, centre
inline constexpr std::string_view ledger_disk_80 = "ledger-disk-80";  // state, centre
inline constexpr std::string_view outlet_stalled = "outlet-stalled";  // state, centre
inline constexpr std::string_view outlet_parked =
    "outlet-parked";  // state, centre: until tried again
inline constexpr std::string_view ledger_unreadable = "ledger-unreadable";  // state, centre
inline constexpr std::string_view not_listening = "not-listening";  // state, centre: no way in
inline constexpr std::string_view outlet_missing =
    "outlet-missing";  // state, centre: none, or one went with alarms still waiting
inline constexpr std::string_view daemon_crashed =
    "daemon-crashed";  // event, both: left after a disk error, started anew
inline constexpr std::string_view outlet_refused = "outlet-refused";  // event, centre
inline constexpr std::string_view ticket_reused =
    "ticket-reused";  // event, centre: a used ticket was shown by another box

inline constexpr std::string_view key_change_failed =
    "key-change-failed";  // event, centre: a box keeps its old key

// Does it last until it ends (spool full), or did it just happen (a mail was lost)?
bool is_state(std::string_view code);
}  // namespace fault

class FaultBook {
 public:
  static constexpr std::size_t open_max = 10'000;
  static constexpr std::size_t windows_max = 10'000;
  static constexpr std::uint32_t events_per_window = 10;
  static constexpr std::chrono::seconds window{60};

  struct Open {
    std::string box;  // empty on the box itself
    std::string code;
    std::string subject;
    std::string reason;
    WallTimeUs since_us = 0;
  };
  struct Entry {
    std::string box;
    Envelope envelope;
    AlarmId id{};  // given by the desk: whoever books an entry twice has one record all the same
  };

  // `about`: further fields of the record (device, reverse path, …); kind and fault fields are set
  // here.
  std::optional<Entry> raise(std::string_view box, std::string_view code, std::string_view subject,
                             std::string_view reason, WallTimeUs now_us);
  std::optional<Entry> end(std::string_view box, std::string_view code, std::string_view subject,
                           std::string_view reason);
  std::optional<Entry> event(std::string_view box, std::string_view code, std::string_view subject,
                             std::string_view reason, SteadyTime now, Envelope about = {});
  // Books what was held back, once its window has passed. Call every few seconds.
  std::vector<Entry> tick(SteadyTime now);

  bool is_open(std::string_view box, std::string_view code, std::string_view subject) const;
  std::vector<Open> open() const;
  // What is held back, whatever its window: before a stop.
  std::vector<Entry> flush();

  // So that a restart neither forgets an open fault nor raises it twice.
  boost::json::array to_json() const;
  void from_json(const boost::json::array& open);  // what is odd in it is left out

 private:
  using Key = std::tuple<std::string, std::string, std::string>;  // box, code, subject
  struct Window {
    SteadyTime started;
    std::uint32_t booked = 0;
    std::uint64_t held_back = 0;
    std::string last_reason;
  };
  static Entry held_back(const Key& key, const Window& flood);
  std::map<Key, Open> open_;
  std::map<Key, Window> windows_;
};

}  // namespace alarmwire
