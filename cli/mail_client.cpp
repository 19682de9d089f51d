#include "cli/mail_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

namespace alarmwire::cli {
namespace {

Failure closed() {
  return {Errc::closed, "the box closed the connection without a word"};
}

Failure tls_failure(const std::string& doing) {
  const char* const reason = ERR_reason_error_string(ERR_get_error());
  return {Errc::io, doing + ": " + (reason == nullptr ? "the box broke off" : reason)};
}

// All certificates of `pem`.
bool trust_in(SSL_CTX* context, const std::string& pem) {
  BIO* const text = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509* const certificate = PEM_read_bio_X509(text, nullptr, nullptr, nullptr);
  BIO_free(text);
  const bool added = certificate != nullptr &&
                     X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate) == 1;
  X509_free(certificate);
  return added;
}

}  // namespace

std::string loopback_for(const std::string& address) {
  if (address == "0.0.0.0") return "127.0.0.1";
  return address == "::" ? "::1" : address;
}

MailClient::~MailClient() {
  SSL_free(ssl_);
  SSL_CTX_free(context_);
  if (socket_ >= 0) ::close(socket_);
}

Status MailClient::connect(const std::string& address, std::uint16_t port) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
  sockaddr_in6 v6{};
  sockaddr_in v4{};
  v6.sin6_family = AF_INET6;
  v4.sin_family = AF_INET;
  v6.sin6_port = v4.sin_port = htons(port);
  const bool is_v4 = inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1;
  if (!is_v4 && inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr) != 1)
    return Failure(Errc::invalid_argument, "\"" + address + "\" is no IP address");
  socket_ = ::socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{patience_.count(), 0};
  setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const auto* const where =
      is_v4 ? reinterpret_cast<const sockaddr*>(&v4) : reinterpret_cast<const sockaddr*>(&v6);
  const socklen_t size = is_v4 ? sizeof v4 : sizeof v6;
  if (socket_ < 0 || ::connect(socket_, where, size) != 0)
    return Failure(Errc::io, "connecting to " + address + " port " + std::to_string(port) + ": " +
                                 std::strerror(errno));
  return {};
}

Status MailClient::start_tls(const std::string& ca_pem, const std::string& name) {
  ERR_clear_error();
  context_ = SSL_CTX_new(TLS_client_method());
  if (context_ == nullptr) return tls_failure("TLS");
  const bool check = !ca_pem.empty() && trust_in(context_, ca_pem);
  ssl_ = SSL_new(context_);
  if (ssl_ == nullptr || SSL_set_fd(ssl_, socket_) != 1) return tls_failure("TLS");
  SSL_set_tlsext_host_name(ssl_, name.c_str());
  SSL_set1_host(ssl_, name.c_str());
  buffer_.clear();
  if (SSL_connect(ssl_) != 1) return tls_failure("the TLS handshake");
  if (check) {
    const long result = SSL_get_verify_result(ssl_);
    trust_ = result == X509_V_OK ? "ok" : X509_verify_cert_error_string(result);
  }
  note(true, "(encrypted by " + tls_version() + ", certificate: " + trust_ + ")");
  return {};
}

Status MailClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const int part = static_cast<int>(std::min<std::size_t>(bytes.size(), 16'384));
    const ssize_t sent = ssl_ != nullptr
                             ? SSL_write(ssl_, bytes.data(), part)
                             : ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return closed();
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

Result<std::string> MailClient::line() {
  std::array<char, 4096> bytes{};
  for (;;) {
    if (const std::size_t end = buffer_.find('\n'); end != std::string::npos) {
      std::string text = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      while (text.ends_with('\r')) text.pop_back();
      return text;
    }
    if (buffer_.size() > mail_reply_bytes_max)
      return Failure(Errc::io, "the box answers without end");
    errno = 0;
    const ssize_t size = ssl_ != nullptr
                             ? SSL_read(ssl_, bytes.data(), static_cast<int>(bytes.size()))
                             : ::recv(socket_, bytes.data(), bytes.size(), 0);
    if (size <= 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      return Failure(Errc::timed_out, "the box does not answer");
    if (size <= 0) return closed();
    buffer_.append(bytes.data(), static_cast<std::size_t>(size));
  }
}

Result<std::string> MailClient::reply() {
  for (;;) {
    Result<std::string> text = line();
    if (text.has_error()) return text;
    note(true, *text);
    if (text->size() < 4 || (*text)[3] != '-') return text;
  }
}

Result<std::string> MailClient::say(const std::string& line, const std::string& shown) {
  note(false, shown.empty() ? line : shown);
  if (const Status sent = send(line + "\r\n"); sent.has_error()) return sent.error();
  return reply();
}

std::string MailClient::tls_version() const {
  return ssl_ != nullptr ? SSL_get_version(ssl_) : "";
}

}  // namespace alarmwire::cli
