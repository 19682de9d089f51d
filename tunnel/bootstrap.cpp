#include "tunnel/bootstrap.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <memory>
#include <span>
#include <string>

namespace alarmwire::tunnel {
namespace {

constexpr std::string_view ticket_salt = "alarmwire ticket 1";
constexpr std::string_view box_salt = "alarmwire box 1";
constexpr std::string_view rotation_salt = "alarmwire rotation 1";

struct KdfFree {
  void operator()(EVP_KDF* kdf) const { EVP_KDF_free(kdf); }
  void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
};

OSSL_PARAM octets(const char* name, std::string_view bytes) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<char*>(bytes.data()), bytes.size());
}

std::string_view view(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string both(const PublicKey& box, const PublicKey& centre) {
  return std::string(view(box.bytes)).append(view(centre.bytes));
}

Result<SecretKey> hkdf(std::string_view secret, std::string_view salt, std::string_view info) {
  const std::unique_ptr<EVP_KDF, KdfFree> kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
  const std::unique_ptr<EVP_KDF_CTX, KdfFree> context(EVP_KDF_CTX_new(kdf.get()));
  std::string digest = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), digest.size()),
      octets(OSSL_KDF_PARAM_KEY, secret), octets(OSSL_KDF_PARAM_SALT, salt),
      octets(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_construct_end()};
  SecretKey key;
  if (!context || EVP_KDF_derive(context.get(), key.bytes.data(), key_bytes, parameters) != 1)
    return Failure(Errc::io, "OpenSSL cannot derive a key");
  return key;
}

}  // namespace

TicketSecret::~TicketSecret() {
  OPENSSL_cleanse(bytes.data(), bytes.size());
}

Result<TicketSecret> TicketSecret::random() {
  TicketSecret secret;
  if (RAND_priv_bytes(secret.bytes.data(), static_cast<int>(secret.bytes.size())) != 1)
    return Failure(Errc::io, "OpenSSL has no random bytes");
  return secret;
}

Result<BootstrapKeys> derive_bootstrap(const TicketSecret& secret) {
  Result<SecretKey> private_key = hkdf(view(secret.bytes), ticket_salt, "private key");
  Result<SecretKey> preshared = hkdf(view(secret.bytes), ticket_salt, "preshared key");
  if (!private_key || !preshared) return Failure(Errc::io, "OpenSSL cannot derive a key");
  clamp(*private_key);
  const Result<PublicKey> public_key = public_key_of(*private_key);
  if (!public_key) return public_key.error();
  return BootstrapKeys{*private_key, *public_key, *preshared};
}

Result<SecretKey> derive_box_psk(const SecretKey& bootstrap_psk, const PublicKey& box,
                                 const PublicKey& centre) {
  return hkdf(view(bootstrap_psk.bytes), box_salt, both(box, centre));
}

Result<RotationOrder> random_rotation_order() {
  RotationOrder order{};
  if (RAND_priv_bytes(order.data(), static_cast<int>(order.size())) != 1)
    return Failure(Errc::io, "OpenSSL has no random bytes");
  return order;
}

Result<SecretKey> derive_rotated_psk(const SecretKey& psk, const RotationOrder& order,
                                     const PublicKey& new_box, const PublicKey& centre) {
  std::string secret(view(psk.bytes));
  secret += view(order);
  Result<SecretKey> rotated = hkdf(secret, rotation_salt, both(new_box, centre));
  OPENSSL_cleanse(secret.data(), secret.size());
  return rotated;
}

}  // namespace alarmwire::tunnel
