#include "common/confine.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "common/confine_calls.hpp"
#include "common/confine_landlock.hpp"
#include "common/files.hpp"
#include "common/log.hpp"
#include "common/messages.hpp"
#include "common/reach.hpp"

namespace alarmwire::confine {
namespace {

Status drop_capabilities() {
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL)
    return errno_failure(errno, "dropping ambient capabilities");
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
  if (::syscall(SYS_capset, &header, none.data()) != 0)
    return errno_failure(errno, "dropping capabilities");
  return {};
}

// What is not in the bounding set cannot come back. Only root may take it out; for others
// no_new_privs, which hold() sets, does the same.
Status become(const Account& account) {
  if (account.uid == 0) return Failure(Errc::denied, "the account to run as must not be root");
  for (unsigned long each = 0; each <= CAP_LAST_CAP; ++each)
    ::prctl(PR_CAPBSET_DROP, each, 0, 0, 0);
  const int grouped = account.name.empty() ? ::setgroups(0, nullptr)
                                           : ::initgroups(account.name.c_str(), account.gid);
  if (grouped != 0 || ::setresgid(account.gid, account.gid, account.gid) != 0 ||
      ::setresuid(account.uid, account.uid, account.uid) != 0)
    return errno_failure(errno, "becoming account " + std::to_string(account.uid));
  if (::setuid(0) == 0) return Failure(Errc::denied, "root could be had back");
  return {};
}

Result<std::size_t> count_threads() {
  std::error_code error;
  std::size_t count = 0;
  for (auto each = std::filesystem::directory_iterator("/proc/self/task", error);
       !error && each != std::filesystem::directory_iterator(); each.increment(error))
    ++count;
  if (error) return errno_failure(error.value(), "/proc/self/task");
  return count;
}

// access(2) does not ask Landlock.
bool can_open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

}  // namespace

Status give_up_rights(const Wanted& wanted) {
  const bool is_root = ::geteuid() == 0;
  if (is_root || wanted.is_required) {
    const Result<Account> account = find_account(wanted.account);
    if (account.has_error()) {
      return Failure(account.error().code, account.error().diagnostics +
                                               (is_root ? "; started as root, it must know what "
                                                          "account to run as"
                                                        : ""));
    }
    if (is_root) {
      if (Status became = become(*account); became.has_error()) return became;
    } else if (account->uid != ::geteuid()) {
      return Failure(Errc::denied, "must run as " + wanted.account + ", and was started as " +
                                       std::to_string(::geteuid()));
    }
  }
  return drop_capabilities();
}

std::string folder_of(const std::string& file) {
  if (file.empty()) return {};
  const std::string folder = std::filesystem::path(file).parent_path().string();
  return folder.empty() ? "." : folder;
}

std::vector<std::string> folders_of(const std::vector<std::string>& files) {
  std::vector<std::string> folders;
  for (const std::string& file : files)
    if (!file.empty()) folders.push_back(folder_of(file));
  return folders;
}

Status hold(const Policy& policy) {
#if !defined(__SANITIZE_THREAD__)  // that one brings a thread of its own
  const Result<std::size_t> threads = count_threads();
  if (threads.has_error()) return threads.error();
  if (*threads != 1) return Failure(Errc::conflict, "confined too late: there are threads already");
#endif
  if (Status made = make_directories(policy.state_directory); made.has_error()) return made.error();
  for (const std::string& folder : policy.own_folders)
    if (Status made = make_directories(folder); made.has_error()) return made.error();
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno_failure(errno, "no_new_privs");
  const Result<int> landlock = restrict_by_landlock(policy);
  if (landlock.has_error()) return landlock.error();
  if (Status held = restrict_calls(policy); held.has_error()) return held.error();
  if (*landlock == 0) log::write(CONFINE_IN_PART);
  std::vector<std::string> reach = policy.readable;
  for (const auto* const folders : {&policy.own_folders, &policy.shared_folders})
    reach.insert(reach.end(), folders->begin(), folders->end());
  reach.push_back(policy.state_directory);
  remember_reach(std::move(reach));
  log::write(CONFINE_DONE, {{"user", std::to_string(::geteuid())},
                            {"landlock", std::to_string(*landlock)},
                            {"ports_held", *landlock >= landlock_with_ports ? "yes" : "no"}});
  const Result<std::string> last_words = read_file(crash_note_path(policy.state_directory));
  if (last_words.has_value() && last_words->starts_with(intruder_words))
    log::write(CONFINE_INTRUDER, {{"reason", *last_words}});
  for (const std::string& path : policy.out_of_reach)
    if (can_open(path)) log::write(CONFINE_KEY_IN_REACH, {{"path", path}});
  return {};
}

}  // namespace alarmwire::confine
