// The page as HTML. Whatever the box or the centre says is escaped.
// Thread-safety: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "edge/status/page/page.hpp"

namespace alarmwire::page {

struct Shown {
  const BoxState& state;
  Language language;
  const std::string& token;
  Trouble trouble;
  const std::string& reason;
};

std::string whole_page(const Shown& shown);
// What changes while one looks on: the script fetches it again and again.
std::string state_part(const BoxState& state, Language language);

std::string_view word_of(Language language);  // "de", "en"
std::string escaped(std::string_view text);

}  // namespace alarmwire::page
