// Cuts the power under the real spool, again and again, and counts what was promised and is not
// there. Shared by the test of the spool and the test of this test.
#pragma once

#include <cstdint>

namespace powercut {

struct Tally {
  std::uint64_t cuts = 0;
  std::uint64_t acked = 0;     // commits reported as durable
  std::uint64_t lost = 0;      // of these: not there afterwards, or with other content
  std::uint64_t reused = 0;    // identities given twice
  std::uint64_t damaged = 0;   // files that were quarantined
  std::uint64_t unopened = 0;  // starts that failed on a healthy disk
};

// `asked` is a mutant: as if the spool answered before its commit. The tally must then see losses.
enum class PromiseWhen { answered, asked };

Tally cut_spool(std::uint64_t seed, std::uint64_t cuts, PromiseWhen when = PromiseWhen::answered);

}  // namespace powercut
