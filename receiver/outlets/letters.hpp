// From a record of the ledger to the letter that EBÜS gets: addresses, marks, header, body pieces.
// Reads the ledger, writes nothing. Thread-safety: const, any thread.
#pragma once

#include <string>
#include <variant>

#include "receiver/outlets/courier.hpp"
#include "receiver/outlets/order.hpp"
#include "receiver/outlets/outlet_config.hpp"

namespace alarmwire::outlets {

inline constexpr std::size_t body_piece_bytes = 64 * 1024;
// A mail to this local part alone is a test, whatever its domain: it goes to the configured test
// address or nowhere. Beside a real address it is left out, and the mail is an alarm.
inline constexpr std::string_view test_local_part = "alarmwire-test";

struct Prepared {
  ledger::Record record;
  Envelope envelope;
  Letter letter;
};
struct NotToSend {  // and never will be
  std::string why;
};
using Preparation = std::variant<Prepared, NotToSend, Failure>;

Preparation prepare_letter(const ledger::Ledger& ledger, const sites::Sites& sites,
                           const SmtpConfig& config, const Job& job, WallTimeUs now_us);

// A mail that stands in memory.
std::function<Pieces()> open_text(std::string text);

}  // namespace alarmwire::outlets
