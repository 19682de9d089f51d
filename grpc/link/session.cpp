#include "grpc/link/session.hpp"

namespace alarmwire::link {

std::string_view to_string(CloseCode code) {
  switch (code) {
    case CloseCode::stopped:
      return "stopped";
    case CloseCode::drained:
      return "drained";
    case CloseCode::fenced:
      return "fenced";
    case CloseCode::silent:
      return "silent";
    case CloseCode::protocol:
      return "protocol";
    case CloseCode::version:
      return "version";
    case CloseCode::denied:
      return "denied";
    case CloseCode::failed:
      return "failed";
  }
  return "unknown";
}

}  // namespace alarmwire::link
