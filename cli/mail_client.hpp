// A small SMTP client, as a device is one: for `alarmwire test-mail`. Blocking, with time limits;
// remembers what was said. Thread-safety: one thread.
#pragma once

#include <openssl/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.hpp"

namespace alarmwire::cli {

inline constexpr std::chrono::seconds mail_answer_within{60};  // the box may wait for the centre
inline constexpr std::size_t mail_reply_bytes_max = 64 * 1024;

// Where a listener on all addresses is reached from its own machine.
std::string loopback_for(const std::string& address);

struct SaidLine {
  bool by_box = false;
  std::string text;
};

class MailClient {
 public:
  // `patience`: of connecting, and of each word of the other side.
  explicit MailClient(std::chrono::seconds patience = mail_answer_within) : patience_(patience) {}
  ~MailClient();
  MailClient(const MailClient&) = delete;
  MailClient& operator=(const MailClient&) = delete;

  Status connect(const std::string& address, std::uint16_t port);
  // `ca_pem`: of who must have signed the certificate, for `name`; empty: not checked. A bad
  // certificate is no failure, trust() says so.
  Status start_tls(const std::string& ca_pem, const std::string& name);
  Status send(std::string_view bytes);
  // The last line of the next reply. Errc::closed: the box closed the connection.
  Result<std::string> reply();
  // A command and its reply; `shown`: in place of one that carries a secret.
  Result<std::string> say(const std::string& line, const std::string& shown = {});

  std::string tls_version() const;                     // "" in clear text
  const std::string& trust() const { return trust_; }  // "ok", "not checked", or why not
  const std::vector<SaidLine>& said() const { return said_; }
  void note(bool by_box, std::string text) { said_.push_back({by_box, std::move(text)}); }

 private:
  Result<std::string> line();
  const std::chrono::seconds patience_;
  int socket_ = -1;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
  std::string buffer_;
  std::string trust_ = "not checked";
  std::vector<SaidLine> said_;
};

}  // namespace alarmwire::cli
