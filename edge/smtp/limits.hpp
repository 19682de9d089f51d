// The door's named limits and what every session of a listener shares. Values; change only by a new
// object.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "edge/smtp/auth.hpp"
#include "edge/smtp/policy.hpp"

namespace alarmwire::smtp {

// Body bytes handed on at once: what IncomingMail::append() takes at most.
inline constexpr std::size_t body_chunk_bytes_max = 64 * 1024;
// Replies not yet written; past it a session takes no more commands until the peer reads.
inline constexpr std::size_t output_bytes_max = 16 * 1024;
inline constexpr std::size_t helo_bytes_max = 256;   // kept of a HELO name; longer ones are cut
inline constexpr std::size_t path_bytes_max = 1000;  // one address; RFC 5321 4.5.3.1.3 asks for 256
// All recipients of one mail together, as encoded: keeps the envelope below envelope_size_max.
inline constexpr std::size_t recipients_bytes_max = 40 * 1024;
inline constexpr std::size_t hostname_bytes_max = 255;
inline constexpr std::size_t auth_line_bytes_max = 12'288;  // RFC 4954 4
// What one session may hold at its worst, whatever a peer does: the envelope, a body piece being
// gathered and one at the intake, one read buffer not taken yet, replies, the dialogue's record,
// TLS. An idle one holds about 4 KiB, inside TLS about 18 KiB.
inline constexpr std::size_t session_bytes_max = 512 * 1024;
// From the 220 of STARTTLS, or the connect on a TLS port, to the end of the handshake.
inline constexpr std::chrono::milliseconds tls_handshake_time{60'000};

struct Limits {
  std::size_t command_line_bytes = 64 * 1024;  // RFC 5321 4.5.3.1.4 asks for 512
  std::uint64_t message_bytes = 64ull * 1024 * 1024;
  std::size_t recipients = 1000;
  std::size_t commands_without_progress = 100;  // then 421; an accepted recipient is progress
  std::size_t sessions = 2000;
  std::size_t sessions_per_device = 50;
  std::chrono::milliseconds idle_time = std::chrono::seconds(300);  // without a byte from the peer
  std::chrono::milliseconds data_time = std::chrono::hours(2);      // from 354 to the final dot
  std::chrono::milliseconds session_time = std::chrono::hours(4);   // then 421 between two mails
};

struct SessionSettings {
  std::string hostname = "edge.internal";      // in the greeting
  std::vector<std::string> zones{"internal"};  // lower case, without dots at the ends
  Limits limits;
  TlsMode tls = TlsMode::off;
  bool tls_available = true;  // there is a certificate
  AuthMode auth = AuthMode::optional;
  bool auth_in_clear = true;                       // AUTH also before TLS
  std::shared_ptr<const Credentials> credentials;  // none: there is nothing to compare with
};

}  // namespace alarmwire::smtp
