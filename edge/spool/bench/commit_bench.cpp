// How fast mails become durable: one at a time, and with many waiting at once.
// BENCH_DIRECTORY says on which disk; otherwise it is the system's folder for temporary files.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <semaphore>
#include <string>

#include "edge/spool/spool.hpp"

namespace alarmwire::spool {
namespace {

constexpr std::ptrdiff_t waiting_max = 256;
constexpr std::size_t body_bytes = 1024;

class Nobody final : public Observer {
  void on_record(const RecordKey&) override {}
  void on_fault(const std::string&, const std::string&, const std::string&, bool) override {}
  void on_fatal(const Failure& failure) override {
    std::fprintf(stderr, "fatal: %s\n", failure.diagnostics.c_str());
    std::abort();
  }
};

NewRecord make_record(const std::string& envelope, std::uint64_t number) {
  NewRecord record;
  record.accepted_us = wall_now_us();
  record.id = AlarmId::make(record.accepted_us);
  record.device = "camera-" + std::to_string(number % 20);
  record.envelope = envelope;
  record.body = std::to_string(number);
  record.body.resize(body_bytes, '.');
  RecordHasher hasher(record.envelope);
  hasher.update(record.body);
  record.hash = hasher.finish();
  record.size = record.body.size();
  return record;
}

// An iteration is one mail; range(0) of them wait for their answer at a time.
void commit(benchmark::State& state) {
  const char* const wanted = std::getenv("BENCH_DIRECTORY");
  const std::filesystem::path parent =
      wanted != nullptr ? std::filesystem::path(wanted) : std::filesystem::temp_directory_path();
  std::string folder = parent / "spool-bench-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) return state.SkipWithError("no folder to write to");
  {
    Config config{folder};
    Nobody nobody;
    auto opened = Spool::open(config, nobody);
    if (opened.has_error()) return state.SkipWithError("the spool did not open");
    Envelope envelope;
    envelope.recipients = {"alarm@site.internal"};
    const std::string envelope_bytes = encode_envelope(envelope);
    const std::ptrdiff_t waiting = state.range(0);
    std::counting_semaphore<waiting_max> free_places(waiting);
    std::uint64_t number = 0;
    for (auto _ : state) {
      free_places.acquire();
      (*opened)->commit(make_record(envelope_bytes, ++number),
                        [&free_places](const Result<Spooled>&) { free_places.release(); });
    }
    for (std::ptrdiff_t i = 0; i < waiting; ++i) free_places.acquire();
    const Snapshot snapshot = (*opened)->snapshot();
    state.SetItemsProcessed(static_cast<std::int64_t>(snapshot.committed_records));
    state.counters["mails_per_group"] =
        static_cast<double>(snapshot.committed_records) / static_cast<double>(snapshot.commits);
  }
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}
BENCHMARK(commit)->Arg(1)->Arg(16)->Arg(64)->UseRealTime();
// The first mails after a start.
BENCHMARK(commit)->Arg(1)->Iterations(100)->UseRealTime();
BENCHMARK(commit)->Arg(16)->Iterations(2000)->UseRealTime();

}  // namespace
}  // namespace alarmwire::spool

BENCHMARK_MAIN();
