// Any bytes as what lies on a stick, or as a table of sites: read or refused with words; what is
// taken means the same when it is written and read again.
#include <cstdint>
#include <cstdlib>

#include "provisioning/plain_text.hpp"
#include "provisioning/site_document.hpp"
#include "provisioning/site_table.hpp"

namespace {

using namespace alarmwire::provisioning;

void must_come_back(const SiteDocument& document) {
  const auto text = format_site_document(document, "fuzz");
  if (!text) std::abort();
  const auto again =
      parse_site_document(*text, "fuzz", document.ticket ? TicketIs::required : TicketIs::unwanted);
  if (!again || !(*again == document)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto text = plain_text(bytes);
  if (!text && text.error().diagnostics.empty()) std::abort();
  if (text) {
    for (const TicketIs ticket : {TicketIs::required, TicketIs::unwanted}) {
      const auto document = parse_site_document(*text, "fuzz", ticket);
      if (document) must_come_back(*document);
      if (!document && document.error().diagnostics.empty()) std::abort();
    }
  }
  const auto rows = parse_site_table(bytes, "fuzz");
  if (!rows) return rows.error().diagnostics.empty() ? std::abort(), 0 : 0;
  for (const SiteRow& row : *rows) must_come_back(row.document);
  return 0;
}
