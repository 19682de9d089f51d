// AUTH (RFC 4954) as devices speak it: PLAIN (RFC 4616), LOGIN, CRAM-MD5 (RFC 2195), each with or
// without an initial response, names in any case. No I/O.
//
// Thread-safety: Credentials are immutable once shared; an exchange belongs to one session.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace alarmwire::smtp {

inline constexpr std::string_view auth_mechanisms = "PLAIN LOGIN CRAM-MD5";

// Users and passwords of [[smtp.user]]. CRAM-MD5 needs the passwords themselves, so they are kept.
class Credentials {
 public:
  void add(std::string user, std::string password);
  bool empty() const { return passwords_.empty(); }
  bool has(const std::string& user) const { return passwords_.contains(user); }
  // The time taken does not tell whether the user is known or how much of the password is right.
  bool fit(const std::string& user, std::string_view password) const;
  bool fit_cram(const std::string& user, std::string_view challenge,
                std::string_view digest_hex) const;

 private:
  std::map<std::string, std::string> passwords_;
};

class AuthExchange {
 public:
  enum class State : std::uint8_t {
    asking,     // say prompt(), give the next line to take()
    done,       // all is there: check()
    broken,     // not base64, or not of the mechanism's form
    cancelled,  // the device said "*"
  };

  // `argument`: what stands behind AUTH. Nothing: the mechanism is not one of ours. `challenge`:
  // for CRAM-MD5, "<unique@host>".
  static std::optional<AuthExchange> begin(std::string_view argument, std::string challenge);

  State state() const { return state_; }
  std::string prompt() const;  // "334 …"
  void take(std::string_view line);
  bool check(const Credentials& credentials) const;
  const std::string& user() const { return user_; }  // as the device gave it, any bytes

  AuthExchange(AuthExchange&&) = default;
  AuthExchange& operator=(AuthExchange&&) = default;
  AuthExchange(const AuthExchange&) = delete;
  AuthExchange& operator=(const AuthExchange&) = delete;
  ~AuthExchange();

 private:
  enum class Mechanism : std::uint8_t { plain, login, cram_md5 };
  AuthExchange(Mechanism mechanism, std::string challenge)
      : mechanism_(mechanism), challenge_(std::move(challenge)) {}
  void take_bytes(std::string bytes);

  Mechanism mechanism_;
  State state_ = State::asking;
  bool has_user_ = false;
  std::string challenge_;
  std::string user_;
  std::string secret_;  // the password, or CRAM-MD5's digest
};

}  // namespace alarmwire::smtp
