#include "receiver/outlets/courier.hpp"

#include <curl/curl.h>
#include <sys/socket.h>

#include <array>
#include <boost/assert.hpp>
#include <cstring>
#include <limits>
#include <mutex>
#include <optional>

namespace alarmwire::outlets {
namespace {

constexpr long idle_connection_age_s_max = 24 * 3600;
constexpr long upload_piece_bytes = 64 * 1024;
constexpr std::uint64_t slowest_bytes_per_ms = 256;  // stretches the time limit of large mails

void init_curl_once() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

// What the callbacks of one transfer share.
struct Transfer {
  Dialogue dialogue;
  Pieces pieces;
  std::string piece;
  std::size_t used = 0;
  bool ended = false;
  std::optional<Failure> source_failure;
};

std::size_t on_read(char* target, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  while (transfer.used == transfer.piece.size() && !transfer.ended) {
    transfer.piece.clear();
    transfer.used = 0;
    const Result<bool> more = transfer.pieces(transfer.piece);
    if (!more) {
      transfer.source_failure = more.error();
      return CURL_READFUNC_ABORT;
    }
    transfer.ended = !*more;
  }
  const std::size_t length = std::min(size * count, transfer.piece.size() - transfer.used);
  std::memcpy(target, transfer.piece.data() + transfer.used, length);
  transfer.used += length;
  if (length == 0) transfer.dialogue.on_body_end();
  return length;
}

int on_debug(CURL* easy, curl_infotype type, char* data, std::size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::string_view line(data, size);
  if (type == CURLINFO_HEADER_OUT) {
    transfer.dialogue.on_command(line);
    // The verdict stands: a far side that is slow to say goodbye must not hold it up.
    if (line.substr(0, 4) == "QUIT") curl_easy_setopt(easy, CURLOPT_SERVER_RESPONSE_TIMEOUT, 1L);
  }
  if (type == CURLINFO_HEADER_IN) transfer.dialogue.on_reply_line(line);
  return 0;
}

std::size_t swallow(char*, std::size_t size, std::size_t count, void*) {
  return size * count;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const auto& abort_at = *static_cast<const std::atomic<SteadyTime::rep>*>(user);
  return steady_now().time_since_epoch().count() >= abort_at ? 1 : 0;
}

struct AddressList {
  curl_slist* list = nullptr;
  explicit AddressList(const std::vector<std::string>& addresses) {
    for (const std::string& address : addresses)
      list = curl_slist_append(list, ("<" + address + ">").c_str());
  }
  AddressList(const AddressList&) = delete;
  AddressList& operator=(const AddressList&) = delete;
  ~AddressList() { curl_slist_free_all(list); }
};

}  // namespace

struct Courier::Curl {
  CURL* easy = nullptr;
  std::array<char, CURL_ERROR_SIZE> error{};

  Curl() : easy(curl_easy_init()) { BOOST_ASSERT(easy != nullptr); }
  Curl(const Curl&) = delete;
  Curl& operator=(const Curl&) = delete;
  ~Curl() { curl_easy_cleanup(easy); }

  template <typename T>
  void set(CURLoption option, T value) {
    const CURLcode code = curl_easy_setopt(easy, option, value);
    BOOST_ASSERT(code == CURLE_OK);
    (void)code;
  }

  // Bound to one transfer, so that no callback ever sees the last one's.
  CURLcode perform(Transfer& transfer) {
    error[0] = '\0';
    set(CURLOPT_READDATA, &transfer);
    set(CURLOPT_DEBUGDATA, &transfer);
    return curl_easy_perform(easy);
  }

