// WireGuard keys: X25519 made and derived with OpenSSL, in WireGuard's own text form (base64 of the
// raw 32 bytes, one line), read from and written to files. Nothing is ever shelled out.
//
// Source: RFC 7748 (X25519); wg(8) for the text form. Secrets are wiped when they go.
// Thread-safety: values; the functions may be called from any thread.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/error.hpp"

namespace alarmwire::tunnel {

inline constexpr std::size_t key_bytes = 32;
inline constexpr std::size_t key_file_bytes_max = 256;

using KeyBytes = std::array<std::uint8_t, key_bytes>;

std::string to_base64(const KeyBytes& bytes);                    // 44 characters
std::optional<KeyBytes> key_from_base64(std::string_view text);  // strict: 44 characters, canonical
std::string to_hex(const KeyBytes& bytes);                       // 64 digits, as the UAPI wants it
std::optional<KeyBytes> key_from_hex(std::string_view text);

struct PublicKey {
  KeyBytes bytes{};

  static Result<PublicKey> parse(std::string_view base64);
  std::string to_string() const { return to_base64(bytes); }
  auto operator<=>(const PublicKey&) const = default;
};

// 32 secret bytes: a private key or a preshared key. Never logged; wiped when destroyed.
class SecretKey {
 public:
  SecretKey() = default;
  explicit SecretKey(const KeyBytes& secret) : bytes(secret) {}
  SecretKey(const SecretKey&) = default;
  SecretKey& operator=(const SecretKey&) = default;
  ~SecretKey();
  static Result<SecretKey> parse(std::string_view base64);
  std::string to_base64_secret() const { return to_base64(bytes); }
  bool operator==(const SecretKey&) const;  // constant time

  KeyBytes bytes{};
};

Result<SecretKey> generate_private_key();    // clamped, as `wg genkey` does
void clamp(SecretKey& private_key);          // RFC 7748 section 5
Result<SecretKey> generate_preshared_key();  // 32 random bytes
Result<PublicKey> public_key_of(const SecretKey& private_key);

// A key file holds one line. Reading refuses a file that others than its owner can read
// (Errc::denied) when `secret`; not_found when it is absent.
Result<SecretKey> read_secret_file(const std::string& path);
Result<PublicKey> read_public_file(const std::string& path);
// Makes a new file, 0600; Errc::exists instead of replacing one: a lost private key is a lost box.
Status write_secret_file(const std::string& path, const SecretKey& key);
// 0644, replaced in one step.
Status write_public_file(const std::string& path, const PublicKey& key);

// The public half stands beside the private one, so that daemons without the key know the address.
std::string public_file_of(const std::string& private_key_path);  // PATH + ".pub"
// What `alarmwire key generate` does: PATH (0600, must not exist) and PATH.pub (0644).
Result<PublicKey> generate_key_files(const std::string& private_key_path);

}  // namespace alarmwire::tunnel
