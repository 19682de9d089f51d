// What is to be said to a person at each point of a box's enrolment, in the language of the person.
// Thread-safety: pure functions.
#pragma once

#include <cstdint>
#include <string>

namespace alarmwire::provisioning {

enum class Language : std::uint8_t { english, german };

// Every point at which an enrolment can stand or stop.
enum class Note : std::uint8_t {
  nothing,
  making_key,
  tunnel_away,   // detail: why
  cannot_begin,  // detail: why
  no_address,    // the centre's name is not resolved
  no_answer,     // detail: the endpoint
  showing_ticket,
  call_failed,    // detail: why
  approval,       // detail: the box's id
  taken,          // detail: the box's id
  cannot_keep,    // detail: why
  key_not_taken,  // detail: why
  waiting_for_link,
  testing,
  test_unanswered,
  test_failed,  // detail: why
  joined,
  tested,  // detail: milliseconds
  ticket_used,
  ticket_expired,
  ticket_revoked,
  key_taken,
  ticket_unknown,
};

struct EnrolmentWords {
  std::string text;    // what is so, or why it does not go on
  std::string advice;  // what to do about it; "": nothing
};

EnrolmentWords words_for(Note note, const std::string& detail, Language language);

}  // namespace alarmwire::provisioning
