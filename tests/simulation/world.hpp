// Boxes, a centre and the paths between them, on virtual time, with faults; and the oracle that
// says afterwards whether every promise was kept.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/simulation/model_ledger.hpp"

namespace alarmwire::simulation {

struct Verdict {
  std::vector<std::string> broken;  // promises, in words; empty: all kept
  std::size_t records = 0;
  std::size_t faults = 0;
  std::size_t resumed = 0;  // records taken up in the middle
};

Verdict simulate(std::uint64_t seed, Mutant mutant);

}  // namespace alarmwire::simulation
