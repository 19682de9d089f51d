// Any text: parsing ends, and what is taken has one canonical text that means the same.
#include <cstdlib>

#include "provisioning/ticket.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alarmwire::provisioning;
  const auto ticket = parse_ticket({reinterpret_cast<const char*>(data), size});
  if (!ticket) return 0;
  const auto text = format_ticket(*ticket);
  if (!text) std::abort();
  const auto again = parse_ticket(*text);
  if (!again || !(*again == *ticket)) std::abort();
  return 0;
}
