// Commands that need no running daemon: keys, addresses, checking a configuration.
// Secrets go into files only: never onto the command line, never onto the terminal.
#pragma once

#include <string>

#include "cli/context.hpp"

namespace alarmwire::cli {

// The daemon's program: the one beside us, which was built with us, else by the search path.
std::string program_of(const std::string& role);
// Makes FILE (0600, never replaced) and FILE.pub; prints the public key.
int generate_key(const Context& context, const std::string& file);
int print_public_key(const Context& context, const std::string& private_key_file);
int print_random_prefix(const Context& context);
int print_address(const Context& context, const std::string& prefix, const std::string& public_key);
// Becomes the daemon's own --check-config, so that both can never differ. `role`: edge, receiver,
// tunnel, or "" to go by the file's name.
int check_config(const Context& context, const std::string& file, const std::string& role);

}  // namespace alarmwire::cli
