#include "cli/setup.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <filesystem>
#include <istream>

#include "cli/checks.hpp"
#include "cli/doctor.hpp"
#include "common/config.hpp"
#include "common/files.hpp"
#include "common/text.hpp"
#include "tunnel/address.hpp"
#include "tunnel/config.hpp"
#include "tunnel/keys.hpp"

namespace alarmwire::cli {
namespace {

constexpr const char* drop_in_name = "10-setup.toml";
constexpr std::size_t answer_bytes_max = 1000;

// A JSON string is a TOML basic string.
std::string quoted(const std::string& text) {
  return boost::json::serialize(boost::json::string(text));
}

std::string quoted(const std::vector<std::string>& texts) {
  std::string list;
  for (const std::string& text : texts) list += (list.empty() ? "" : ", ") + quoted(text);
  return "[" + list + "]";
}

// "host" → "host:port"; nothing where it is neither.
std::optional<std::string> endpoint_of(std::string text, std::int64_t port) {
  if (!tunnel::EndpointName::parse(text)) text += ":" + std::to_string(port);
  return tunnel::EndpointName::parse(text) ? std::optional(text) : std::nullopt;
}

class Questions {
 public:
  Questions(std::istream& in, std::ostream& out) : in_(in), out_(out) {}

  // Until `accept` takes it: it answers what is wrong, or "".
  template <typename Accept>
  std::string ask(const std::string& question, const std::string& otherwise, Accept accept) {
    while (in_) {
      out_ << question << (otherwise.empty() ? "" : " [" + otherwise + "]") << ": " << std::flush;
      std::string line;
      if (!std::getline(in_, line)) break;
      while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
      if (line.empty()) line = otherwise;
      const std::string wrong =
          line.size() > answer_bytes_max ? std::string("too long") : std::string(accept(line));
      if (wrong.empty()) return line;
      out_ << "  " << printable(wrong) << "\n";
    }
    ended_ = true;
    return otherwise;
  }
  bool has_ended() const { return ended_; }

