#include "receiver/ledger/ledger.hpp"

namespace alarmwire::ledger {

std::string_view to_string(HandOverState state) {
  switch (state) {
    case HandOverState::waiting:
      return "waiting";
    case HandOverState::taken:
      return "taken";
    case HandOverState::refused:
      return "refused";
    case HandOverState::parked:
      return "parked";
    case HandOverState::skipped:
      return "skipped";
  }
  return "?";
}

}  // namespace alarmwire::ledger
