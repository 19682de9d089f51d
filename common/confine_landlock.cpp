#include "common/confine_landlock.hpp"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string_view>

namespace alarmwire::confine {
namespace {

// What Debian 12's header does not know yet (linux/landlock.h of 6.12).
constexpr std::uint64_t fs_truncate = 1ULL << 14;
constexpr std::uint64_t net_bind_tcp = 1ULL << 0;
constexpr std::uint64_t net_connect_tcp = 1ULL << 1;
constexpr int rule_net_port = 2;
constexpr std::uint64_t scope_abstract_unix_socket = 1ULL << 0;
constexpr std::uint64_t scope_signal = 1ULL << 1;

constexpr int version_with_refer = 2;
constexpr int version_with_truncate = 3;
constexpr int version_with_scopes = 6;

struct RulesetAttributes {
  std::uint64_t handled_access_fs = 0;
  std::uint64_t handled_access_net = 0;
  std::uint64_t scoped = 0;
};
struct NetPortAttributes {
  std::uint64_t allowed_access = 0;
  std::uint64_t port = 0;
};

constexpr std::uint64_t read_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t file_access =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | fs_truncate;
constexpr std::uint64_t socket_access =
    LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE;
// Neither devices nor links, and nothing is ever executed.
constexpr std::uint64_t own_access = file_access | LANDLOCK_ACCESS_FS_READ_DIR |
                                     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                                     LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REFER;

// As own_access, for plain files only.
constexpr std::uint64_t shared_access = file_access | LANDLOCK_ACCESS_FS_READ_DIR |
                                        LANDLOCK_ACCESS_FS_MAKE_REG |
                                        LANDLOCK_ACCESS_FS_REMOVE_FILE;

// Libraries, certificates, time zones, resolver, what the kernel tells of itself.
constexpr const char* system_paths[] = {"/etc",
                                        "/usr",
                                        "/lib",
                                        "/lib64",
                                        "/proc",
                                        "/sys",
                                        "/dev/urandom",
                                        "/dev/random",
                                        "/run/systemd/resolve",
                                        "/run/resolvconf",
                                        "/run/NetworkManager",
                                        "/run/systemd/userdb"};

class Ruleset {
 public:
  explicit Ruleset(int version) : version_(version) {}
  ~Ruleset() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Ruleset(const Ruleset&) = delete;
  Ruleset& operator=(const Ruleset&) = delete;

  Status make(const Policy& policy) {
    RulesetAttributes wanted;
    handled_ = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
    if (version_ >= version_with_refer) handled_ |= LANDLOCK_ACCESS_FS_REFER;
    if (version_ >= version_with_truncate) handled_ |= fs_truncate;
    wanted.handled_access_fs = handled_;
    if (version_ >= landlock_with_ports)
      wanted.handled_access_net = net_bind_tcp | (policy.connect_ports ? net_connect_tcp : 0);
    if (version_ >= version_with_scopes) wanted.scoped = scopes();
    // An older kernel takes the longer structure as long as what it does not know is 0.
    descriptor_ =
        static_cast<int>(::syscall(SYS_landlock_create_ruleset, &wanted, sizeof wanted, 0));
    if (descriptor_ < 0) return errno_failure(errno, "landlock_create_ruleset");
    return {};
  }

  Status allow(const std::string& path, std::uint64_t access) {
    const int place = ::open(path.c_str(), O_PATH | O_CLOEXEC);
    if (place < 0 && (errno == ENOENT || errno == EACCES)) return {};  // nothing to allow
    if (place < 0) return errno_failure(errno, path);
    struct stat facts {};
    const bool is_folder = ::fstat(place, &facts) == 0 && S_ISDIR(facts.st_mode);
    landlock_path_beneath_attr rule{};
    rule.allowed_access = access & handled_ & (is_folder ? ~0ULL : file_access);
    rule.parent_fd = place;
    const long added =
        ::syscall(SYS_landlock_add_rule, descriptor_, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    const int error = errno;
    ::close(place);
    if (added != 0) return errno_failure(error, "landlock: " + path);
    return {};
  }

  Status allow_ports(const std::vector<std::uint16_t>& ports, std::uint64_t access) {
    for (const std::uint16_t port : ports) {
      const NetPortAttributes rule{access, port};
      if (::syscall(SYS_landlock_add_rule, descriptor_, rule_net_port, &rule, 0) != 0)
        return errno_failure(errno, "landlock: port " + std::to_string(port));
    }
    return {};
  }

  Status restrict_self() const {
    if (::syscall(SYS_landlock_restrict_self, descriptor_, 0) != 0)
      return errno_failure(errno, "landlock_restrict_self");
    return {};
  }

 private:
  // A manager outside systemd may listen for "ready" on an abstract socket.
  static std::uint64_t scopes() {
    const char* const notify = std::getenv("NOTIFY_SOCKET");
    const bool is_abstract = notify != nullptr && notify[0] == '@';
    return scope_signal | (is_abstract ? 0 : scope_abstract_unix_socket);
  }

  const int version_;
  int descriptor_ = -1;
  std::uint64_t handled_ = 0;
};

Status fill(Ruleset& ruleset, const Policy& policy) {
  struct Group {
    std::vector<std::string> paths;
    std::uint64_t access;
  };
  const Group groups[] = {
      {{std::begin(system_paths), std::end(system_paths)}, read_access},
      {policy.readable, read_access},
      {policy.shared_folders, shared_access},
      {policy.socket_folders, socket_access},
      {policy.own_folders, own_access},
      {{policy.state_directory}, own_access},
      {{"/dev/null"}, file_access},
  };
  for (const Group& group : groups)
    for (const std::string& path : group.paths)
      if (Status added = ruleset.allow(path, group.access); added.has_error()) return added;
  return {};
}

}  // namespace

Result<int> restrict_by_landlock(const Policy& policy) {
  const long version =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 0 && (errno == ENOSYS || errno == EOPNOTSUPP)) return 0;
  if (version < 1) return errno_failure(errno, "landlock");
  Ruleset ruleset(static_cast<int>(version));
  if (Status made = ruleset.make(policy); made.has_error()) return made.error();
  if (Status filled = fill(ruleset, policy); filled.has_error()) return filled.error();
  if (version >= landlock_with_ports) {
    Status done = ruleset.allow_ports(policy.listen_ports, net_bind_tcp);
    if (done && policy.connect_ports)
      done = ruleset.allow_ports(*policy.connect_ports, net_connect_tcp);
    if (done.has_error()) return done.error();
  }
  if (Status held = ruleset.restrict_self(); held.has_error()) return held.error();
  return static_cast<int>(version);
}

}  // namespace alarmwire::confine
