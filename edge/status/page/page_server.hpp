// The page's way to browsers: plain HTTP/1.1 on the box's LAN. A thin driver; page.hpp decides.
//
// Promises: who is not in the allowed networks hears nothing. Memory and time are bounded whatever
// is sent: connections, headers, bodies, one photo at a time, and each request's duration.
// Thread-safety: the io_context's one thread; read_photo's answer comes there too.
// Source: RFC 9112, by Boost.Beast.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "edge/smtp/network.hpp"
#include "edge/status/page/page.hpp"

namespace alarmwire::page {

inline constexpr std::size_t connections_max = 32;
inline constexpr std::size_t connections_a_peer_max = 8;
inline constexpr std::uint32_t head_bytes_max = 16 * 1024;
inline constexpr std::uint64_t form_bytes_max = 32 * 1024;
inline constexpr std::uint64_t upload_bytes_max = 24 * 1024 * 1024 + 64 * 1024;
inline constexpr std::chrono::seconds request_time_max{15};  // also between two requests
inline constexpr std::chrono::seconds upload_time_max{120};

struct ServerConfig {
  int listening_fd = -1;               // becomes the server's
  std::vector<smtp::Network> allowed;  // empty: private_networks()
  std::vector<std::string> names;      // the box's, beside its address
};

// RFC 1918, RFC 3927, RFC 4193, link-local and loopback: what a LAN is made of.
const std::vector<smtp::Network>& private_networks();

struct Callbacks {
  std::function<BoxState()> state;
  // A failure says what is wrong with the ticket.
  std::function<Status(const std::string& ticket)> enrol;
  std::function<void(std::string photo, std::function<void(Result<std::string>)> done)> read_photo;
};

class PageServer {
 public:
  static Result<std::unique_ptr<PageServer>> open(boost::asio::io_context& context,
                                                  ServerConfig config, Callbacks callbacks);
  virtual ~PageServer() = default;
  virtual void close() = 0;
};

}  // namespace alarmwire::page
