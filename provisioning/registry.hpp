// The centre's book of tickets and of the boxes they enrolled, and what was done to either.
//
// One SQLite file (WAL, synchronous=FULL, mode 0600). Each change is one transaction with its lines
// in the journal: what was answered is on disk, and a cut in between leaves the state before. The
// file holds a ticket's bootstrap public key and preshared keys, never a ticket's secret: who reads
// it cannot enrol a box. The journal is append-only; the database itself refuses anything else.
// Thread-safety: one thread at a time; calls block for the disk.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.hpp"
#include "common/error.hpp"
#include "common/ids.hpp"
#include "common/sqlite.hpp"
#include "provisioning/rules.hpp"
#include "tunnel/bootstrap.hpp"

namespace alarmwire::provisioning {

inline constexpr std::size_t open_tickets_max = 5'000;
inline constexpr std::size_t registry_boxes_max = 15'000;
inline constexpr std::size_t site_name_bytes_max = 120;
// Of one ticket: later strangers are only counted.
inline constexpr std::int64_t refused_keys_max = 16;
// The bootstrap peer of a ticket that is over stays so long, to tell the reason.
inline constexpr std::chrono::hours afterlife{24 * 30};

struct NewTicket {
  tunnel::PublicKey bootstrap_key;
  tunnel::SecretKey preshared_key;
  BoxId site;        // the id the box will have
  std::string name;  // for people; "": the id
  Approval approval = Approval::automatic;
  WallTimeUs expires_us = 0;
  bool replaces = false;  // for the place of the box that the site has
};

// What is written in the journal, oldest first.
struct JournalLine {
  std::int64_t number = 0;
  WallTimeUs at_us = 0;
  std::string who;
  std::string what;   // "ticket created"
  std::string about;  // "ticket 7", "box site-a"
  std::string before;
  std::string after;
  std::string chain;  // SHA-256 over the chain of the line before and these fields; "": an old line
};

struct JournalCheck {
  std::uint64_t lines = 0;
  std::uint64_t unchained = 0;    // of them, at the beginning: written before lines were chained
  std::int64_t first_broken = 0;  // the first line that is not as it was written, or is missing
  std::string head;               // the last line's chain: kept elsewhere it proves all before it
};

// Who may come through the tunnel: an approved box, the key that takes its place ("site-a:next"),
// or a ticket's bootstrap peer.
struct Peer {
  std::string name;  // the box's id, with ":next" for its second slot, or "ticket:7"
  tunnel::PublicKey public_key;
  tunnel::SecretKey preshared_key;
  bool bootstrap = false;
};

struct Enrolled {
  Verdict verdict;
  std::int64_t ticket = 0;     // 0: of none
  std::optional<BoxRow> box;   // unless refused
  bool first_refusal = false;  // of this key with this ticket: worth a fault
  std::uint64_t refusals = 0;  // of this ticket so far
  bool changed = false;        // peers or boxes are not what they were
};

class Registry {
 public:
  // Makes it where missing. `vfs`: tests pass one that fails.
  static Result<Registry> open(const std::string& path, const char* vfs = nullptr);

  Result<TicketRow> add_ticket(const NewTicket& ticket, std::string_view who, WallTimeUs now);
  // A ticket whose box waits for approval goes with the box; of an approved one Errc::conflict.
  Result<TicketRow> revoke_ticket(std::int64_t number, std::string_view who, WallTimeUs now);
  // Idempotent by (ticket, box's key). `centre`: our own key, for the box's preshared key.
  Result<Enrolled> enrol(const tunnel::PublicKey& bootstrap_key, const tunnel::PublicKey& box_key,
                         const tunnel::PublicKey& centre, WallTimeUs now);
  Result<BoxRow> approve_box(const BoxId& id, std::string_view who, WallTimeUs now);
  Result<BoxRow> rename_box(const BoxId& id, const std::string& name, std::string_view who,
                            WallTimeUs now);
  // The box shall change its key; idempotent while that is under way.
  Result<BoxRow> order_rotation(const BoxId& id, std::string_view who, WallTimeUs now);
  // What the box tells of it: the key it made is let in beside the old one; that key is the box's;
  // or it came to nothing. Each idempotent; Errc::not_found: it is under no such order.
  Result<BoxRow> take_key(const BoxId& id, const tunnel::RotationOrder& order,
                          const tunnel::PublicKey& key, const tunnel::PublicKey& centre,
                          WallTimeUs now);
  Result<BoxRow> key_in_use(const BoxId& id, const tunnel::RotationOrder& order,
                            const tunnel::PublicKey& key, WallTimeUs now);
  Result<BoxRow> end_rotation(const BoxId& id, const tunnel::RotationOrder& order,
                              std::string_view who, WallTimeUs now);
  // The box of a replacing ticket carried a stream with this key: it is the site's box, and the one
  // before is out. Idempotent.
  Result<BoxRow> take_place(const BoxId& id, const tunnel::PublicKey& key, WallTimeUs now);
  Result<BoxRow> revoke_box(const BoxId& id, std::string_view who, WallTimeUs now);

  Result<std::vector<TicketRow>> tickets();  // newest first
  Result<TicketRow> ticket(std::int64_t number);
  Result<std::vector<BoxRow>> boxes();
  Result<BoxRow> box(const BoxId& id);
  Result<std::vector<JournalLine>> journal(std::int64_t after, std::size_t limit);
  Result<JournalCheck> check_journal();
  Result<std::vector<Peer>> peers(WallTimeUs now);

 private:
  explicit Registry(sqlite::Database database) : database_(std::move(database)) {}
  Status prepare();
  Status note(WallTimeUs now, std::string_view who, std::string_view what, std::string_view about,
              std::string_view before, std::string_view after);
  Result<std::optional<TicketRow>> find_ticket(std::string_view where, std::string_view blob,
                                               std::int64_t number);
  Result<std::optional<BoxRow>> find_box(const BoxId& id);
  Result<BoxRow> known_box(const BoxId& id);
  Result<bool> is_key_known(const tunnel::PublicKey& key);
  Result<BoxRow> use_ticket(const TicketRow& ticket, const tunnel::PublicKey& box_key,
                            const tunnel::PublicKey& centre, WallTimeUs now);
  Result<BoxRow> enter_replacement(const TicketRow& ticket, const BoxRow& box,
                                   const tunnel::PublicKey& key, const tunnel::SecretKey& psk,
                                   WallTimeUs now);
  Status mark_used(const TicketRow& ticket, const tunnel::PublicKey& key, WallTimeUs now);
  Status let_in_replacement(const BoxRow& box, std::string_view who, WallTimeUs now);
  Status count_refusal(const TicketRow& ticket, const tunnel::PublicKey& key, Reason reason,
                       WallTimeUs now, Enrolled& enrolled);
  Status set_box_state(const BoxRow& box, BoxState state, std::string_view who, WallTimeUs now);
  Status drop_successor(const BoxId& id);
  Status give_up_rotation(const BoxRow& box, std::string_view who, WallTimeUs now);
  Result<tunnel::SecretKey> psk_after(const BoxId& id, const tunnel::RotationOrder& order,
                                      const tunnel::PublicKey& key,
                                      const tunnel::PublicKey& centre);
  Status promote(const BoxRow& box, std::string_view who, std::string_view what, WallTimeUs now);
  Result<BoxRow> committed(sqlite::Transaction& transaction, const BoxId& id);
  Status end_ticket(const TicketRow& ticket, std::string_view who, WallTimeUs now);

  sqlite::Database database_;
};

}  // namespace alarmwire::provisioning
