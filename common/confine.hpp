// What a daemon gives up for good before it reads the first byte of a stranger: root, capabilities,
// files that are not its own, and system calls it never makes. docs/threat-model.md says against
// whom, and what stays possible.
//
// Promises: after hold() no thread of the process has a capability, none can gain one (also not by
// running a program: it cannot run any), and
//   - files: only `own_folders` and `shared_folders` can be written, only `readable` and the
//   system's own be read
//     (Landlock; a kernel without it leaves this to the files' rights, and the log says so);
//   - network: sockets of IPv4, IPv6, Unix and netlink's route family only, none raw; TCP ports as
//     the policy says where the kernel can tell (Landlock since Linux 6.7);
//   - system calls: what is not listed answers ENOSYS, as an older kernel would, so that libraries
//     fall back. What only an intruder would call (run a program, trace, mount, load a BPF program,
//     make a namespace …) ends the process at once, with a crash note for the next start to tell.
// There is no switch that turns it off.
//
// Errors: a Failure names the step; the process must then end. Thread-safety: one thread, before
// any other is made (checked): what is given up later would stay with those. Source:
// seccomp(2), landlock(7), capabilities(7).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/account.hpp"
#include "common/error.hpp"

namespace alarmwire::confine {

inline constexpr std::uint16_t any_free_port = 0;  // of the kernel's choice

struct Policy {
  std::string state_directory;              // its own, and where the crash note goes
  std::vector<std::string> own_folders;     // more of its own, with all below; made if missing
  std::vector<std::string> socket_folders;  // where it makes a Unix socket, and nothing else
  std::vector<std::string> shared_folders;  // plain files of others' are read and replaced in it,
                                            // with all below; missing: no matter
  std::vector<std::string> readable;        // files or folders, with all below; missing: no matter
  std::vector<std::string> out_of_reach;    // files it must not be able to open: logged if it can
  bool asks_dns = false;                    // UDP sockets
  // TCP ports it may connect to, and listen on from now on. nullopt: any.
  std::optional<std::vector<std::uint16_t>> connect_ports;
  std::vector<std::uint16_t> listen_ports;
};

// Which account a daemon is to run as. `is_required`: somebody said so, beside the default.
struct Wanted {
  std::string account;
  bool is_required = false;
};

// As root: becomes the account, with its groups. As anybody else: Errc::denied where another
// account is required. All capabilities are gone afterwards, for good.
Status give_up_rights(const Wanted& wanted);

Status hold(const Policy& policy);

// For a child process that only computes on what it was given (decodes a stranger's picture): from
// now on it has memory, reads and writes what is open, and ends. Anything else ends it at once,
// without a word. no_new_privs must be set; builds with sanitizers are not held.
Status hold_to_computing();

// Where a file stands, for a policy: a file that is replaced keeps only its folder's rule.
// "": nowhere.
std::string folder_of(const std::string& file);
std::vector<std::string> folders_of(const std::vector<std::string>& files);  // of those not ""

}  // namespace alarmwire::confine
