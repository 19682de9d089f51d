#include "receiver/outlets/tests/scripted_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <stdexcept>

namespace alarmwire::outlets {
namespace {

std::string pem(const std::function<int(BIO*)>& write) {
  BIO* const bio = BIO_new(BIO_s_mem());
  if (write(bio) != 1) std::abort();
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

std::string upper_word(const std::string& line) {
  std::string word = line.substr(0, line.find_first_of(" :\r\n"));
  for (char& c : word) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return word;
}

std::string bracketed(const std::string& line) {
  const std::size_t open = line.find('<');
  const std::size_t close = line.find('>');
  return open == std::string::npos || close == std::string::npos
             ? std::string()
             : line.substr(open + 1, close - open - 1);
}

}  // namespace

TestCertificate::TestCertificate() {
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  X509* const cert = X509_new();
  X509_set_version(cert, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
  X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
  X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
  X509_NAME* const name = X509_get_subject_name(cert);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(cert, name);
  X509_set_pubkey(cert, key);
  X509_EXTENSION* const san =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost");
  X509_add_ext(cert, san, -1);
  X509_EXTENSION_free(san);
  X509_sign(cert, key, EVP_sha256());
  certificate_pem = pem([cert](BIO* bio) { return PEM_write_bio_X509(bio, cert); });
  key_pem = pem([key](BIO* bio) {
    return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
  X509_free(cert);
  EVP_PKEY_free(key);
}

// The bytes of one connection, plain or secured.
class ScriptedServer::Wire {
 public:
  Wire(int fd, const TestCertificate& certificate) : fd_(fd), certificate_(certificate) {}
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  ~Wire() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }

  bool secure() {
    context_ = SSL_CTX_new(TLS_server_method());
    BIO* const cert_bio = BIO_new_mem_buf(certificate_.certificate_pem.data(), -1);
    BIO* const key_bio = BIO_new_mem_buf(certificate_.key_pem.data(), -1);
    X509* const cert = PEM_read_bio_X509(cert_bio, nullptr, nullptr, nullptr);
    EVP_PKEY* const key = PEM_read_bio_PrivateKey(key_bio, nullptr, nullptr, nullptr);
    SSL_CTX_use_certificate(context_, cert);
    SSL_CTX_use_PrivateKey(context_, key);
    X509_free(cert);
    EVP_PKEY_free(key);
    BIO_free(cert_bio);
    BIO_free(key_bio);
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, fd_);
    const bool ok = SSL_accept(ssl_) == 1;
    ERR_clear_error();
    return ok;
  }
  bool is_secure() const { return ssl_ != nullptr; }

  std::optional<std::string> line() {
    for (;;) {
      const std::size_t end = buffer_.find("\r\n");
      if (end != std::string::npos) {
        std::string text = buffer_.substr(0, end);
        buffer_.erase(0, end + 2);
        return text;
      }
      if (!fill()) return std::nullopt;
    }
  }

  // Up to CRLF.CRLF, dot-unstuffed.
  std::optional<std::string> data() {
    std::string raw = "\r\n";
    std::size_t scanned = 0;
    for (;;) {
      raw += buffer_;
      buffer_.clear();
      const std::size_t end = raw.find("\r\n.\r\n", scanned);
      if (end != std::string::npos) {
        buffer_ = raw.substr(end + 5);
        raw.resize(end + 2);
        break;
      }
      scanned = raw.size() < 5 ? 0 : raw.size() - 4;
      if (!fill()) return std::nullopt;
    }
    std::string body;
    std::size_t from = 2;
    while (from < raw.size()) {
      const std::size_t end = raw.find("\r\n", from) + 2;
      const std::size_t start = raw[from] == '.' ? from + 1 : from;
      body.append(raw, start, end - start);
      from = end;
    }
    return body;
  }

  bool has_more() const { return !buffer_.empty(); }

  bool write(const std::string& text) {
    if (ssl_ != nullptr) return SSL_write(ssl_, text.data(), static_cast<int>(text.size())) > 0;
    return ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }

 private:
  bool fill() {
    char piece[16384];
    const ssize_t got =
        ssl_ != nullptr ? SSL_read(ssl_, piece, sizeof piece) : ::recv(fd_, piece, sizeof piece, 0);
    ERR_clear_error();
    if (got <= 0) return false;
    buffer_.append(piece, static_cast<std::size_t>(got));
    return true;
  }

  int fd_;
  const TestCertificate& certificate_;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
  std::string buffer_;
};

ScriptedServer::ScriptedServer(Rule rule, Security security, std::uint16_t port)
    : security_(security), rule_(std::move(rule)) {
  ::signal(SIGPIPE, SIG_IGN);  // as the daemons do
  listen_fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int one = 1;
  ::setsockopt(listen_fd_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  socklen_t size = sizeof address;
  if (::bind(listen_fd_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listen_fd_, 64) != 0)
    throw std::runtime_error("test server cannot listen");
  ::getsockname(listen_fd_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_loop(); });
}

ScriptedServer::~ScriptedServer() {
  stop();
}

void ScriptedServer::stop() {
  if (stopping_.exchange(true)) return;
  ::shutdown(listen_fd_, SHUT_RDWR);
  acceptor_.join();
  ::close(listen_fd_);
  drop_connections();
  changed_.notify_all();
  for (std::thread& server : servers_) server.join();
}

void ScriptedServer::drop_connections() {
  const std::lock_guard lock(mutex_);
  for (const int fd : open_fds_) ::shutdown(fd, SHUT_RDWR);
}

void ScriptedServer::set_rule(Rule rule) {
  const std::lock_guard lock(mutex_);
  rule_ = std::move(rule);
}

std::vector<ScriptedServer::Mail> ScriptedServer::mails() const {
  const std::lock_guard lock(mutex_);
  return mails_;
}

bool ScriptedServer::wait_mails(std::size_t count, int timeout_ms) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                           [&] { return mails_.size() >= count; });
}

int ScriptedServer::count(const std::string& step) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, count] : counts_) {
    if (name == step) return count;
  }
  return 0;
}

