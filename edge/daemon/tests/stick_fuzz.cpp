// Any bytes as a file on a stick: a document with a ticket, or words why not; and the verdict that
// is written back has no control byte but its line ends.
#include <cstdint>
#include <cstdlib>

#include "edge/daemon/stick_desk.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alarmwire;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const char* const file : {"alarmwire.toml", "alarmwire-ticket.txt"}) {
    const edge::StickFinding finding = edge::read_document(file, bytes);
    if (finding.document.has_value() == !finding.refusal.empty()) std::abort();
    if (finding.document && !finding.document->ticket) std::abort();
    edge::StickDesk desk;
    const edge::StickBox box{false, {}, 0, {}, "", ""};
    for (const edge::StickTask& task : desk.look({{"/s", finding}}, box, SteadyTime())) {
      if (task.take.has_value() == task.tell.has_value()) std::abort();
      if (!task.tell) continue;
      for (const char c : edge::to_text(*task.tell, 0))
        if (static_cast<unsigned char>(c) < 0x20 && c != '\r' && c != '\n') std::abort();
    }
  }
  return 0;
}
