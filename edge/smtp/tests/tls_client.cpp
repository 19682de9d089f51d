#include "edge/smtp/tests/tls_client.hpp"

#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <csignal>

#include "common/record.hpp"
#include "edge/smtp/openssl_handles.hpp"

namespace alarmwire::smtp::test {

TlsClient::TlsClient(unsigned port) {
  std::signal(SIGPIPE, SIG_IGN);  // as the daemon does
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{5, 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address);
}

TlsClient::~TlsClient() {
  SSL_free(ssl_);
  SSL_CTX_free(context_);
  close(fd_);
}

void TlsClient::send_clear(std::string_view bytes) {
  (void)!write(fd_, bytes.data(), bytes.size());
}

std::string TlsClient::clear_reply() {
  std::string text;
  char byte = 0;
  std::size_t start = 0;
  while (recv(fd_, &byte, 1, 0) == 1) {
    text += byte;
    if (byte != '\n') continue;
    if (text.size() <= start + 3 || text[start + 3] != '-') break;
    start = text.size();
  }
  return text;
}

bool TlsClient::start(const TlsOffer& offer) {
  context_ = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_security_level(context_, offer.level);
  SSL_CTX_set_min_proto_version(context_, TLS1_VERSION);
  if (offer.newest_version != 0) SSL_CTX_set_max_proto_version(context_, offer.newest_version);
  if (!offer.ciphers.empty()) SSL_CTX_set_cipher_list(context_, offer.ciphers.c_str());
  ssl_ = SSL_new(context_);
  if (!offer.ca_pem.empty()) {
    const Bio bio = bio_of(offer.ca_pem);
    const Certificate ca(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context_), ca.get());
    SSL_set_verify(ssl_, SSL_VERIFY_PEER, nullptr);
    X509_VERIFY_PARAM* const wanted = SSL_get0_param(ssl_);
    if (X509_VERIFY_PARAM_set1_ip_asc(wanted, offer.host.c_str()) != 1) {
      SSL_set1_host(ssl_, offer.host.c_str());
    }
  }
  SSL_set_fd(ssl_, fd_);
  return SSL_connect(ssl_) == 1;
}

bool TlsClient::send(std::string_view bytes) {
  return SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) > 0;
}

std::string TlsClient::line() {
  while (buffer_.find('\n') == std::string::npos) {
    char bytes[4096];
    const int size = SSL_read(ssl_, bytes, sizeof bytes);
    if (size <= 0) return "";
    buffer_.append(bytes, static_cast<std::size_t>(size));
  }
  const std::size_t end = buffer_.find('\n') + 1;
  std::string text = buffer_.substr(0, end);
  buffer_.erase(0, end);
  return text;
}

std::string TlsClient::reply() {
  std::string text;
  while (true) {
    const std::string next = line();
    text += next;
    if (next.size() <= 3 || next[3] != '-') return text;
  }
}

std::string TlsClient::version() const {
  return SSL_get_version(ssl_);
}

std::string TlsClient::fingerprint() const {
  const Certificate peer(SSL_get1_peer_certificate(ssl_));
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  X509_digest(peer.get(), EVP_sha256(), digest, &size);
  return to_hex({reinterpret_cast<const char*>(digest), size});
}

bool TlsClient::renegotiation_is_refused() {
  ERR_clear_error();
  if (SSL_renegotiate(ssl_) != 1) return true;
  return SSL_do_handshake(ssl_) != 1;
}

bool TlsClient::has_compression() const {
  return SSL_get_current_compression(ssl_) != nullptr;
}

bool TlsClient::takes_early_data() const {
  return SSL_SESSION_get_max_early_data(SSL_get0_session(ssl_)) > 0;
}

}  // namespace alarmwire::smtp::test
