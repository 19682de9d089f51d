#include "edge/status/page/page.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <charconv>

#include "common/pem.hpp"
#include "common/record.hpp"
#include "edge/status/page/assets.hpp"
#include "edge/status/page/form.hpp"
#include "edge/status/page/view.hpp"

namespace alarmwire::page {
namespace {

constexpr std::string_view language_cookie = "language=";
constexpr std::size_t token_bytes = 16;

std::string_view path_of(std::string_view target) {
  return target.substr(0, target.find('?'));
}

std::string_view query_of(std::string_view target) {
  const std::size_t mark = target.find('?');
  return mark == std::string_view::npos ? "" : target.substr(mark + 1);
}

std::optional<Language> language_called(std::string_view word) {
  if (word == "de") return Language::german;
  if (word == "en") return Language::english;
  return std::nullopt;
}

std::optional<Language> language_in_cookie(std::string_view cookie) {
  const std::size_t at = cookie.find(language_cookie);
  if (at == std::string_view::npos) return std::nullopt;
  return language_called(cookie.substr(at + language_cookie.size(), 2));
}

// "de-AT;q=0.8" → 0.8
double weight_of(std::string_view range) {
  const std::size_t at = range.find("q=");
  if (at == std::string_view::npos) return 1;
  double weight = 0;
  const std::string_view digits = range.substr(at + 2);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), weight);
  return error == std::errc() ? weight : 0;
}

Language language_accepted(std::string_view header) {
  double german = 0;
  double english = 0;
  while (!header.empty()) {
    std::string_view range = header.substr(0, header.find(','));
    header.remove_prefix(std::min(range.size() + 1, header.size()));
    range.remove_prefix(std::min(range.find_first_not_of(' '), range.size()));
    const std::string_view tag = range.substr(0, 2);
    if (tag == "de") german = std::max(german, weight_of(range));
    if (tag == "en") english = std::max(english, weight_of(range));
  }
  return german > english ? Language::german : Language::english;
}

std::string authority(const std::string& host, std::uint16_t port) {
  const std::string shown = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return port == 80 ? shown : shown + ":" + std::to_string(port);
}

bool are_equal(std::string_view a, std::string_view b) {
  return !b.empty() && a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

// What devices and browsers import: the box's authority, no secret.
Answer authority_file(const std::string& pem, bool der) {
  const std::optional<std::string> bytes = der ? der_of(pem) : pem;
  if (!bytes || bytes->empty()) return refusal(404, "The box has no authority of its own");
  const std::string name = der ? "alarmwire-box-ca.der" : "alarmwire-box-ca.pem";
  return {200,
          der ? "application/x-x509-ca-cert" : "application/x-pem-file",
          *bytes,
          {{"Content-Disposition", "attachment; filename=\"" + name + "\""}}};
}

Answer see_page() {
  Answer answer;
  answer.status = 303;
  answer.headers = {{"Location", "/"}};
  return answer;
}

}  // namespace

Language language_of(const Request& request) {
  const std::optional<std::string> asked = urlencoded_field(query_of(request.target), "language");
  if (asked)
    if (const auto chosen = language_called(*asked)) return *chosen;
  if (const auto kept = language_in_cookie(request.cookie)) return *kept;
  return language_accepted(request.accept_language);
}

const std::vector<std::pair<std::string, std::string>>& guarding_headers() {
  static const std::vector<std::pair<std::string, std::string>> headers{
      {"Content-Security-Policy",
       "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
       "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"},
      {"Cache-Control", "no-store"},
      {"X-Frame-Options", "DENY"},
      {"X-Content-Type-Options", "nosniff"},
      // Not "no-referrer": by that a form would come from the origin "null".
      {"Referrer-Policy", "same-origin"},
      {"Cross-Origin-Resource-Policy", "same-origin"},
  };
  return headers;
}

std::string random_token() {
  std::string bytes(token_bytes, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), token_bytes) != 1) return {};
  return to_hex(bytes);
}

