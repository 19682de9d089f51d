#include "tunnel/remembered.hpp"

#include <boost/json.hpp>

#include "common/files.hpp"

namespace alarmwire::tunnel {
namespace {

constexpr int schema = 1;

std::string path_in(const std::string& directory) {
  return directory + "/endpoints.json";
}

Failure damaged() {
  return {Errc::corrupt, "the remembered endpoints are damaged"};
}

}  // namespace

std::string format_endpoints(const Endpoints& endpoints) {
  boost::json::object list;
  for (const auto& [key, endpoint] : endpoints) list[key.to_string()] = endpoint.to_string();
  return boost::json::serialize(boost::json::object{{"schema", schema}, {"endpoints", list}}) +
         "\n";
}

Result<Endpoints> parse_endpoints(std::string_view text) {
  boost::system::error_code error;
  const boost::json::value value = boost::json::parse({text.data(), text.size()}, error);
  const boost::json::object* const root = error ? nullptr : value.if_object();
  const boost::json::value* const list = root ? root->if_contains("endpoints") : nullptr;
  if (list == nullptr || !list->is_object()) return damaged();
  Endpoints endpoints;
  for (const auto& item : list->get_object()) {
    const Result<PublicKey> key = PublicKey::parse({item.key().data(), item.key().size()});
    if (!key || !item.value().is_string()) return damaged();
    const boost::json::string& place = item.value().get_string();
    const std::optional<Endpoint> endpoint = Endpoint::parse({place.data(), place.size()});
    if (!endpoint) return damaged();
    endpoints[*key] = *endpoint;
  }
  return endpoints;
}

Result<Endpoints> load_endpoints(const std::string& directory) {
  const Result<std::string> text = read_file(path_in(directory));
  if (!text && text.error().is(Errc::not_found)) return Endpoints();
  if (!text) return text.error();
  return parse_endpoints(*text);
}

Status save_endpoints(const std::string& directory, const Endpoints& endpoints) {
  return write_file_atomically(path_in(directory), format_endpoints(endpoints));
}

}  // namespace alarmwire::tunnel
