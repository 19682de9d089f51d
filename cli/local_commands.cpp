#include "cli/local_commands.hpp"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <vector>

#include "tunnel/address.hpp"
#include "tunnel/keys.hpp"
#include "tunnel/process.hpp"

namespace alarmwire::cli {
namespace {

std::string role_of(const std::string& file) {
  const std::string name = std::filesystem::path(file).filename().string();
  for (const char* const role : {"edge", "receiver", "tunnel"})
    if (name.find(role) != std::string::npos) return role;
  return {};
}

// The daemon's words, in an object of ours; `env` finds it on the path.
int check_in_json(const Context& context, const std::string& file, std::vector<std::string> words) {
  words.insert(words.begin(), "/usr/bin/env");
  const auto outcome = tunnel::process::run(words, "", answer_within);
  if (outcome.has_error()) return context.fail(daemon::exit_unknown, outcome.error().diagnostics);
  if (outcome->exit_code == daemon::exit_config)
    return context.fail(daemon::exit_config, outcome->output);
  if (outcome->exit_code != daemon::exit_ok)
    return context.fail(daemon::exit_unknown, outcome->output);
  context.print_json("config-check/1", boost::json::object{{"file", file}, {"ok", true}});
  return daemon::exit_ok;
}

}  // namespace

std::string program_of(const std::string& role) {
  const std::string program = "alarmwire-" + role;
  std::error_code error;
  const auto beside =
      std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / program;
  return !error && std::filesystem::exists(beside, error) ? beside.string() : program;
}

int generate_key(const Context& context, const std::string& file) {
  const Result<tunnel::PublicKey> key = tunnel::generate_key_files(file);
  if (key.has_error()) return context.fail(daemon::exit_failed, key.error().diagnostics);
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
  if (secret.has_error()) return context.fail(daemon::exit_failed, secret.error().diagnostics);
  const Result<tunnel::PublicKey> key = tunnel::public_key_of(*secret);
  if (key.has_error()) return context.fail(daemon::exit_failed, key.error().diagnostics);
  if (context.json) {
    context.print_json("key/1", boost::json::object{{"public_key", key->to_string()}});
  } else {
    context.out << key->to_string() << "\n";
  }
  return daemon::exit_ok;
}

int print_random_prefix(const Context& context) {
  const Result<tunnel::Prefix> prefix = tunnel::Prefix::random();
  if (prefix.has_error()) return context.fail(daemon::exit_failed, prefix.error().diagnostics);
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
  if (prefix.has_error()) return context.fail(daemon::exit_usage, prefix.error().diagnostics);
  const Result<tunnel::PublicKey> key = tunnel::PublicKey::parse(public_key);
  if (key.has_error()) return context.fail(daemon::exit_usage, key.error().diagnostics);
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
    return context.fail(daemon::exit_usage,
                        file + ": whose is it? Say --for edge, receiver or tunnel");
  const std::vector<std::string> words{program_of(role), "--config", file, "--check-config"};
  if (context.json) return check_in_json(context, file, words);
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  context.out.flush();
  ::execvp(argv.front(), argv.data());
  return context.fail(daemon::exit_unknown,
                      words.front() + ": " + errno_failure(errno, "start").diagnostics);
}

}  // namespace alarmwire::cli