Answer refusal(unsigned status, std::string_view text) {
  return {status, "text/plain; charset=utf-8", std::string(text) + "\n", {}};
}

Page::Page(std::vector<std::string> names, std::string token)
    : names_(std::move(names)), token_(std::move(token)) {}

bool Page::is_ours(const Request& head) const {
  const auto is_host = [&](const std::string& name) {
    return head.host == authority(name, head.local_port);
  };
  return is_host(head.local_address) || std::any_of(names_.begin(), names_.end(), is_host);
}

std::variant<std::monostate, Answer> Page::admit(const Request& head) const {
  if (!is_ours(head))
    return refusal(421, "Call the box by its address: http://" +
                            authority(head.local_address, head.local_port) + "/");
  if (head.method == "GET" || head.method == "HEAD") return {};
  if (head.method != "POST") {
    Answer answer = refusal(405, "GET, HEAD and POST only");
    answer.headers = {{"Allow", "GET, HEAD, POST"}};
    return answer;
  }
  if (head.origin != "http://" + head.host)
    return refusal(403, "This form does not come from the box's own page");
  return {};
}

Reply Page::take(const Request& request, const BoxState& state) const {
  if (const auto admitted = admit(request); std::holds_alternative<Answer>(admitted))
    return std::get<Answer>(admitted);
  if (request.method == "POST") return take_form(request, state);
  const std::string_view path = path_of(request.target);
  if (path == "/") return show(request, state, 200, Trouble::none, {});
  if (path == "/state")
    return Answer{200, "text/html; charset=utf-8", state_part(state, language_of(request)), {}};
  if (path == "/page.css") return Answer{200, "text/css; charset=utf-8", std::string(css()), {}};
  if (path == "/page.js")
    return Answer{200, "text/javascript; charset=utf-8", std::string(script()), {}};
  if (path == "/ca.pem" || path == "/ca.der")
    return authority_file(state.ca_pem, path == "/ca.der");
  if (path == "/favicon.ico") return Answer{204, {}, {}, {}};
  return refusal(404, "There is nothing here");
}

Reply Page::take_form(const Request& request, const BoxState& state) const {
  const std::string_view path = path_of(request.target);
  if (path != "/ticket" && path != "/photo") return refusal(404, "There is nothing here");
  if (state.standing != BoxState::Standing::open)
    return show(request, state, state.standing == BoxState::Standing::enrolled ? 403 : 503,
                Trouble::none, {});
  if (path == "/ticket") {
    const auto token = urlencoded_field(request.body, "token");
    const auto ticket = urlencoded_field(request.body, "ticket");
    if (!token || !are_equal(*token, token_))
      return refusal(403, "The page is from before the box started: load it again");
    return TakeTicket{ticket.value_or("")};
  }
  const auto fields = multipart_fields(request.content_type, request.body);
  if (!fields) return refusal(400, "This is no form of the page");
  if (!are_equal(value_of(*fields, "token").value_or(""), token_))
    return refusal(403, "The page is from before the box started: load it again");
  return ReadPhoto{std::string(value_of(*fields, "photo").value_or(""))};
}

Answer Page::taken(const Request& request, const BoxState& state, Trouble trouble,
                   const std::string& reason) const {
  if (trouble == Trouble::none) return see_page();
  return show(request, state, trouble == Trouble::busy ? 503 : 400, trouble, reason);
}

Answer Page::show(const Request& request, const BoxState& state, unsigned status, Trouble trouble,
                  const std::string& reason) const {
  const Language language = language_of(request);
  Answer answer{status,
                "text/html; charset=utf-8",
                whole_page({state, language, token_, trouble, reason}),
                {}};
  if (urlencoded_field(query_of(request.target), "language"))
    answer.headers = {{"Set-Cookie", std::string(language_cookie).append(word_of(language)) +
                                         "; Path=/; Max-Age=31536000; SameSite=Strict; HttpOnly"}};
  return answer;
}

}  // namespace alarmwire::page
