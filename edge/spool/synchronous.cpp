// Alone in its file so that a test program can put a weaker mode in its place and see the power-cut
// oracle catch it.
#include "edge/spool/store.hpp"

namespace alarmwire::spool {

std::string_view synchronous_mode() {
  return "FULL";
}

}  // namespace alarmwire::spool
