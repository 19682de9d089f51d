// `alarmwire test-mail`: a real mail through the box's real door, as a device would send it.
#pragma once

#include <string>

#include "cli/context.hpp"

namespace alarmwire::cli {

struct TestMail {
  std::string device;         // its sender and recipient; "": test@…
  std::string listener;       // "": the first that fits
  std::string security;       // "none", "starttls", "ssl"; "": whatever the listener has
  std::string server;         // "": where the listener listens
  std::string recipient;      // "": the device's
  std::string user;           // "": no login
  std::string password_file;  // first line
};

// 0: the door answered 250. The mail says that it is a test, by subject and X-Alarmwire-Test.
int send_test_mail(const Context& context, const TestMail& wanted);

}  // namespace alarmwire::cli
