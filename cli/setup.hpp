// `alarmwire setup`: makes a centre out of an installed package. Asks (or reads a file of answers),
// makes the key and the address range, writes one drop-in beside receiver.toml, then looks at
// everything as `alarmwire doctor` does and says what comes next. What is there is not replaced.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "cli/context.hpp"

namespace alarmwire::cli {

struct SetupWish {
  std::string folder = "/etc/alarmwire";
  std::string answers_file;  // "": ask
  bool no_input = false;     // never ask
  bool anew = false;         // in place of an earlier setup; key and range stay
};

// What a centre needs to know. Texts are as in the configuration.
struct Answers {
  std::vector<std::string> endpoints;  // host[:port], where boxes find this centre
  std::int64_t listen_port = 51820;    // UDP
  std::string prefix;                  // "": a random one
  std::string private_key_file = "/var/lib/alarmwire-tunnel/private.key";
  std::string state_directory = "/var/lib/alarmwire/receiver";
  std::string hostname;  // "": the machine's
  std::string language = "de";
  std::string ebues_host;  // "": no outlet yet
  std::int64_t ebues_port = 25;
  std::string ebues_tls = "none";
  std::string ebues_username;
  std::string ebues_password_file;
  std::string test_address;
};

// Exit code: 0 made, 1 not (nothing is half done but a key), 78 the answers are wrong.
int setup(const Context& context, const SetupWish& wish, std::istream& in);

// The parts, for tests. Failures name the key, as file:line:col.
Result<Answers> read_answers(const std::string& file);
Result<Answers> ask_for_answers(std::istream& in, std::ostream& out);
std::string drop_in_of(const Answers& answers);

}  // namespace alarmwire::cli
