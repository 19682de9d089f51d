// Hundreds of bad minutes of several boxes and a centre, on virtual time. A failing seed is
// printed; ALARMWIRE_SEED=n runs that one alone, ALARMWIRE_SEEDS=n runs n of them.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/simulation/world.hpp"

namespace alarmwire::simulation {
namespace {

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(Simulation, EveryPromiseIsKeptUnderFaults) {
  const std::uint64_t one = number_from("ALARMWIRE_SEED", 0);
  const std::uint64_t first = one != 0 ? one : 1;
  const std::uint64_t last = one != 0 ? one : number_from("ALARMWIRE_SEEDS", 300);
  std::size_t records = 0;
  std::size_t faults = 0;
  std::size_t resumed = 0;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    const Verdict verdict = simulate(seed, Mutant::none);
    records += verdict.records;
    faults += verdict.faults;
    resumed += verdict.resumed;
    for (const std::string& what : verdict.broken) {
      ADD_FAILURE() << "ALARMWIRE_SEED=" << seed << ": " << what;
    }
    if (HasFailure()) break;
  }
  RecordProperty("records", std::to_string(records));
  RecordProperty("faults", std::to_string(faults));
  if (one == 0) {
    EXPECT_GT(faults, last);  // a simulation in which nothing happens proves nothing
    EXPECT_GT(records, last * 10);
    EXPECT_GT(resumed, 0u);
  }
}

// The oracle must see what it is there for.
class Mutants : public ::testing::TestWithParam<Mutant> {};

TEST_P(Mutants, AreCaught) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    if (!simulate(seed, GetParam()).broken.empty()) return;
  }
  FAIL() << "a mutant of the ledger went unnoticed for 100 seeds";
}

INSTANTIATE_TEST_SUITE_P(Ledger, Mutants,
                         ::testing::Values(Mutant::ack_before_commit, Mutant::no_cursor_check,
                                           Mutant::no_hash_check));

}  // namespace
}  // namespace alarmwire::simulation