 private:
  std::istream& in_;
  std::ostream& out_;
  bool ended_ = false;
};

std::string any(const std::string& /*answer*/) {
  return "";
}

std::string want_port(const std::string& answer) {
  const bool digits = !answer.empty() && answer.size() <= 5 &&
                      answer.find_first_not_of("0123456789") == std::string::npos;
  return digits && std::stoi(answer) >= 1 && std::stoi(answer) <= 65535
             ? ""
             : "a number from 1 to 65535";
}

auto one_of(std::vector<std::string> words) {
  return [words = std::move(words)](const std::string& answer) {
    std::string all;
    for (const std::string& word : words) {
      if (word == answer) return std::string();
      all += (all.empty() ? "one of " : ", ") + word;
    }
    return all;
  };
}

void ask_about_ebues(Questions& questions, Answers& answers) {
  answers.ebues_host = questions.ask(
      "EBÜS: host of its mail receiver (AccAlarmReceiverSMTP); empty: later", "", any);
  if (answers.ebues_host.empty()) return;
  answers.ebues_tls = questions.ask("EBÜS: encryption (none, starttls, smtps)", "none",
                                    one_of({"none", "starttls", "smtps"}));
  answers.ebues_port = std::stoi(
      questions.ask("EBÜS: port", answers.ebues_tls == "smtps" ? "465" : "25", want_port));
  answers.ebues_username = questions.ask("EBÜS: user name; empty: no login", "", any);
  if (!answers.ebues_username.empty())
    answers.ebues_password_file =
        questions.ask("EBÜS: file with the password", "/etc/alarmwire/ebues.password", any);
  answers.test_address = questions.ask("EBÜS: address for test mails; empty: none", "", any);
}

// The key, made where there is none. It belongs to whom its folder belongs to.
Result<tunnel::PublicKey> key_of(const std::string& file) {
  std::error_code error;
  if (std::filesystem::exists(file, error)) {
    const Result<tunnel::SecretKey> secret = tunnel::read_secret_file(file);
    if (secret.has_error()) return secret.error();
    return tunnel::public_key_of(*secret);
  }
  const std::string folder = std::filesystem::path(file).parent_path().string();
  if (const Status made = make_directories(folder); made.has_error()) return made.error();
  Result<tunnel::PublicKey> key = tunnel::generate_key_files(file);
  struct stat owner {};
  if (key.has_value() && ::stat(folder.c_str(), &owner) == 0 && ::geteuid() == 0)
    for (const std::string& path : {file, tunnel::public_file_of(file)})
      if (::chown(path.c_str(), owner.st_uid, owner.st_gid) != 0)
        return errno_failure(errno, "chown " + path);
  return key;
}

// An earlier setup's range stays: every box's address is made of it.
Result<std::string> prefix_of(const std::string& wanted, const std::string& receiver_file) {
  if (!wanted.empty()) {
    const Result<tunnel::Prefix> prefix = tunnel::Prefix::parse(wanted);
    return prefix.has_error() ? Result<std::string>(prefix.error()) : wanted;
  }
  if (Result<config::Reader> reader = config::load(receiver_file); reader.has_value()) {
    const std::string there = reader->root().table("tunnel").string("prefix", "");
    if (!there.empty()) return there;
  }
  const Result<tunnel::Prefix> prefix = tunnel::Prefix::random();
  return prefix.has_error() ? Result<std::string>(prefix.error()) : prefix->to_string();
}

void print_next_steps(const Context& context, const Answers& answers, const std::string& written,
                      const std::vector<Check>& checks) {
  context.out << "\nwritten: " << written << "\n\n";
  render_checks(context.out, checks, context.colour);
  context.out << "\nNext:\n"
              << "  1. let UDP port " << answers.listen_port
              << " through from the Internet to this machine; nothing else\n"
              << "  2. systemctl restart alarmwire-tunnel alarmwire-receiver; alarmwire doctor\n";
  if (answers.ebues_host.empty())
    context.out << "  3. add an [[outlet]] for EBÜS, as the reference describes\n";
  else
    context.out << "  3. alarmwire outlet test ebues\n";
  context.out << "  4. alarmwire ticket create --site SITE, for each box\n";
}

}  // namespace

Result<Answers> read_answers(const std::string& file) {
  Result<config::Reader> reader = config::load(file);
  if (reader.has_error()) return reader.error();
  Answers answers;
  config::Table centre = reader->root().table("centre");
  answers.listen_port = centre.integer("listen_port", answers.listen_port, 1, 65535);
  if (!centre.has("endpoints")) centre.problem("endpoints", "is missing: where do boxes find it?");
  for (const std::string& text : centre.strings("endpoints", {})) {
    const auto endpoint = endpoint_of(text, answers.listen_port);
    if (endpoint)
      answers.endpoints.push_back(*endpoint);
    else
      centre.problem("endpoints", quoted(text) + " is neither a host nor host:port");
  }
  answers.prefix = centre.string("prefix", "");
  answers.private_key_file = centre.string("private_key_file", answers.private_key_file);
  answers.state_directory = centre.string("state_directory", answers.state_directory);
  answers.hostname = centre.string("hostname", "");
  constexpr std::array<std::string_view, 2> languages{"de", "en"};
  answers.language = languages.at(centre.choice("language", 0, {"de", "en"}));
  config::Table ebues = reader->root().table("ebues");
  answers.ebues_host = ebues.string("host", "");
  constexpr std::array<std::string_view, 3> kinds{"none", "starttls", "smtps"};
  answers.ebues_tls = kinds.at(ebues.choice("tls", 0, {"none", "starttls", "smtps"}));
  answers.ebues_port = ebues.integer("port", answers.ebues_tls == "smtps" ? 465 : 25, 1, 65535);
  answers.ebues_username = ebues.string("username", "");
  answers.ebues_password_file = ebues.string("password_file", "");
  answers.test_address = ebues.string("test_address", "");
  if (ebues.exists() && answers.ebues_host.empty()) ebues.problem("host", "is missing");
  if (const Status ok = reader->finish(); ok.has_error()) return ok.error();
  return answers;
}

Result<Answers> ask_for_answers(std::istream& in, std::ostream& out) {
  Questions questions(in, out);
  Answers answers;
  answers.listen_port = std::stoi(questions.ask("UDP port for the boxes' tunnels",
                                                std::to_string(answers.listen_port), want_port));
  const std::string endpoint = questions.ask(
      "Where do boxes find this centre from outside (name or address)?", "",
      [&](const std::string& answer) {
        return endpoint_of(answer, answers.listen_port) ? ""
                                                        : "a host name, an address, or HOST:PORT";
      });
  answers.state_directory = questions.ask(
      "Folder for the alarms", answers.state_directory, [](const std::string& answer) {
        return answer.starts_with('/') ? "" : "a whole path, from / on";
      });
  answers.language = questions.ask("Language of fault mails (de, en)", "de", one_of({"de", "en"}));
  ask_about_ebues(questions, answers);
  if (questions.has_ended())
    return Failure(Errc::invalid_argument, "the answers ended before the questions");
  answers.endpoints = {*endpoint_of(endpoint, answers.listen_port)};
  return answers;
}

std::string drop_in_of(const Answers& answers) {
  std::string text =
      "# Made by `alarmwire setup`. What stands here goes before receiver.toml.\n\n[tunnel]\n";
  const auto add = [&text](const char* key, const std::string& value) {
    if (!value.empty()) text += std::string(key) + " = " + value + "\n";
  };
  add("private_key_file", quoted(answers.private_key_file));
  add("prefix", quoted(answers.prefix));
  add("listen_port", std::to_string(answers.listen_port));
  text += "\n[receiver]\n";
  add("state_directory", quoted(answers.state_directory));
  add("hostname", answers.hostname.empty() ? "" : quoted(answers.hostname));
  add("language", quoted(answers.language));
  text += "\n[provisioning]\n";
  add("endpoints", quoted(answers.endpoints));
  if (answers.ebues_host.empty()) return text;
  const auto add_text = [&](const char* key, const std::string& value) {
    add(key, value.empty() ? "" : quoted(value));
  };
  text += "\n[[outlet]]\nname = \"ebues\"\n";
  add_text("host", answers.ebues_host);
  add("port", std::to_string(answers.ebues_port));
  add_text("tls", answers.ebues_tls);
  add_text("username", answers.ebues_username);
  add_text("password_file", answers.ebues_password_file);
  add_text("test_address", answers.test_address);
  return text;
}

int setup(const Context& context, const SetupWish& wish, std::istream& in) {
  const std::filesystem::path folder(wish.folder);
  const std::string receiver_file = folder / "receiver.toml";
  const std::string drop_in = folder / "receiver.d" / drop_in_name;
  std::error_code error;
  if (std::filesystem::exists(drop_in, error) && !wish.anew)
    return context.fail(daemon::exit_failed, drop_in + " is there: this centre was set up before",
                        "alarmwire doctor looks at it; --anew writes it again, with the same key");
  if (wish.answers_file.empty() && (wish.no_input || context.json))
    return context.fail(daemon::exit_usage, "without questions it needs --config FILE");
  Result<Answers> answers = wish.answers_file.empty() ? ask_for_answers(in, context.out)
                                                      : read_answers(wish.answers_file);
  if (answers.has_error())
    return context.fail(wish.answers_file.empty() ? daemon::exit_failed : daemon::exit_config,
                        answers.error().diagnostics);
  const Result<std::string> prefix = prefix_of(answers->prefix, receiver_file);
  if (prefix.has_error()) return context.fail(daemon::exit_config, prefix.error().diagnostics);
  answers->prefix = *prefix;
  const Result<tunnel::PublicKey> key = key_of(answers->private_key_file);
  if (key.has_error()) return context.fail(daemon::exit_failed, key.error().diagnostics);
  Status written = make_directories(folder / "receiver.d");
  if (written.has_value() && !std::filesystem::exists(receiver_file, error))
    written = write_file_atomically(
        receiver_file, "# The centre's configuration; see also receiver.d beside it.\n", 0644);
  if (written.has_value()) written = write_file_atomically(drop_in, drop_in_of(*answers), 0644);
  if (written.has_error()) return context.fail(daemon::exit_failed, written.error().diagnostics);
  const std::vector<Check> checks = examine(context, receiver_file);
  if (!context.json) {
    print_next_steps(context, *answers, drop_in, checks);
    return daemon::exit_ok;
  }
  boost::json::object result = to_json(checks);
  result["written"] = drop_in;
  result["public_key"] = key->to_string();
  result["prefix"] = answers->prefix;
  context.print_json("setup/1", result);
  return daemon::exit_ok;
}

}  // namespace alarmwire::cli
