// Any bytes as the beginning of a mail: the look at it ends, tells content only, and more content
// behind it never takes a long line or an 8-bit byte away.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "edge/smtp/mail_look.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alarmwire::smtp;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const QuirkSet whole = look_at_mail(text, true);
  const QuirkSet half = look_at_mail(text.substr(0, size / 2), false);
  for (std::size_t i = 0; i < quirk_count; ++i) {
    const auto quirk = static_cast<Quirk>(i);
    const bool of_content = quirk >= Quirk::no_headers && quirk <= Quirk::long_line;
    if (whole.has(quirk) && !of_content) std::abort();
    if ((quirk == Quirk::long_line || quirk == Quirk::undeclared_8bit) && half.has(quirk) &&
        !whole.has(quirk)) {
      std::abort();
    }
    // Of a header that is not whole nothing is missed, unless its end was seen: then for good.
    if (of_content && half.has(quirk) && !whole.has(quirk)) std::abort();
  }
  return 0;
}
