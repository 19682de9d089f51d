// The account a daemon runs as, by name or number.
// Thread-safety: any thread; asks the machine's user list (NSS).
#pragma once

#include <sys/types.h>

#include <string>

#include "common/error.hpp"

namespace alarmwire {

struct Account {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;  // "": the user list does not know the number
};

// "alarmwire-edge" or "64102". A number that the list does not know is its own group.
// Errc::not_found: no such name.
Result<Account> find_account(const std::string& name_or_number);

}  // namespace alarmwire
