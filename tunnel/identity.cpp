#include "tunnel/identity.hpp"

#include <fcntl.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cerrno>

#include "common/control_request.hpp"
#include "common/files.hpp"
#include "tunnel/file.hpp"

namespace alarmwire::tunnel {
namespace {

constexpr int schema = 1;

std::string path_in(const std::string& directory) {
  return directory + "/identity.json";
}

Failure damaged(const std::string& what) {
  return {Errc::corrupt, "the box's identity is damaged: " + what};
}

bool read_secret(const boost::json::object& root, std::string_view name, SecretKey& key) {
  const Result<SecretKey> parsed = SecretKey::parse(control::text_of(root, name));
  if (parsed) key = *parsed;
  return parsed.has_value();
}

bool read_public(const boost::json::object& root, std::string_view name, PublicKey& key) {
  const Result<PublicKey> parsed = PublicKey::parse(control::text_of(root, name));
  if (parsed) key = *parsed;
  return parsed.has_value();
}

bool read_endpoints(const boost::json::object& root, std::vector<EndpointName>& endpoints) {
  const boost::json::value* const list = root.if_contains("endpoints");
  if (list == nullptr || !list->is_array()) return false;
  for (const boost::json::value& item : list->get_array()) {
    if (!item.is_string()) return false;
    const boost::json::string& text = item.get_string();
    const auto endpoint = EndpointName::parse({text.data(), text.size()});
    if (!endpoint) return false;
    endpoints.push_back(*endpoint);
  }
  return !endpoints.empty() && endpoints.size() <= identity_endpoints_max;
}

constexpr std::array<std::string_view, 4> rotation_states{"offered", "trial", "done", "failed"};

boost::json::object to_json(const Rotation& rotation) {
  return {{"state", to_string(rotation.state)},
          {"order", to_base64(rotation.order)},
          {"trials", rotation.trials},
          {"private_key", rotation.private_key.to_base64_secret()},
          {"preshared_key", rotation.preshared_key.to_base64_secret()}};
}

bool read_rotation(const boost::json::object& root, std::optional<Rotation>& rotation) {
  const boost::json::value* const value = root.if_contains("rotation");
  if (value == nullptr) return true;
  if (!value->is_object()) return false;
  const boost::json::object& object = value->get_object();
  Rotation read;
  const auto* const state =
      std::find(rotation_states.begin(), rotation_states.end(), control::text_of(object, "state"));
  const std::optional<KeyBytes> order = key_from_base64(control::text_of(object, "order"));
  if (state == rotation_states.end() || !order) return false;
  read.state = static_cast<Rotation::State>(state - rotation_states.begin());
  read.order = *order;
  read.trials = static_cast<std::uint32_t>(control::number_of(object, "trials", 0));
  rotation = read;
  return read_secret(object, "private_key", rotation->private_key) &&
         read_secret(object, "preshared_key", rotation->preshared_key);
}

}  // namespace

std::string_view to_string(Rotation::State state) {
  return rotation_states.at(static_cast<std::size_t>(state));
}

std::string format_identity(const Identity& identity) {
  boost::json::array endpoints;
  for (const EndpointName& endpoint : identity.endpoints)
    endpoints.push_back(boost::json::string(endpoint.to_string()));
  boost::json::object root{
      {"schema", schema},
      {"state", identity.state == Identity::State::enrolled ? "enrolled" : "bootstrap"},
      {"private_key", identity.private_key.to_base64_secret()},
      {"ticket_key", identity.ticket_key.to_string()},
      {"preshared_key", identity.preshared_key.to_base64_secret()},
      {"centre", identity.centre.to_string()},
      {"prefix", identity.prefix.to_string()},
      {"endpoints", std::move(endpoints)}};
  if (identity.state == Identity::State::bootstrap)
    root["bootstrap_private_key"] = identity.bootstrap_private_key.to_base64_secret();
  if (identity.rotation) root["rotation"] = to_json(*identity.rotation);
  return boost::json::serialize(root) + "\n";
}

Result<Identity> parse_identity(std::string_view text) {
  boost::system::error_code error;
  const boost::json::value value = boost::json::parse({text.data(), text.size()}, error);
  const boost::json::object* const root = error ? nullptr : value.if_object();
  if (root == nullptr) return damaged("it is no JSON");
  Identity identity;
  const std::string state = control::text_of(*root, "state");
  if (state != "bootstrap" && state != "enrolled") return damaged("state");
  identity.state = state == "enrolled" ? Identity::State::enrolled : Identity::State::bootstrap;
  if (!read_secret(*root, "private_key", identity.private_key)) return damaged("private_key");
  if (!read_public(*root, "ticket_key", identity.ticket_key)) return damaged("ticket_key");
  if (!read_secret(*root, "preshared_key", identity.preshared_key)) return damaged("preshared_key");
  if (!read_public(*root, "centre", identity.centre)) return damaged("centre");
  if (identity.state == Identity::State::bootstrap &&
      !read_secret(*root, "bootstrap_private_key", identity.bootstrap_private_key))
    return damaged("bootstrap_private_key");
  const Result<Prefix> prefix = Prefix::parse(control::text_of(*root, "prefix"));
  if (!prefix) return damaged("prefix");
  identity.prefix = *prefix;
  if (!read_endpoints(*root, identity.endpoints)) return damaged("endpoints");
  if (!read_rotation(*root, identity.rotation)) return damaged("rotation");
  return identity;
}

Result<std::optional<Identity>> load_identity(const std::string& directory) {
  Result<std::string> text =
      read_guarded_file(path_in(directory), state_file_bytes_max, Privacy::owner_only);
  if (!text && text.error().is(Errc::not_found)) return std::optional<Identity>();
  if (!text) return text.error();
  Result<Identity> identity = parse_identity(*text);
  OPENSSL_cleanse(text->data(), text->size());
  if (!identity) return identity.error();
  return std::optional<Identity>(*identity);
}

Status save_identity(const std::string& directory, const Identity& identity) {
  std::string text = format_identity(identity);
  Status saved = write_file_atomically(path_in(directory), text);
  OPENSSL_cleanse(text.data(), text.size());
  return saved;
}

Status remove_identity(const std::string& directory) {
  const std::string path = path_in(directory);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return errno_failure(errno, "removing " + path);
  const Descriptor folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::fsync(folder.get()) != 0) return errno_failure(errno, "syncing " + directory);
  return {};
}

}  // namespace alarmwire::tunnel
