// Errors as values: what failed (a code), and why in words (diagnostics).
//
// Every room returns Result<T>; exceptions are for start-up and for bugs only. A room that needs
// codes of its own makes an error category of its own; the plain ones below serve the rest.
// Thread-safety: values, no shared state.
#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <string>
#include <utility>

namespace alarmwire {

enum class Errc {
  invalid_argument = 1,  // the caller's or the peer's bytes are not what they must be
  not_found,
  exists,
  full,    // a quota or a disk
  busy,    // try again later
  closed,  // the other side, or we ourselves, have stopped
  timed_out,
  denied,       // not allowed
  unsupported,  // this machine cannot do it
  corrupt,      // stored bytes are damaged
  conflict,     // the same identity with other content
  io,           // the operating system or a library said no
};

const boost::system::error_category& alarmwire_category() noexcept;
boost::system::error_code make_error_code(Errc code) noexcept;

// What went wrong. `diagnostics` is one sentence for a person, without a final dot and without
// secrets.
struct Failure {
  boost::system::error_code code;
  std::string diagnostics;

  Failure() = default;  // "no failure": boost::system::result asks for it
  Failure(boost::system::error_code what, std::string why)
      : code(what), diagnostics(std::move(why)) {}
  Failure(Errc what, std::string why) : code(make_error_code(what)), diagnostics(std::move(why)) {}
  bool is(Errc what) const noexcept { return code == make_error_code(what); }
};

// A Failure from errno (system category), "doing: strerror".
Failure errno_failure(int error_number, const std::string& doing);

template <typename T>
using Result = boost::system::result<T, Failure>;
using Status = Result<void>;

// Found by boost::system::result when value() is called on a failure: start-up code turns failures
// into exceptions so.
[[noreturn]] void throw_exception_from_error(const Failure& failure,
                                             const boost::source_location& where);

}  // namespace alarmwire

namespace boost::system {
template <>
struct is_error_code_enum<alarmwire::Errc> : std::true_type {};
}  // namespace boost::system
