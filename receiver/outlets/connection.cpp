#include "receiver/outlets/connection.hpp"

#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/assert.hpp>
#include <mutex>

#include "receiver/sites/address.hpp"

namespace alarmwire::outlets {
namespace {

constexpr std::size_t read_bytes_max = 4096;
constexpr std::size_t reply_line_bytes_max = 4096;  // RFC 5321 4.5.3.1.5 allows 512
constexpr std::chrono::milliseconds give_up_poll{200};

void init_curl_once() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

template <typename T>
void set(void* easy, CURLoption option, T value) {
  const CURLcode code = curl_easy_setopt(easy, option, value);
  BOOST_ASSERT(code == CURLE_OK);
  (void)code;
}

bool is_over(const std::atomic<SteadyTime::rep>& give_up_at) {
  return steady_now().time_since_epoch().count() >= give_up_at;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return is_over(*static_cast<const std::atomic<SteadyTime::rep>*>(user)) ? 1 : 0;
}

}  // namespace

// What is said while libcurl opens the connection.
struct Connection::Overheard {
  Dialogue& dialogue;
  bool pipelining = false;

  static int on_debug(CURL*, curl_infotype type, char* data, std::size_t size, void* user) {
    auto& self = *static_cast<Overheard*>(user);
    const std::string_view line(data, size);
    if (type == CURLINFO_HEADER_OUT) {
      self.dialogue.on_command(line);
      // What was offered before STARTTLS does not count (RFC 3207 4.2).
      if (sites::to_lower(line.substr(0, 4)) == "ehlo") self.pipelining = false;
    } else if (type == CURLINFO_HEADER_IN) {
      self.dialogue.on_reply_line(line);
      const std::string word = sites::to_lower(line.substr(0, line.find_last_not_of("\r\n ") + 1));
      if (word == "250-pipelining" || word == "250 pipelining") self.pipelining = true;
    }
    return 0;
  }
};

void Connection::CloseCurl::operator()(void* easy) const {
  curl_easy_cleanup(easy);
}

Connection::Connection(const SmtpConfig& config, const std::atomic<SteadyTime::rep>& give_up_at)
    : config_(config), give_up_at_(give_up_at) {
  static_assert(CURL_ERROR_SIZE <= std::tuple_size_v<decltype(error_)>);
  init_curl_once();
}

Connection::~Connection() {
  if (is_open() && socket() >= 0) ::shutdown(socket(), SHUT_RD);
}

void Connection::set_options(SteadyTime until) {
  void* const easy = easy_.get();
  const std::string scheme = config_.tls == Tls::smtps ? "smtps://" : "smtp://";
  set(easy, CURLOPT_URL, (scheme + config_.target() + "/" + config_.ehlo_name).c_str());
  set(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  set(easy, CURLOPT_CONNECT_ONLY, 1L);
  set(easy, CURLOPT_PROXY, "");
  set(easy, CURLOPT_NOSIGNAL, 1L);
  set(easy, CURLOPT_TCP_NODELAY, 1L);
  set(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(config_.connect_timeout.count()));
  using std::chrono::milliseconds;
  const auto left = std::chrono::duration_cast<milliseconds>(until - steady_now());
  const long left_ms = std::max(1L, static_cast<long>(left.count()));
  set(easy, CURLOPT_TIMEOUT_MS, left_ms);
  set(easy, CURLOPT_SERVER_RESPONSE_TIMEOUT, left_ms / 1000 + 1);
  set(easy, CURLOPT_ERRORBUFFER, error_.data());
  set(easy, CURLOPT_VERBOSE, 1L);  // the conversation is overheard, nothing is printed
  set(easy, CURLOPT_DEBUGFUNCTION, &Overheard::on_debug);
  set(easy, CURLOPT_NOPROGRESS, 0L);
  set(easy, CURLOPT_XFERINFOFUNCTION, &on_progress);
  set(easy, CURLOPT_XFERINFODATA, &give_up_at_);
  if (config_.tls == Tls::starttls) set(easy, CURLOPT_USE_SSL, static_cast<long>(CURLUSESSL_ALL));
  if (!config_.ca_file.empty()) set(easy, CURLOPT_CAINFO, config_.ca_file.c_str());
  set(easy, CURLOPT_SSL_VERIFYPEER, config_.verify ? 1L : 0L);
  set(easy, CURLOPT_SSL_VERIFYHOST, config_.verify ? 2L : 0L);
  if (config_.username.empty()) return;
  set(easy, CURLOPT_USERNAME, config_.username.c_str());
  set(easy, CURLOPT_PASSWORD, config_.password.c_str());
  set(easy, CURLOPT_SASL_IR, 1L);  // one round trip less
}

Status Connection::open(Dialogue& dialogue, SteadyTime until) {
  BOOST_ASSERT(!is_open());
  easy_.reset(curl_easy_init());
  BOOST_ASSERT(is_open());
  set_options(until);
  Overheard overheard{dialogue};
  set(easy_.get(), CURLOPT_DEBUGDATA, &overheard);
  error_[0] = '\0';
  const CURLcode code = curl_easy_perform(easy_.get());
  set(easy_.get(), CURLOPT_VERBOSE, 0L);
  set(easy_.get(), CURLOPT_DEBUGDATA, static_cast<void*>(nullptr));
  pipelining_ = overheard.pipelining;
  line_.clear();
  if (code == CURLE_OK) return {};
  const Failure failed = failure(code);
  drop();
  return failed;
}

void Connection::drop() {
  if (is_open() && socket() >= 0) ::shutdown(socket(), SHUT_RDWR);
  easy_.reset();
}

int Connection::socket() const {
  curl_socket_t socket = CURL_SOCKET_BAD;
  curl_easy_getinfo(easy_.get(), CURLINFO_ACTIVESOCKET, &socket);
  return socket;
}

Failure Connection::failure(int curl_code) const {
  const auto code = static_cast<CURLcode>(curl_code);
  const char* const text = error_[0] != '\0' ? error_.data() : curl_easy_strerror(code);
  return {code == CURLE_OPERATION_TIMEDOUT ? Errc::timed_out : Errc::io, text};
}

Status Connection::wait(short events, SteadyTime until) const {
  while (!is_over(give_up_at_)) {
    const auto left = until - steady_now();
    if (left <= SteadyTime::duration::zero())
      return Failure(Errc::timed_out, "no answer in the time limit");
    const auto slice = std::min<SteadyTime::duration>(left, give_up_poll);
    const auto slice_ms = std::chrono::ceil<std::chrono::milliseconds>(slice);
    pollfd waited{socket(), events, 0};
    const int ready = ::poll(&waited, 1, static_cast<int>(slice_ms.count()));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return Failure(Errc::io, "poll failed");
  }
  return Failure(Errc::closed, "given up: the outlet stops");
}

// False: nothing there now.
Result<bool> Connection::read_some(Dialogue& dialogue) {
  std::array<char, read_bytes_max> bytes;
  std::size_t count = 0;
  // A far side that writes the replies of a group one by one waits for our acknowledgement of each.
  const int at_once = 1;
  ::setsockopt(socket(), IPPROTO_TCP, TCP_QUICKACK, &at_once, sizeof at_once);
  const CURLcode code = curl_easy_recv(easy_.get(), bytes.data(), bytes.size(), &count);
  if (code == CURLE_AGAIN) return false;
  if (code != CURLE_OK) return failure(code);
  if (count == 0) return Failure(Errc::closed, "the far side closed the connection");
  line_.append(bytes.data(), count);
  for (std::size_t end = line_.find('\n'); end != std::string::npos; end = line_.find('\n')) {
    dialogue.on_reply_line(std::string_view(line_).substr(0, end));
    line_.erase(0, end + 1);
  }
  if (line_.size() > reply_line_bytes_max) return Failure(Errc::io, "a reply line without end");
  return true;
}

Status Connection::send(std::string_view bytes, Dialogue& dialogue, SteadyTime until) {
  while (!bytes.empty()) {
    std::size_t sent = 0;
    const CURLcode code = curl_easy_send(easy_.get(), bytes.data(), bytes.size(), &sent);
    if (code == CURLE_OK) {
      bytes.remove_prefix(sent);
      continue;
    }
    if (code == CURLE_AGAIN) {
      const Status waited = wait(POLLIN | POLLOUT, until);
      if (waited.has_error()) return waited;
    }
    // What it says before it closes counts for more than that it closed.
    const Result<bool> heard = read_some(dialogue);
    if (heard.has_error()) return heard.error();
    if (dialogue.is_cut_short()) return Failure(Errc::closed, "refused in the middle of the mail");
    if (code != CURLE_AGAIN) return failure(code);
  }
  return {};
}

Status Connection::hear(Dialogue& dialogue, SteadyTime until) {
  while (dialogue.awaits_reply()) {
    const Result<bool> heard = read_some(dialogue);
    if (heard.has_error()) return heard.error();
    if (*heard) continue;
    const Status waited = wait(POLLIN, until);
    if (waited.has_error()) return waited;
  }
  return {};
}

}  // namespace alarmwire::outlets
