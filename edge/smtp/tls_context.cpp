#include "edge/smtp/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "edge/smtp/openssl_handles.hpp"
#include "edge/smtp/wire.hpp"

namespace alarmwire::smtp {
namespace {

Status use_key(SSL_CTX* context, const CertifiedKey& key) {
  const Bio chain = bio_of(key.chain_pem);
  const Certificate leaf(PEM_read_bio_X509(chain.get(), nullptr, nullptr, nullptr));
  if (!leaf || SSL_CTX_use_certificate(context, leaf.get()) != 1)
    return Failure(Errc::invalid_argument, "certificate: " + take_tls_error());
  SSL_CTX_clear_chain_certs(context);
  while (X509* const above = PEM_read_bio_X509(chain.get(), nullptr, nullptr, nullptr)) {
    if (SSL_CTX_add0_chain_cert(context, above) != 1) X509_free(above);
  }
  ERR_clear_error();  // the end of the file
  const Bio text = bio_of(key.key_pem);
  const Key secret(PEM_read_bio_PrivateKey(text.get(), nullptr, nullptr, nullptr));
  if (!secret || SSL_CTX_use_PrivateKey(context, secret.get()) != 1 ||
      SSL_CTX_check_private_key(context) != 1)
    return Failure(Errc::invalid_argument, "private key: " + take_tls_error());
  return {};
}

}  // namespace

std::string take_tls_error() {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  const char* const reason = ERR_reason_error_string(error);
  return reason == nullptr ? "no reason given" : reason;
}

Result<std::shared_ptr<const TlsContext>> TlsContext::make(const std::vector<CertifiedKey>& keys,
                                                           int level) {
  ERR_clear_error();
  SSL_CTX* const context = SSL_CTX_new(TLS_server_method());
  if (context == nullptr) return Failure(Errc::io, "TLS: " + take_tls_error());
  const std::shared_ptr<const TlsContext> result(new TlsContext(context));
  const std::string ciphers = "DEFAULT:@SECLEVEL=" + std::to_string(level);
  SSL_CTX_set_min_proto_version(context, level == 0 ? TLS1_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_options(
      context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_max_early_data(context, 0);
  // Devices of the days of level 0 know Diffie-Hellman with 1024 bit only.
  SSL_CTX_set_dh_auto(context, level == 0 ? 2 : 1);
  // What is resumed is kept by the client (tickets): no table of ours grows.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_client_hello_cb(context, note_client_hello, nullptr);
  if (SSL_CTX_set_cipher_list(context, ciphers.c_str()) != 1)
    return Failure(Errc::io, "TLS ciphers: " + take_tls_error());
  for (const CertifiedKey& key : keys)
    if (const Status used = use_key(context, key); used.has_error()) return used.error();
  return result;
}

TlsContext::~TlsContext() {
  SSL_CTX_free(context_);
}

}  // namespace alarmwire::smtp