void ScriptedServer::accept_loop() {
  while (!stopping_) {
    const int fd = ::accept(listen_fd_, nullptr, nullptr);
    if (fd < 0) return;
    const int connection = ++connection_count_;
    {
      const std::lock_guard lock(mutex_);
      open_fds_.push_back(fd);
    }
    servers_.emplace_back([this, fd, connection] { serve(fd, connection); });
  }
}

void ScriptedServer::serve(int fd, int connection) {
  {
    Wire wire(fd, certificate_);
    if (security_ != Security::smtps || wire.secure()) converse(wire, connection);
  }
  const std::lock_guard lock(mutex_);
  open_fds_.erase(std::remove(open_fds_.begin(), open_fds_.end(), fd), open_fds_.end());
  ::close(fd);
}

std::string ScriptedServer::ask_rule(Event event, const std::string& usual) {
  Rule rule;
  {
    const std::lock_guard lock(mutex_);
    auto found = std::find_if(counts_.begin(), counts_.end(),
                              [&](const auto& entry) { return entry.first == event.step; });
    if (found == counts_.end()) found = counts_.insert(counts_.end(), {event.step, 0});
    event.count = ++found->second;
    rule = rule_;
  }
  changed_.notify_all();
  const std::string reply = rule ? rule(event) : std::string();
  return reply.empty() ? usual : reply;
}

bool ScriptedServer::converse(Wire& wire, int connection) {
  const auto answer = [&](const std::string& step, const std::string& line,
                          const std::string& usual) -> std::optional<std::string> {
    const std::string reply = ask_rule({step, line, connection, 0, wire.is_secure()}, usual);
    if (reply == hang_up) return std::nullopt;
    if (reply == silence) {
      while (!stopping_ && wire.line()) continue;
      return std::nullopt;
    }
    if (!wire.write(reply + "\r\n")) return std::nullopt;
    return reply;
  };
  if (!answer("connect", "", "220 stand-in ready")) return false;
  Mail mail;
  bool in_mail = false;
  while (const auto line = wire.line()) {
    const std::string step = upper_word(*line);
    std::string usual = "250 2.0.0 ok";
    const bool out_of_order =
        (step == "RCPT" && !in_mail) || (step == "DATA" && (!in_mail || mail.to.empty()));
    if (out_of_order) {
      usual = "503 5.5.1 out of order";
    } else if (step == "EHLO") {
      usual = pipelining_ ? "250-stand-in\r\n250-PIPELINING\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME"
                          : "250-stand-in\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME";
      if (security_ == Security::starttls && !wire.is_secure())
        usual = "250-stand-in\r\n250-STARTTLS\r\n250 AUTH PLAIN";
    } else if (step == "STARTTLS") {
      usual = "220 go ahead";
    } else if (step == "AUTH") {
      usual = line->find(' ', 5) == std::string::npos ? "334 " : "235 2.7.0 welcome";
    } else if (step == "DATA") {
      usual = "354 go on";
    } else if (step == "QUIT") {
      usual = "221 bye";
    }
    if (!pipelining_ && wire.has_more()) return false;  // it did not wait for our word
    const auto reply = answer(step, *line, usual);
    if (!reply || step == "QUIT") return false;
    if (step == "AUTH" && reply->compare(0, 3, "334") == 0) {
      if (!wire.line() || !wire.write("235 2.7.0 welcome\r\n")) return false;
    }
    const bool yes = reply->front() == '2' || reply->front() == '3';
    if (step == "STARTTLS" && yes && !wire.secure()) return false;
    if (step == "MAIL") in_mail = yes;
    if (step == "MAIL" && yes) mail = {bracketed(*line), {}, {}, connection, wire.is_secure()};
    if (step == "RCPT" && yes) mail.to.push_back(bracketed(*line));
    if (step == "DATA" && yes) {
      in_mail = false;
      // Said in the middle of the mail, then it is heard no more.
      const std::string early = ask_rule({"body", "", connection, 0, wire.is_secure()}, "");
      if (!early.empty()) {
        wire.write(early + "\r\n");
        return false;
      }
      const auto body = wire.data();
      if (!body) return false;
      mail.body = *body;
      const std::string final_reply =
          ask_rule({"dot", "", connection, 0, wire.is_secure()}, "250 2.0.0 queued as 1234");
      if (final_reply.front() == '2' || final_reply == "!take and hang up") {
        const std::lock_guard lock(mutex_);
        mails_.push_back(mail);
      }
      changed_.notify_all();
      if (final_reply.front() == '!') {
        if (final_reply == silence) {
          while (!stopping_ && wire.line()) continue;
        }
        return false;
      }
      if (!wire.write(final_reply + "\r\n")) return false;
    }
  }
  return false;
}

}  // namespace alarmwire::outlets
