#include "edge/smtp/wire.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <utility>

namespace alarmwire::smtp {
namespace {

using boost::system::error_code;

Wire::State state_of(const error_code& error, Wire::State when_blocked) {
  if (!error) return Wire::State::moved;
  if (error == boost::asio::error::would_block) return when_blocked;
  return error == boost::asio::error::eof ? Wire::State::ended : Wire::State::broken;
}

std::string name_of_version(int version) {
  switch (version) {
    case SSL3_VERSION:
      return "SSL 3";
    case TLS1_VERSION:
      return "TLS 1.0";
    case TLS1_1_VERSION:
      return "TLS 1.1";
    case TLS1_2_VERSION:
      return "TLS 1.2";
    default:
      return "TLS 1.3";
  }
}

}  // namespace

Wire::Wire(boost::asio::ip::tcp::socket socket) : socket_(std::move(socket)) {}

Wire::~Wire() {
  SSL_free(ssl_);
}

Wire::Step Wire::read_raw(std::vector<char>& buffer) {
  error_code error;
  const std::size_t size = socket_.read_some(boost::asio::buffer(buffer), error);
  return {state_of(error, State::wait_read), size};
}

Wire::Step Wire::read(std::vector<char>& buffer) {
  if (!encrypted_) return read_raw(buffer);
  ERR_clear_error();
  std::size_t size = 0;
  const int result = SSL_read_ex(ssl_, buffer.data(), buffer.size(), &size);
  return result == 1 ? Step{State::moved, size} : after(result);
}

Wire::Step Wire::write(std::string_view bytes) {
  if (!encrypted_) {
    error_code error;
    const std::size_t size =
        socket_.write_some(boost::asio::buffer(bytes.data(), bytes.size()), error);
    return {state_of(error, State::wait_write), size};
  }
  ERR_clear_error();
  std::size_t size = 0;
  const int result = SSL_write_ex(ssl_, bytes.data(), bytes.size(), &size);
  return result == 1 ? Step{State::moved, size} : after(result);
}

Wire::Step Wire::handshake(const std::shared_ptr<const TlsContext>& context) {
  ERR_clear_error();
  if (ssl_ == nullptr) {
    context_ = context;
    ssl_ = SSL_new(context_->get());
    if (ssl_ == nullptr || SSL_set_fd(ssl_, socket_.native_handle()) != 1) {
      error_ = take_tls_error();
      return {State::broken};
    }
    SSL_set_app_data(ssl_, this);
  }
  const int result = SSL_accept(ssl_);
  if (result != 1) return after(result);
  encrypted_ = true;
  return {};
}

// What a call of OpenSSL that did not succeed means.
Wire::Step Wire::after(int result) {
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      return {State::wait_read};
    case SSL_ERROR_WANT_WRITE:
      return {State::wait_write};
    case SSL_ERROR_ZERO_RETURN:
      return {State::ended};
    case SSL_ERROR_SSL:
      if (error_.empty()) {
        error_ = take_tls_error();
        alert_ = error_.find(" alert ") != std::string::npos;
      }
      return {State::broken};
    default:
      if (error_.empty()) error_ = "the device broke the connection off";
      return {State::broken};
  }
}

bool Wire::has_pending() const {
  return encrypted_ && SSL_has_pending(ssl_) == 1;
}

void Wire::say_goodbye() {
  ERR_clear_error();
  if (encrypted_ && error_.empty()) SSL_shutdown(ssl_);
  ERR_clear_error();
}

std::string Wire::why() const {
  if (error_.empty()) return "the device broke the connection off";
  if (offered_version_ == 0 || offered_version_ >= TLS1_2_VERSION) return error_;
  return error_ + "; the device offers at most " + name_of_version(offered_version_);
}

std::string_view Wire::tls_version() const {
  return encrypted_ ? SSL_get_version(ssl_) : "";
}

bool Wire::is_old_tls() const {
  return encrypted_ && SSL_version(ssl_) < TLS1_2_VERSION;
}

int note_client_hello(SSL* ssl, int* /*alert*/, void* /*unused*/) {
  auto* const wire = static_cast<Wire*>(SSL_get_app_data(ssl));
  if (wire == nullptr) return SSL_CLIENT_HELLO_SUCCESS;
  int newest = static_cast<int>(SSL_client_hello_get0_legacy_version(ssl));
  const unsigned char* list = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_supported_versions, &list, &size) == 1) {
    for (std::size_t i = 1; i + 1 < size; i += 2) {  // behind the list's length
      const int version = list[i] << 8 | list[i + 1];
      if (version <= TLS1_3_VERSION) newest = std::max(newest, version);
    }
  }
  wire->offered_version_ = newest;
  return SSL_CLIENT_HELLO_SUCCESS;
}

}  // namespace alarmwire::smtp
