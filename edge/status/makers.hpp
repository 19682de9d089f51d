// What is special about the devices of a maker when they mail: for whoever sets one up. Menus
// differ by firmware. Values.
#pragma once

#include <string_view>
#include <vector>

namespace alarmwire::status {

struct Maker {
  std::string_view name;  // what to say to --maker
  std::string_view devices;
  std::vector<std::string_view> hints;             // from manuals and from mails seen
  std::vector<std::string_view> unconfirmed = {};  // general knowledge; shown as such
};

const std::vector<Maker>& makers();
const Maker* maker_called(std::string_view name);  // nullptr: not one of them

}  // namespace alarmwire::status
