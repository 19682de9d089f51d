// An alarm as every room sees it: the envelope around the raw bytes, its hash, and the times of its
// stages.
//
// The raw bytes are the mail as received, from the first byte after 354 up to (not including) the
// final dot's line, dot-unstuffed, line ends untouched. The envelope is encoded once, on the box,
// and carried as those bytes ever after, so that no later version can change what was hashed.
// Thread-safety: values.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.hpp"
#include "common/error.hpp"
#include "common/ids.hpp"

namespace alarmwire {

enum class RecordKind : std::uint8_t {
  mail = 1,       // a device's mail
  fault = 2,      // something is wrong: of the box, of a device, or of the centre
  fault_end = 3,  // and now it is over
  canary = 4,     // nothing but the proof that a record gets through; its raw bytes are empty
};
std::string_view to_string(RecordKind kind);

struct Envelope {
  RecordKind kind = RecordKind::mail;
  std::string listener;                 // the door's listener the mail came through: "lan"
  std::string device;                   // the device's name, or its address when it has none
  std::string device_address;           // its IP address, without port
  std::string helo;                     // as given, may be empty
  std::string reverse_path;             // RFC 5321 4.1.1.2, without brackets; empty for <>
  std::vector<std::string> recipients;  // forward paths without brackets, in order, as given
  bool body_8bit = false;               // BODY=8BITMIME was said
  bool smtputf8 = false;                // SMTPUTF8 was said
  // For faults and their ends; the fault's raw bytes are empty.
  std::string fault_code;     // stable name, e.g. "spool-full", "mail-refused"
  std::string fault_subject;  // what it is about: a device, an outlet, a path; may be empty
  std::string fault_reason;   // one English sentence, without secrets
  // How the box knew the device: "user" (proven by AUTH), "mac", "network" or "unknown"; empty: a
  // box that did not say.
  std::string known_by;

  bool operator==(const Envelope&) const = default;
};

// The canonical bytes: version byte, then tag (1), length (4, big endian), value for each field
// that is not empty, tags ascending. Decoding skips tags it does not know (a newer box) and fails
// on anything else that is off.
std::string encode_envelope(const Envelope& envelope);
Result<Envelope> decode_envelope(std::string_view bytes);
// The largest alarm, the same at the door, on the link and in the ledger: what one took and the
// next refused would be lost to the centre.
inline constexpr std::uint64_t alarm_bytes_max = 64ull * 1024 * 1024;
inline constexpr std::size_t envelope_size_max =
    48 * 1024;  // bytes; the door's limits keep far below

using Hash = std::array<std::uint8_t, 32>;
std::string to_hex(std::string_view bytes);
inline std::string_view view(const Hash& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}
bool hash_from_bytes(std::string_view raw, Hash& hash);  // false unless 32 bytes

// SHA-256 over: length of the envelope (8 bytes, big endian), the envelope's canonical bytes, the
// raw bytes.
class RecordHasher {
 public:
  explicit RecordHasher(std::string_view envelope_bytes);
  ~RecordHasher();
  RecordHasher(RecordHasher&&) noexcept;
  RecordHasher& operator=(RecordHasher&&) noexcept;
  void update(std::string_view raw);
  Hash finish();  // once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Everything about a record but its raw bytes: what the spool keeps, the link announces and the
// ledger books.
struct RecordHeader {
  RecordKey key;
  AlarmId id;
  Hash hash{};
  std::string envelope;        // canonical bytes
  std::uint64_t size = 0;      // raw bytes
  WallTimeUs accepted_us = 0;  // box's clock: the final dot was read
  WallTimeUs spooled_us =
      0;  // box's clock: just before the commit that made it durable was asked for
  std::uint32_t repeats = 0;  // byte-identical resends that joined this record
};

// The record by which a box proves that its way to the centre is open when nothing else goes: the
// ledger notes its place and keeps nothing of it, no outlet and no list has it. Its bytes are
// always the same, so that no alarm can be taken for one.
const std::string& canary_envelope();
const Hash& canary_hash();
inline bool is_canary(const RecordHeader& header) {
  return header.hash == canary_hash();
}

}  // namespace alarmwire
