#include "tunnel/config.hpp"

#include <set>

#include "common/account.hpp"

namespace alarmwire::tunnel {
namespace {

constexpr std::int64_t port_max = 65535;

PublicKey read_public_key(config::Table& table) {
  const std::string text = table.required_string("public_key");
  if (text.empty()) return {};
  const Result<PublicKey> key = PublicKey::parse(text);
  if (key) return *key;
  table.problem("public_key", key.error().diagnostics);
  return {};
}

void check_secret_file(config::Table& table, std::string_view key, const std::string& path,
                       KeyFiles key_files) {
  if (key_files == KeyFiles::leave || path.empty()) return;
  const Result<SecretKey> secret = read_secret_file(path);
  if (!secret) table.problem(key, secret.error().diagnostics);
}

PeerSettings read_centre(config::Table table, KeyFiles key_files) {
  PeerSettings peer;
  peer.name = centre_box_id;
  peer.public_key = read_public_key(table);
  peer.preshared_key_file = table.string("preshared_key_file", "");
  check_secret_file(table, "preshared_key_file", peer.preshared_key_file, key_files);
  const std::vector<std::string> texts = table.strings("endpoints", {});
  if (texts.empty()) table.problem("endpoints", "name at least one: [\"host:port\"]");
  if (texts.size() > Supervisor::names_max) table.problem("endpoints", "too many, at most 16");
  for (const std::string& text : texts) {
    const std::optional<EndpointName> name = EndpointName::parse(text);
    if (name)
      peer.endpoints.push_back(*name);
    else
      table.problem("endpoints", "\"" + text + "\" is not of the form host:port");
  }
  return peer;
}

std::vector<PeerSettings> read_boxes(config::Table& root, KeyFiles key_files) {
  std::vector<PeerSettings> boxes;
  std::set<std::string> ids;
  std::set<PublicKey> keys;
  for (config::Table& table : root.tables("box")) {
    PeerSettings box;
    box.name = table.required_string("id");
    if (!box.name.empty() && (!is_valid_box_id(box.name) || box.name == centre_box_id)) {
      table.problem("id", "is no box id: lower-case letters, digits and -, and not \"centre\"");
    }
    box.public_key = read_public_key(table);
    box.preshared_key_file = table.string("preshared_key_file", "");
    check_secret_file(table, "preshared_key_file", box.preshared_key_file, key_files);
    if (key_files == KeyFiles::read) table.ignore_others();
    if (!ids.insert(box.name).second) table.problem("id", "stands twice in the file");
    if (box.public_key != PublicKey{} && !keys.insert(box.public_key).second) {
      table.problem("public_key", "belongs to another box already");
    }
    boxes.push_back(std::move(box));
  }
  return boxes;
}

// `edge.user` is the edge daemon's to check; by default the account need not be there.
std::optional<std::uint32_t> read_guarded(config::Table edge, KeyFiles key_files) {
  const bool is_named = edge.has("user");
  const std::string name = edge.string("user", "alarmwire-edge");
  if (key_files == KeyFiles::leave) return std::nullopt;
  edge.ignore_others();
  const Result<Account> account = find_account(name);
  if (account && account->uid != 0) return account->uid;
  if (is_named) edge.problem("user", name + ": is no account that a daemon can run as");
  return std::nullopt;
}

Prefix read_prefix(config::Table& table) {
  const std::string text = table.required_string("prefix");
  if (text.empty()) return {};
  const Result<Prefix> prefix = Prefix::parse(text);
  if (prefix) return *prefix;
  table.problem("prefix", prefix.error().diagnostics);
  return {};
}

bool read_is_box(config::Table& table, bool has_centre) {
  const bool is_box = table.choice("role", has_centre ? 0 : 1, {"box", "centre"}) == 0;
  if (has_centre && !is_box) table.problem("role", "[tunnel.centre] stands only at a box");
  return is_box;
}

// Half an identity would be worse than none.
void refuse_given_identity(config::Table& table) {
  for (const char* const key : {"private_key_file", "prefix"}) {
    if (table.string(key, "").empty()) continue;
    table.problem(key, "comes by the ticket: leave it out, or name [tunnel.centre] too");
  }
}

std::vector<std::uint16_t> read_more_listen_ports(config::Table& table, const Settings& settings) {
  std::vector<std::uint16_t> ports;
  for (const std::int64_t port : table.integers("more_listen_ports", {}, 1, port_max)) {
    if (port == settings.listen_port)
      table.problem("more_listen_ports", "holds listen_port itself");
    ports.push_back(static_cast<std::uint16_t>(port));
  }
  if (!ports.empty() && settings.role == Role::box)
    table.problem("more_listen_ports", "stands only at a centre: nobody calls a box");
  if (ports.size() > more_listen_ports_max)
    table.problem("more_listen_ports",
                  "at most " + std::to_string(more_listen_ports_max) + " ports");
  return ports;
}

std::string where_read(const std::string& diagnostics, const std::string& what) {
  return what + ": " + diagnostics;
}

}  // namespace

Settings read_settings(config::Table root, KeyFiles key_files) {
  Settings settings;
  config::Table table = root.table("tunnel");
  config::Table centre = table.table("centre");
  const bool is_box = read_is_box(table, centre.exists());
  settings.role = is_box ? Role::box : Role::centre;
  settings.enrols = is_box && !centre.exists();
  if (settings.enrols) {
    refuse_given_identity(table);
  } else {
    settings.private_key_file = table.required_string("private_key_file");
    check_secret_file(table, "private_key_file", settings.private_key_file, key_files);
    settings.prefix = read_prefix(table);
  }
  settings.interface = table.string("interface", is_box ? "wgedge" : "wgcentre");
  if (!is_valid_interface_name(settings.interface)) {
    table.problem("interface", "must be 1 to 15 of a-z 0-9 _ -, a letter first");
  }
  settings.backend =
      static_cast<Backend>(table.choice("backend", 0, {"auto", "kernel", "userspace"}));
  const std::int64_t listen = is_box ? 0 : centre_listen_port_default;
  settings.listen_port =
      static_cast<std::uint16_t>(table.integer("listen_port", listen, is_box ? 0 : 1, port_max));
  settings.more_listen_ports = read_more_listen_ports(table, settings);
  settings.mtu = static_cast<std::uint32_t>(table.integer("mtu", mtu_default, mtu_default, 1500));
  settings.link_port =
      static_cast<std::uint16_t>(table.integer("link_port", link_port_default, 1, port_max));
  settings.enrolment_port = static_cast<std::uint16_t>(
      table.integer("enrolment_port", enrolment_port_default, 1, port_max));
  if (settings.enrolment_port == settings.link_port)
    table.problem("enrolment_port", "must not be the link's");
  std::vector<std::int64_t> ports;
  if (!is_box) ports.push_back(settings.link_port);
  for (const std::int64_t port : table.integers("allow_tcp_ports", ports, 1, port_max)) {
    settings.allow_tcp_ports.push_back(static_cast<std::uint16_t>(port));
  }
  settings.state_directory = table.string("state_directory", "/var/lib/alarmwire-tunnel");
  settings.control_socket = table.string("control_socket", "/run/alarmwire-tunnel/control.sock");
  settings.control_group = table.string("control_group", "");
  settings.keep_interface = table.boolean("keep_interface", false);
  if (is_box) {
    if (!settings.enrols) settings.peers.push_back(read_centre(centre, key_files));
    settings.guarded_uid = read_guarded(root.table("edge"), key_files);
    root.ignore("box");
  } else {
    settings.peers = read_boxes(root, key_files);
  }
  // Alone, it must not judge other daemons' keys; beside them, it must not hide a misspelt one.
  if (key_files == KeyFiles::read) root.ignore_others();
  return settings;
}

Result<Settings> load_settings(const std::string& path) {
  Result<config::Reader> reader = config::load(path);
  if (!reader) return reader.error();
  const Settings settings = read_settings(reader->root(), KeyFiles::read);
  if (Status s = reader->finish(); !s) return s.error();
  return settings;
}

Result<Secrets> load_secrets(const Settings& settings) {
  Secrets secrets;
  if (settings.enrols) return secrets;
  const Result<SecretKey> private_key = read_secret_file(settings.private_key_file);
  if (!private_key) {
    return Failure(private_key.error().code,
                   where_read(private_key.error().diagnostics, "tunnel.private_key_file"));
  }
  secrets.private_key = *private_key;
  const Result<PublicKey> public_key = public_key_of(*private_key);
  if (!public_key) return public_key.error();
  secrets.public_key = *public_key;
  for (const PeerSettings& peer : settings.peers) {
    if (peer.preshared_key_file.empty()) {
      secrets.preshared_keys.emplace_back();
      continue;
    }
    const Result<SecretKey> preshared = read_secret_file(peer.preshared_key_file);
    if (!preshared) {
      return Failure(preshared.error().code, where_read(preshared.error().diagnostics,
                                                        "preshared_key_file of " + peer.name));
    }
    secrets.preshared_keys.emplace_back(*preshared);
  }
  return secrets;
}

std::string fixed_key_that_differs(const Settings& running, const Settings& wanted) {
  if (running.role != wanted.role || running.enrols != wanted.enrols) return "centre";
  if (running.prefix != wanted.prefix) return "prefix";
  if (running.interface != wanted.interface) return "interface";
  if (running.backend != wanted.backend) return "backend";
  if (running.mtu != wanted.mtu) return "mtu";
  if (running.state_directory != wanted.state_directory) return "state_directory";
  if (running.control_socket != wanted.control_socket) return "control_socket";
  if (running.control_group != wanted.control_group) return "control_group";
  if (running.enrolment_port != wanted.enrolment_port) return "enrolment_port";
  return {};
}

Result<Ipv6> own_address(const Settings& settings) {
  const Result<PublicKey> key = read_public_file(public_file_of(settings.private_key_file));
  if (!key) return key.error();
  return settings.prefix.address_of(*key);
}

std::optional<Ipv6> centre_address(const Settings& settings) {
  if (settings.role != Role::box || settings.peers.empty()) return std::nullopt;
  return settings.prefix.address_of(settings.peers.front().public_key);
}

std::optional<BoxId> box_at(const Settings& settings, const Ipv6& address) {
  if (settings.role != Role::centre) return std::nullopt;
  for (const PeerSettings& peer : settings.peers) {
    if (settings.prefix.address_of(peer.public_key) == address) return peer.name;
  }
  return std::nullopt;
}

}  // namespace alarmwire::tunnel
