// The page's style sheet and script. No other sources, no Internet.
#pragma once

#include <string_view>

namespace alarmwire::page {

std::string_view css();
std::string_view script();

}  // namespace alarmwire::page
