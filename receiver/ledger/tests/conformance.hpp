// What the conformance tests of the ledger's adapters share.
#pragma once

#include "receiver/ledger/tests/harness.hpp"

namespace alarmwire::ledger::testing {

using Verdict = StoreResult::Verdict;

struct Adapter {
  const char* name;
  Result<std::unique_ptr<Ledger>> (*open)(const Config& config, Observer& observer);
};

class Conformance : public ::testing::TestWithParam<Adapter> {
 protected:
  Conformance() {
    config.directory = folder.path();
    config.outlets = {"ebues"};
    reopen();
  }
  void reopen() {
    ledger.reset();
    Result<std::unique_ptr<Ledger>> opened = GetParam().open(config, memory);
    ASSERT_TRUE(opened.has_value()) << opened.error().diagnostics;
    ledger = std::move(*opened);
  }
  Verdict verdict(const Incoming& incoming) {
    const Result<StoreResult> result = store(*ledger, incoming);
    EXPECT_TRUE(result.has_value()) << result.error().diagnostics;
    return result.has_value() ? result->verdict : Verdict::gap;
  }
  Incoming staged_alarm(std::uint64_t seq, std::size_t bytes) {
    return alarm("site-a", epoch, Lane::alarm, seq, pattern_body(bytes));
  }
  // Stages all of the body and leaves the incoming without it.
  void stage_all(Incoming& incoming, std::size_t from = 0) {
    for (std::size_t at = from; at < incoming.body.size(); at += chunk_bytes_max) {
      const std::string chunk = incoming.body.substr(at, chunk_bytes_max);
      const Result<std::uint64_t> done = stage(*ledger, incoming, at, chunk);
      ASSERT_TRUE(done.has_value()) << done.error().diagnostics;
      ASSERT_EQ(*done, at + chunk.size());
    }
    incoming.staged = true;
    incoming.body.clear();
  }

  Folder folder;
  Memory memory;
  Config config;
  std::unique_ptr<Ledger> ledger;
  const EpochId epoch{77};
};

}  // namespace alarmwire::ledger::testing
