#include "edge/smtp/auth.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <utility>

#include "common/base64.hpp"
#include "common/record.hpp"
#include "edge/smtp/text.hpp"

namespace alarmwire::smtp {
namespace {

using Digest = std::array<unsigned char, EVP_MAX_MD_SIZE>;

std::string_view view_of(const Digest& digest, unsigned size) {
  return {reinterpret_cast<const char*>(digest.data()), size};
}

// Of texts of any two lengths, in a time that says nothing about them.
bool same(std::string_view a, std::string_view b) {
  Digest left{};
  Digest right{};
  unsigned size = 0;
  if (EVP_Digest(a.data(), a.size(), left.data(), &size, EVP_sha256(), nullptr) != 1) return false;
  if (EVP_Digest(b.data(), b.size(), right.data(), &size, EVP_sha256(), nullptr) != 1) return false;
  return CRYPTO_memcmp(left.data(), right.data(), size) == 0;
}

std::string hmac_md5_hex(std::string_view key, std::string_view text) {
  Digest digest{};
  unsigned size = 0;
  if (HMAC(EVP_md5(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(),
           &size) == nullptr) {
    return {};
  }
  return to_hex(view_of(digest, size));
}

std::string lower_hex(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

}  // namespace

void Credentials::add(std::string user, std::string password) {
  passwords_[std::move(user)] = std::move(password);
}

bool Credentials::fit(const std::string& user, std::string_view password) const {
  const auto found = passwords_.find(user);
  const bool known = found != passwords_.end();
  return same(known ? found->second : "", password) && known;
}

bool Credentials::fit_cram(const std::string& user, std::string_view challenge,
                           std::string_view digest_hex) const {
  const auto found = passwords_.find(user);
  const bool known = found != passwords_.end();
  const std::string wanted = hmac_md5_hex(known ? found->second : "", challenge);
  return same(wanted, lower_hex(digest_hex)) && known && !wanted.empty();
}

std::optional<AuthExchange> AuthExchange::begin(std::string_view argument, std::string challenge) {
  const std::string_view name = argument.substr(0, argument.find_first_of(" \t"));
  const std::string_view initial = trim(argument.substr(name.size()));
  std::optional<AuthExchange> exchange;
  if (equal_ignoring_case(name, "PLAIN")) {
    exchange = AuthExchange(Mechanism::plain, {});
  } else if (equal_ignoring_case(name, "LOGIN")) {
    exchange = AuthExchange(Mechanism::login, {});
  } else if (equal_ignoring_case(name, "CRAM-MD5")) {
    exchange = AuthExchange(Mechanism::cram_md5, std::move(challenge));
  } else {
    return {};
  }
  if (!initial.empty()) exchange->take(initial == "=" ? "" : initial);
  return exchange;
}

AuthExchange::~AuthExchange() {
  OPENSSL_cleanse(secret_.data(), secret_.size());
}

// Exactly these prompts: a copier hangs up at any other (base64 of "Username:" and "Password:").
std::string AuthExchange::prompt() const {
  switch (mechanism_) {
    case Mechanism::plain:
      return "334 ";
    case Mechanism::login:
      return has_user_ ? "334 UGFzc3dvcmQ6" : "334 VXNlcm5hbWU6";
    case Mechanism::cram_md5:
      return "334 " + to_base64(challenge_);
  }
  return "334 ";
}

void AuthExchange::take(std::string_view line) {
  line = trim(line);
  if (line == "*") {
    state_ = State::cancelled;
    return;
  }
  std::optional<std::string> bytes = from_base64(line);
  if (!bytes) {
    state_ = State::broken;
    return;
  }
  take_bytes(std::move(*bytes));
}

void AuthExchange::take_bytes(std::string bytes) {
  state_ = State::done;
  if (mechanism_ == Mechanism::login) {
    (has_user_ ? secret_ : user_) = std::move(bytes);
    if (!std::exchange(has_user_, true)) state_ = State::asking;
    return;
  }
  const bool plain = mechanism_ == Mechanism::plain;
  // PLAIN: authorization identity, NUL, user, NUL, password. CRAM-MD5: user, blank, digest.
  const std::size_t start = plain ? bytes.find('\0') + 1 : 0;  // npos + 1 is 0
  const std::size_t middle = plain ? bytes.find('\0', start) : bytes.rfind(' ');
  if ((plain && start == 0) || middle == std::string::npos) {
    state_ = State::broken;
    return;
  }
  user_ = bytes.substr(start, middle - start);
  secret_ = bytes.substr(middle + 1);
  OPENSSL_cleanse(bytes.data(), bytes.size());
}

bool AuthExchange::check(const Credentials& credentials) const {
  if (state_ != State::done) return false;
  return mechanism_ == Mechanism::cram_md5 ? credentials.fit_cram(user_, challenge_, secret_)
                                           : credentials.fit(user_, secret_);
}

}  // namespace alarmwire::smtp
