#include "tunnel/keys.hpp"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "common/files.hpp"
#include "tunnel/file.hpp"

namespace alarmwire::tunnel {
namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::size_t key_base64_chars = 44;

struct PkeyFree {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Pkey = std::unique_ptr<EVP_PKEY, PkeyFree>;

std::string_view without_line_end(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) {
    text.remove_suffix(1);
  }
  return text;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string to_base64(const KeyBytes& bytes) {
  std::string text;
  text.reserve(key_base64_chars);
  for (std::size_t i = 0; i < key_bytes; i += 3) {
    const std::uint32_t b0 = bytes[i];
    const std::uint32_t b1 = i + 1 < key_bytes ? bytes[i + 1] : 0;
    const std::uint32_t b2 = i + 2 < key_bytes ? bytes[i + 2] : 0;
    const std::uint32_t group = b0 << 16 | b1 << 8 | b2;
    text += alphabet[group >> 18 & 63];
    text += alphabet[group >> 12 & 63];
    text += i + 1 < key_bytes ? alphabet[group >> 6 & 63] : '=';
    text += i + 2 < key_bytes ? alphabet[group & 63] : '=';
  }
  return text;
}

std::optional<KeyBytes> key_from_base64(std::string_view text) {
  if (text.size() != key_base64_chars || text.back() != '=') return std::nullopt;
  KeyBytes bytes{};
  std::uint32_t bits = 0;
  int held = 0;
  std::size_t out = 0;
  for (const char c : text.substr(0, key_base64_chars - 1)) {
    const std::size_t value = alphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes.at(out++) = static_cast<std::uint8_t>(bits >> held & 0xff);
    }
  }
  // 43 characters carry 258 bits: the last two must be zero, else two texts name one key.
  if ((bits & 3) != 0) return std::nullopt;
  return bytes;
}

std::string to_hex(const KeyBytes& bytes) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * key_bytes);
  for (const std::uint8_t byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

std::optional<KeyBytes> key_from_hex(std::string_view text) {
  if (text.size() != 2 * key_bytes) return std::nullopt;
  KeyBytes bytes{};
  for (std::size_t i = 0; i < key_bytes; ++i) {
    const int high = hex_value(text[2 * i]);
    const int low = hex_value(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return bytes;
}

Result<PublicKey> PublicKey::parse(std::string_view base64) {
  const std::optional<KeyBytes> bytes = key_from_base64(base64);
  if (!bytes) {
    return Failure(Errc::invalid_argument,
                   "a key is 44 characters of base64, as `wg pubkey` prints");
  }
  // The all-zero point is no key: X25519 with it gives a shared secret of zeros (RFC 7748 6.1).
  if (*bytes == KeyBytes{}) return Failure(Errc::invalid_argument, "the key is all zeros");
  return PublicKey{*bytes};
}

SecretKey::~SecretKey() {
  OPENSSL_cleanse(bytes.data(), bytes.size());
}

bool SecretKey::operator==(const SecretKey& other) const {
  return CRYPTO_memcmp(bytes.data(), other.bytes.data(), key_bytes) == 0;
}

Result<SecretKey> SecretKey::parse(std::string_view base64) {
  const std::optional<KeyBytes> bytes = key_from_base64(base64);
  if (!bytes) return Failure(Errc::invalid_argument, "no key: want 44 characters of base64");
  return SecretKey(*bytes);
}

Result<SecretKey> generate_preshared_key() {
  SecretKey key;
  if (RAND_priv_bytes(key.bytes.data(), static_cast<int>(key_bytes)) != 1) {
    return Failure(Errc::io, "OpenSSL has no random bytes");
  }
  return key;
}

Result<SecretKey> generate_private_key() {
  Result<SecretKey> key = generate_preshared_key();
  if (!key) return key;
  clamp(*key);
  return key;
}

// So that every tool shows the same bytes.
void clamp(SecretKey& private_key) {
  private_key.bytes.front() &= 248;
  private_key.bytes.back() = static_cast<std::uint8_t>((private_key.bytes.back() & 127) | 64);
}

Result<PublicKey> public_key_of(const SecretKey& private_key) {
  const Pkey pkey(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, private_key.bytes.data(),
                                               private_key.bytes.size()));
  PublicKey key;
  std::size_t size = key.bytes.size();
  if (!pkey || EVP_PKEY_get_raw_public_key(pkey.get(), key.bytes.data(), &size) != 1 ||
      size != key_bytes) {
    return Failure(Errc::io, "OpenSSL cannot derive the public key");
  }
  return key;
}

Result<SecretKey> read_secret_file(const std::string& path) {
  Result<std::string> text = read_guarded_file(path, key_file_bytes_max, Privacy::owner_only);
  if (!text) return text.error();
  Result<SecretKey> key = SecretKey::parse(without_line_end(*text));
  OPENSSL_cleanse(text->data(), text->size());
  if (!key) return Failure(key.error().code, path + ": " + key.error().diagnostics);
  if (key->bytes == KeyBytes{}) return Failure(Errc::invalid_argument, path + ": all zeros");
  return key;
}

Result<PublicKey> read_public_file(const std::string& path) {
  const Result<std::string> text = read_guarded_file(path, key_file_bytes_max, Privacy::anyone);
  if (!text) return text.error();
  Result<PublicKey> key = PublicKey::parse(without_line_end(*text));
  if (!key) return Failure(key.error().code, path + ": " + key.error().diagnostics);
  return key;
}

Status write_secret_file(const std::string& path, const SecretKey& key) {
  std::string text = key.to_base64_secret() + "\n";
  Status written = create_file(path, text, 0600);
  OPENSSL_cleanse(text.data(), text.size());
  return written;
}

Status write_public_file(const std::string& path, const PublicKey& key) {
  return write_file_atomically(path, key.to_string() + "\n", 0644);
}

std::string public_file_of(const std::string& private_key_path) {
  return private_key_path + ".pub";
}

Result<PublicKey> generate_key_files(const std::string& private_key_path) {
  const Result<SecretKey> secret = generate_private_key();
  if (!secret) return secret.error();
  Result<PublicKey> key = public_key_of(*secret);
  if (!key) return key;
  if (Status s = write_secret_file(private_key_path, *secret); !s) return s.error();
  if (Status s = write_public_file(public_file_of(private_key_path), *key); !s) return s.error();
  return key;
}

}  // namespace alarmwire::tunnel
