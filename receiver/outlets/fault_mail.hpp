// Faults and their ends as short text mails, German or English (design 3.4, 5.5): what is wrong,
// where, since when, what to do.
//
// A fault code that is not in the list gets a general text with its reason: a newer box may know
// more faults than this centre. Pure; any thread. (Local times follow TZ.)
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "receiver/outlets/compose.hpp"

namespace alarmwire::outlets {

struct FaultWords {
  std::string_view title;  // "Tunnel still"
  std::string_view advice;
};
FaultWords fault_words(std::string_view code, sites::Language language);
std::vector<std::string_view> known_fault_codes();

// The whole mail, lines ending in CRLF, 7 bit.
std::string fault_mail(const Trace& trace, const Marks& marks, const sites::Box& box,
                       sites::Language language);
// The mail of Outlet::test().
std::string test_mail(const std::string& host, const std::string& address, const AlarmId& id,
                      sites::Language language, WallTimeUs now_us);

}  // namespace alarmwire::outlets
