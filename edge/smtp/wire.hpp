// A connection's socket, in clear text and, once started, in TLS: never blocks, says what to wait
// for. TLS works on the socket itself; an idle connection holds no TLS buffers.
// Thread-safety: one thread.
#pragma once

#include <openssl/types.h>

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "edge/smtp/tls_context.hpp"

namespace alarmwire::smtp {

class Wire {
 public:
  enum class State : std::uint8_t {
    moved,       // `bytes` of them, or the handshake is done
    wait_read,   // nothing now: try again when the socket is readable
    wait_write,  // … or writable
    ended,       // the peer has closed
    broken,      // reset, or TLS failed: why()
  };
  struct Step {
    State state = State::moved;
    std::size_t bytes = 0;
  };

  explicit Wire(boost::asio::ip::tcp::socket socket);
  ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  boost::asio::ip::tcp::socket& socket() { return socket_; }
  Step read(std::vector<char>& buffer);
  Step read_raw(std::vector<char>& buffer);  // past TLS: what is thrown away anyway
  Step write(std::string_view bytes);

  // The first call begins; false from is_encrypted() until it is done.
  Step handshake(const std::shared_ptr<const TlsContext>& context);
  bool is_encrypted() const { return encrypted_; }
  bool has_pending() const;  // bytes that the socket will not announce again
  void say_goodbye();        // close_notify, as far as the socket takes it
  std::string why() const;   // TLS failed, for people
  bool has_alert() const { return encrypted_ && !error_.empty() && alert_; }  // … by the peer
  bool has_heard_hello() const { return offered_version_ != 0; }
  std::string_view tls_version() const;  // "TLSv1.3"; empty in clear text
  bool is_old_tls() const;               // 1.0 or 1.1

 private:
  friend int note_client_hello(SSL* ssl, int* alert, void* unused);
  Step after(int result);

  boost::asio::ip::tcp::socket socket_;
  std::shared_ptr<const TlsContext> context_;
  SSL* ssl_ = nullptr;
  std::string error_;
  int offered_version_ = 0;  // the newest in the peer's ClientHello
  bool encrypted_ = false;
  bool alert_ = false;  // error_ is what the peer said
};

// OpenSSL calls it with each ClientHello.
int note_client_hello(SSL* ssl, int* alert, void* unused);

}  // namespace alarmwire::smtp
