// Any bytes as a device's mail: what leaves has one end of data, whole lines, and nothing that the
// device wrote stands where our own lines do.
#include <cstdint>
#include <cstdlib>

#include "receiver/outlets/compose.hpp"
#include "receiver/outlets/tests/smuggling.hpp"

using namespace alarmwire;
using namespace alarmwire::outlets;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t piece = 1 + data[0];
  const std::uint8_t flags = data[1];
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);

  const std::string safe = through_line_ends(bytes, piece);
  must(has_only_crlf(safe));
  must(ends_exactly_once(safe));
  must(through_line_ends(bytes, 65536) == safe);

  ledger::Record record;
  record.box = "site-a";
  Envelope envelope;
  envelope.helo = bytes.substr(0, 40);
  envelope.device = bytes.substr(0, 60);
  const Marks marks{(flags & 1) != 0, (flags & 2) != 0, (flags & 4) != 0, (flags & 8) != 0};
  const std::string whole = compose_head(Trace{"centre.internal", &record, &envelope}, marks, marks,
                                         sites::Language::de, safe);
  must(has_only_crlf(whole));
  must(ends_exactly_once(whole));
  must(whole.rfind("Received: from site-a (box)\r\n\tby centre.internal", 0) == 0);
  const std::string header = whole.substr(0, whole.find("\r\n\r\n"));
  const std::size_t first = header.find("\r\nX-Alarmwire-Box:");
  must(first != std::string::npos);
  must(header.find("\r\nX-Alarmwire-Box:", first + 1) == std::string::npos);
  return 0;
}
