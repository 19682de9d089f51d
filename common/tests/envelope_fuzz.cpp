// Any bytes: refused, or an envelope that survives being written and read again.
#include <cstdint>
#include <cstdlib>

#include "common/record.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto envelope = alarmwire::decode_envelope({reinterpret_cast<const char*>(data), size});
  if (envelope.has_error()) return 0;
  const auto again = alarmwire::decode_envelope(alarmwire::encode_envelope(*envelope));
  if (again.has_error() || *again != *envelope) std::abort();
  return 0;
}
