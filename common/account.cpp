#include "common/account.hpp"

#include <pwd.h>

#include <array>
#include <charconv>

namespace alarmwire {
namespace {

constexpr std::size_t entry_bytes_max = 16384;

}  // namespace

Result<Account> find_account(const std::string& name_or_number) {
  uid_t number = 0;
  const char* const end = name_or_number.data() + name_or_number.size();
  const auto [rest, wrong] = std::from_chars(name_or_number.data(), end, number);
  const bool is_number = wrong == std::errc{} && rest == end && number != static_cast<uid_t>(-1);
  std::array<char, entry_bytes_max> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  const int error =
      is_number ? getpwuid_r(number, &entry, buffer.data(), buffer.size(), &found)
                : getpwnam_r(name_or_number.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found != nullptr) return Account{found->pw_uid, found->pw_gid, found->pw_name};
  if (is_number) return Account{number, number, {}};
  if (error != 0 && error != ENOENT && error != ESRCH)
    return errno_failure(error, "account " + name_or_number);
  return Failure(Errc::not_found, "account " + name_or_number + ": is not there");
}

}  // namespace alarmwire
