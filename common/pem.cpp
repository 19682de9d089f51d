#include "common/pem.hpp"

#include "common/base64.hpp"

namespace alarmwire {

std::optional<std::string> der_of(const std::string& pem) {
  const std::size_t begin = pem.find('\n');
  const std::size_t end = pem.find("-----END");
  if (begin == std::string::npos || end == std::string::npos || end < begin) return {};
  std::string base64;
  for (const char c : pem.substr(begin, end - begin))
    if (c != '\n' && c != '\r') base64 += c;
  return from_base64(base64);
}

}  // namespace alarmwire
