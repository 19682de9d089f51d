// What TLS is like on one listener: protocol versions, ciphers, the box's keys. Made anew when the
// certificate changes; connections keep the one they began with.
//
// Off for good: renegotiation, compression, early data. Immutable, one thread.
#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>
#include <vector>

#include "common/error.hpp"

namespace alarmwire::smtp {

struct CertifiedKey {
  std::string chain_pem;  // the certificate, then those above it
  std::string key_pem;
};

class TlsContext {
 public:
  // `level`: OpenSSL's security level; at 0 TLS 1.0 and 1.1 are let in.
  static Result<std::shared_ptr<const TlsContext>> make(const std::vector<CertifiedKey>& keys,
                                                        int level);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  SSL_CTX* get() const { return context_; }

 private:
  explicit TlsContext(SSL_CTX* context) : context_(context) {}
  SSL_CTX* context_;
};

// The oldest error OpenSSL has noted, in its words; its list is empty then.
std::string take_tls_error();

}  // namespace alarmwire::smtp
