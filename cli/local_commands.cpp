#include "cli/local_commands.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>

#include "tunnel/address.hpp"
#include "tunnel/keys.hpp"

namespace alarmwire::cli {
namespace {

// Not Context::fail(): no daemon was asked, so nothing is unknown.
int failed(const Context& context, const Failure& failure) {
  context.err << "error: " << failure.diagnostics << "\n";
  return daemon::exit_failed;
}

int usage(const Context& context, const std::string& message) {
  context.err << "error: " << message << "\n";
  return daemon::exit_usage;
}

std::string role_of(const std::string& file) {
  const std::string name = std::filesystem::path(file).filename().string();
  for (const char* const role : {"edge", "receiver", "tunnel"})
    if (name.find(role) != std::string::npos) return role;
  return {};
}

}  // namespace

int generate_key(const Context& context, const std::string& file) {
  const Result<tunnel::PublicKey> key = tunnel::generate_key_files(file);
  if (key.has_error()) return failed(context, key.error());
  const std::string public_file = tunnel::public_file_of(file);
  if (context.json) {
    context.print_json("key/1", boost::json::object{{"public_key", key->to_string()},
                                                    {"private_key_file", file},
                                                    {"public_key_file", public_file}});
  } else {
    context.out << key->to_string() << "\n";
    context.err << "private key: " << file << " (keep it where it is)\npublic key:  " << public_file
                << "\n";
  }
  return daemon::exit_ok;
}

int print_public_key(const Context& context, const std::string& private_key_file) {
  const Result<tunnel::SecretKey> secret = tunnel::read_secret_file(private_key_file);
  if (secret.has_error()) return failed(context, secret.error());
  const Result<tunnel::PublicKey> key = tunnel::public_key_of(*secret);
  if (key.has_error()) return failed(context, key.error());
  if (context.json) {
    context.print_json("key/1", boost::json::object{{"public_key", key->to_string()}});
  } else {
    context.out << key->to_string() << "\n";
  }
  return daemon::exit_ok;
}

int print_random_prefix(const Context& context) {
  const Result<tunnel::Prefix> prefix = tunnel::Prefix::random();
  if (prefix.has_error()) return failed(context, prefix.error());
  if (context.json) {
    context.print_json("prefix/1", boost::json::object{{"prefix", prefix->to_string()}});
  } else {
    context.out << prefix->to_string() << "\n";
  }
  return daemon::exit_ok;
}

int print_address(const Context& context, const std::string& prefix_text,
                  const std::string& public_key) {
  const Result<tunnel::Prefix> prefix = tunnel::Prefix::parse(prefix_text);
  if (prefix.has_error()) return usage(context, prefix.error().diagnostics);
  const Result<tunnel::PublicKey> key = tunnel::PublicKey::parse(public_key);
  if (key.has_error()) return usage(context, key.error().diagnostics);
  const std::string address = prefix->address_of(*key).to_string();
  if (context.json) {
    context.print_json("address/1", boost::json::object{{"address", address}});
  } else {
    context.out << address << "\n";
  }
  return daemon::exit_ok;
}

int check_config(const Context& context, const std::string& file, const std::string& wanted_role) {
  const std::string role = wanted_role.empty() ? role_of(file) : wanted_role;
  if (role.empty())
    return usage(context, file + ": whose is it? Say --for edge, receiver or tunnel");
  std::string program = "alarmwire-" + role;
  // The one beside us was built with us; the path's may be another version.
  std::error_code error;
  const auto beside =
      std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / program;
  if (!error && std::filesystem::exists(beside, error)) program = beside.string();
  std::string check = "--check-config";
  std::string config = "--config";
  std::string path = file;
  const std::array<char*, 5> argv{program.data(), check.data(), config.data(), path.data(),
                                  nullptr};
  context.out.flush();
  ::execvp(program.c_str(), argv.data());
  context.err << "error: " << program << ": " << errno_failure(errno, "start").diagnostics << "\n";
  return daemon::exit_unknown;
}

}  // namespace alarmwire::cli
