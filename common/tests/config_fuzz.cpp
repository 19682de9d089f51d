// Any text: parsed or refused with a place; reading keys out of it never fails otherwise.
#include <cstdint>

#include "common/config.hpp"

namespace {

void read(alarmwire::config::Table table, int depth) {
  using namespace std::chrono_literals;
  table.string("s", "");
  table.required_string("r");
  table.integer("i", 0, -5, 5);
  table.boolean("b", false);
  table.strings("l", {});
  table.duration("d", 1s, 1ms, 1h);
  table.size("z", 0, 0, 1 << 20);
  table.choice("c", 0, {"one", "two"});
  table.ignore("x");
  if (depth == 0) return;
  read(table.table("t"), depth - 1);
  for (auto& item : table.tables("a")) read(item, depth - 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto reader = alarmwire::config::parse({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (reader.has_error()) return 0;
  read(reader->root(), 3);
  static_cast<void>(reader->finish());
  return 0;
}
