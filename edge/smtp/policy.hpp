// How a listener treats its peers, and what is special about one device. Values.
#pragma once

#include <cstdint>

#include "edge/smtp/ehlo.hpp"
#include "edge/smtp/quirk.hpp"

namespace alarmwire::smtp {

enum class TlsMode : std::uint8_t {
  off,
  offered,   // STARTTLS, for whoever wants it
  required,  // no mail before STARTTLS
  implicit,  // TLS from the first byte (RFC 8314)
};

enum class AuthMode : std::uint8_t {
  off,       // not offered; a device that says AUTH all the same is let in
  optional,  // a wrong password is noted, and the mail is taken: no alarm is lost to a typo
  required,  // no mail without the right password
};

// [[device]] of the configuration, as far as the door's dialogue goes.
struct DeviceOptions {
  ExtensionSet hidden;              // left out of the EHLO reply
  QuirkSet refused;                 // taken by default, but not from this device
  bool foreign_recipients = false;  // take them too; the mail goes to the centre and nowhere else
};

}  // namespace alarmwire::smtp
