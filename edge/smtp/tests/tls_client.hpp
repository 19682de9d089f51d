// A blocking TLS client for tests: SMTP inside, the box's own CA or nobody to trust.
#pragma once

#include <openssl/types.h>

#include <string>
#include <string_view>

namespace alarmwire::smtp::test {

struct TlsOffer {
  std::string ca_pem = {};  // empty: the certificate is not checked
  std::string host = {};    // name or address the certificate must be for
  int newest_version = 0;   // OpenSSL's number; 0: whatever there is
  int level = 2;
  std::string ciphers = {};  // of TLS 1.2 and before; empty: OpenSSL's default
};

class TlsClient {
 public:
  explicit TlsClient(unsigned port);
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  void send_clear(std::string_view bytes);
  std::string clear_reply();
  bool start(const TlsOffer& offer = {});  // the handshake; false: it failed

  bool send(std::string_view bytes);
  std::string reply();  // all lines of one; "" at the end
  std::string say(std::string_view line) {
    send(std::string(line) + "\r\n");
    return reply();
  }
  std::string version() const;
  std::string fingerprint() const;  // of the box's certificate, SHA-256
  bool renegotiation_is_refused();
  bool has_compression() const;
  bool takes_early_data() const;

 private:
  std::string line();
  int fd_ = -1;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
  std::string buffer_;
};

}  // namespace alarmwire::smtp::test