  std::string error_text(CURLcode code) const {
    if (code == CURLE_OK) return {};
    return error[0] != '\0' ? error.data() : curl_easy_strerror(code);
  }
};

Courier::Courier(const SmtpConfig& config)
    : config_(config), abort_at_(std::numeric_limits<SteadyTime::rep>::max()) {
  init_curl_once();
  curl_ = std::make_unique<Curl>();
  Curl& c = *curl_;
  const std::string scheme = config_.tls == Tls::smtps ? "smtps://" : "smtp://";
  c.set(CURLOPT_URL, (scheme + config_.target() + "/" + config_.ehlo_name).c_str());
  c.set(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  c.set(CURLOPT_PROXY, "");
  c.set(CURLOPT_NOSIGNAL, 1L);
  c.set(CURLOPT_TCP_NODELAY, 1L);
  c.set(CURLOPT_TCP_KEEPALIVE, 1L);
  c.set(CURLOPT_MAXAGE_CONN, idle_connection_age_s_max);
  c.set(CURLOPT_MAXCONNECTS, 1L);
  c.set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(config_.connect_timeout.count()));
  c.set(CURLOPT_UPLOAD_BUFFERSIZE, upload_piece_bytes);
  c.set(CURLOPT_ERRORBUFFER, c.error.data());
  c.set(CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
  c.set(CURLOPT_READFUNCTION, &on_read);
  c.set(CURLOPT_WRITEFUNCTION, &swallow);
  c.set(CURLOPT_VERBOSE, 1L);  // the conversation is overheard, nothing is printed
  c.set(CURLOPT_DEBUGFUNCTION, &on_debug);
  c.set(CURLOPT_NOPROGRESS, 0L);
  c.set(CURLOPT_XFERINFOFUNCTION, &on_progress);
  c.set(CURLOPT_XFERINFODATA, &abort_at_);
  if (config_.tls == Tls::starttls) c.set(CURLOPT_USE_SSL, static_cast<long>(CURLUSESSL_ALL));
  if (!config_.ca_file.empty()) c.set(CURLOPT_CAINFO, config_.ca_file.c_str());
  c.set(CURLOPT_SSL_VERIFYPEER, config_.verify ? 1L : 0L);
  c.set(CURLOPT_SSL_VERIFYHOST, config_.verify ? 2L : 0L);
  if (!config_.username.empty()) {
    c.set(CURLOPT_USERNAME, config_.username.c_str());
    c.set(CURLOPT_PASSWORD, config_.password.c_str());
    c.set(CURLOPT_SASL_IR, 1L);  // one round trip less
  }
}

Courier::~Courier() {
  // Closing says QUIT; the answer is not waited for.
  curl_socket_t socket = CURL_SOCKET_BAD;
  curl_easy_getinfo(curl_->easy, CURLINFO_ACTIVESOCKET, &socket);
  if (socket != CURL_SOCKET_BAD) ::shutdown(socket, SHUT_RD);
}

Outcome Courier::send_once(const Letter& letter, bool fresh, bool& reused) {
  Curl& c = *curl_;
  const AddressList to(letter.to);
  const std::string from = "<" + letter.from + ">";
  const auto limit_ms = config_.total_timeout.count() +
                        static_cast<std::int64_t>(letter.size_bytes / slowest_bytes_per_ms);
  c.set(CURLOPT_CUSTOMREQUEST, static_cast<const char*>(nullptr));
  c.set(CURLOPT_NOBODY, 0L);
  c.set(CURLOPT_UPLOAD, 1L);
  c.set(CURLOPT_MAIL_FROM, from.c_str());
  c.set(CURLOPT_MAIL_RCPT, to.list);
  c.set(CURLOPT_FRESH_CONNECT, fresh ? 1L : 0L);
  c.set(CURLOPT_TIMEOUT_MS, static_cast<long>(limit_ms));
  c.set(CURLOPT_SERVER_RESPONSE_TIMEOUT, static_cast<long>(limit_ms / 1000 + 1));
  Transfer transfer;
  transfer.pieces = letter.open();
  const CURLcode code = c.perform(transfer);
  c.set(CURLOPT_MAIL_RCPT, static_cast<curl_slist*>(nullptr));
  long connects = 0;
  curl_easy_getinfo(c.easy, CURLINFO_NUM_CONNECTS, &connects);
  reused = connects == 0;
  if (transfer.source_failure) {
    Outcome outcome;
    outcome.attempt.verdict = Verdict::later;
    outcome.attempt.text = "ledger: " + transfer.source_failure->diagnostics;
    return outcome;
  }
  return transfer.dialogue.judge(c.error_text(code));
}

Outcome Courier::send(const Letter& letter) {
  BOOST_ASSERT(!letter.to.empty());
  bool reused = false;
  Outcome outcome = send_once(letter, false, reused);
  const bool aborted = steady_now().time_since_epoch().count() >= abort_at_;
  const bool went_stale = reused && outcome.silent && outcome.before_data && !aborted;
  if (went_stale) outcome = send_once(letter, true, reused);
  return outcome;
}

bool Courier::keep_warm() {
  Curl& c = *curl_;
  c.set(CURLOPT_UPLOAD, 0L);
  c.set(CURLOPT_NOBODY, 1L);
  c.set(CURLOPT_CUSTOMREQUEST, "NOOP");
  c.set(CURLOPT_FRESH_CONNECT, 0L);
  c.set(CURLOPT_TIMEOUT_MS, static_cast<long>(config_.connect_timeout.count()));
  Transfer transfer;
  return c.perform(transfer) == CURLE_OK;
}

}  // namespace alarmwire::outlets
