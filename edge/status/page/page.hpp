// The box's page on its LAN, without any I/O: a request in, an answer or a wish out.
//
// Until the box is enrolled the page takes a ticket, as text or as a photo of its code, and shows
// each state of the enrolment with its reason; afterwards it only shows how the box is doing.
//
// Promises
// - Nothing of a request stands in an answer (but the language it chose).
// - Nothing is taken from another site's page: `Host` must be the address the connection came to or
//   one of the box's names (a name that is rebound to us is neither), and a form must come from
//   this very origin and carry this process's token.
// - Every answer forbids caching, framing, foreign sources and inline script.
// Thread-safety: one thread. Source: RFC 9110; CSP level 3; Fetch (Origin).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/error.hpp"
#include "provisioning/box_enrolment.hpp"

namespace alarmwire::page {

using provisioning::Language;

struct Request {
  std::string method;
  std::string target;
  std::string host;
  std::string origin;
  std::string cookie;
  std::string accept_language;
  std::string content_type;
  std::string body;
  std::string local_address;  // the connection's end at the box
  std::uint16_t local_port = 0;
};

struct Answer {
  unsigned status = 200;
  std::string content_type;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // beside those of every answer
};

struct TakeTicket {
  std::string text;
};
struct ReadPhoto {
  std::string bytes;
};
using Reply = std::variant<Answer, TakeTicket, ReadPhoto>;

// What the page shows.
struct BoxState {
  enum class Standing : std::uint8_t { unknown, open, enrolled };
  Standing standing = Standing::unknown;  // unknown: alarmwire-tunnel has not answered yet
  provisioning::EnrolmentView enrolment;
  std::string colour;  // of alarmwire status: green, amber, red
  std::string reason;  // … and why
  std::string version;
  std::uint64_t waiting_alarms = 0;
  std::uint64_t accepted_mails = 0;
  std::vector<std::string> faults;  // "spool-full: …"
  std::int64_t clock_off_s = 0;     // from the centre's
  std::string ca_pem;               // the box's own authority, for import into devices; or ""
};

// Why a ticket or a photo was not taken, for the person who gave it.
enum class Trouble : std::uint8_t { none, ticket, photo, busy };

class Page {
 public:
  // `names`: by which browsers may call the box, beside its address. `token`: secret of this life.
  Page(std::vector<std::string> names, std::string token);

  // By the head alone, before a body is read: nothing, or the refusal.
  std::variant<std::monostate, Answer> admit(const Request& head) const;
  Reply take(const Request& request, const BoxState& state) const;
  // After TakeTicket or ReadPhoto: on to the page, or the form again and what was wrong.
  Answer taken(const Request& request, const BoxState& state, Trouble trouble,
               const std::string& reason) const;

 private:
  bool is_ours(const Request& head) const;
  Reply take_form(const Request& request, const BoxState& state) const;
  Answer show(const Request& request, const BoxState& state, unsigned status, Trouble trouble,
              const std::string& reason) const;

  const std::vector<std::string> names_;
  const std::string token_;
};

// What every answer carries.
const std::vector<std::pair<std::string, std::string>>& guarding_headers();
std::string random_token();

// A refusal that the driver finds by itself (too large, too slow, too many), as plain text.
Answer refusal(unsigned status, std::string_view text);

// de or en: by the query, else the cookie, else Accept-Language.
Language language_of(const Request& request);

}  // namespace alarmwire::page
