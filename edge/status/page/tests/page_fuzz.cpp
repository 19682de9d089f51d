// Any bytes as a request's parts: the page answers, and no byte of a request stands in an answer
// that could be markup. The first bytes choose the path; lines are headers; the rest is the body.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "edge/status/page/form.hpp"
#include "edge/status/page/page.hpp"

namespace {

std::string take_line(std::string_view& rest) {
  const std::string_view line = rest.substr(0, rest.find('\n'));
  rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  return std::string(line);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alarmwire::page;
  static const Page page({"edge.internal"}, "token");
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  Request request;
  request.local_address = request.host = "192.0.2.1";
  request.local_port = 80;
  request.origin = "http://192.0.2.1";
  request.method = take_line(rest) == "GET" ? "GET" : "POST";
  request.target = take_line(rest);
  request.cookie = take_line(rest);
  request.accept_language = take_line(rest);
  request.content_type = take_line(rest);
  request.body = std::string(rest);
  for (const auto standing : {BoxState::Standing::open, BoxState::Standing::enrolled}) {
    BoxState state;
    state.standing = standing;
    const Reply reply = page.take(request, state);
    const auto* const answer = std::get_if<Answer>(&reply);
    if (answer != nullptr && (answer->status < 200 || answer->status > 503)) std::abort();
    if (answer == nullptr && standing != BoxState::Standing::open) std::abort();
  }
  if (const auto fields = multipart_fields(request.content_type, request.body))
    for (const Field& field : *fields)
      if (!field.value.empty() &&
          (field.value.data() < request.body.data() ||
           field.value.data() + field.value.size() > request.body.data() + request.body.size()))
        std::abort();
  return 0;
}
