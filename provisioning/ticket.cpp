#include "provisioning/ticket.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>

namespace alarmwire::provisioning {
namespace {

constexpr std::string_view name = "ALARMWIRE";
constexpr std::string_view digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::uint8_t version = 1;
constexpr std::size_t checksum_bytes = 3;
constexpr std::uint8_t kind_v4 = 4;
constexpr std::uint8_t kind_v6 = 6;
constexpr std::uint8_t kind_name = 128;  // plus its length

Failure bad(std::string why) {
  return {Errc::invalid_argument, std::move(why)};
}

std::array<std::uint8_t, checksum_bytes> checksum_of(std::span<const std::uint8_t> bytes) {
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> hash{};
  SHA256(bytes.data(), bytes.size(), hash.data());
  std::array<std::uint8_t, checksum_bytes> checksum{};
  std::copy_n(hash.begin(), checksum.size(), checksum.begin());
  return checksum;
}

// Bytes that hold the secret on their way in or out.
struct SecretBytes : std::vector<std::uint8_t> {
  using vector::vector;
  ~SecretBytes() { OPENSSL_cleanse(data(), size()); }
};

class Writer {
 public:
  void byte(std::uint8_t value) { bytes_.push_back(value); }
  void number(std::uint16_t value) {
    byte(static_cast<std::uint8_t>(value >> 8));
    byte(static_cast<std::uint8_t>(value & 0xff));
  }
  template <typename Range>
  void raw(const Range& range) {
    for (const auto each : range) byte(static_cast<std::uint8_t>(each));
  }
  std::span<const std::uint8_t> bytes() const { return bytes_; }

 private:
  SecretBytes bytes_;
};

class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  std::size_t left() const { return bytes_.size(); }
  // Zeros behind the end; ok() tells.
  std::uint8_t byte() {
    if (bytes_.empty()) {
      ok_ = false;
      return 0;
    }
    const std::uint8_t value = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return value;
  }
  std::uint16_t number() {
    const std::uint8_t high = byte();
    return static_cast<std::uint16_t>(high << 8 | byte());
  }
  template <typename Range>
  void fill(Range&& range) {
    for (auto& each : range) each = static_cast<std::remove_reference_t<decltype(each)>>(byte());
  }
  bool ok() const { return ok_; }

 private:
  std::span<const std::uint8_t> bytes_;
  bool ok_ = true;
};

void write_endpoint(Writer& out, const tunnel::EndpointName& endpoint) {
  if (const std::optional<tunnel::Endpoint> literal = endpoint.literal()) {
    out.byte(literal->is_v6 ? kind_v6 : kind_v4);
    out.raw(std::span(literal->bytes).first(literal->is_v6 ? 16 : 4));
  } else {
    out.byte(static_cast<std::uint8_t>(kind_name + endpoint.host.size()));
    out.raw(endpoint.host);
  }
  out.number(endpoint.port);
}

std::optional<tunnel::EndpointName> read_endpoint(Reader& in) {
  const std::uint8_t kind = in.byte();
  std::string host;
  if (kind == kind_v4 || kind == kind_v6) {
    tunnel::Endpoint literal;
    literal.is_v6 = kind == kind_v6;
    in.fill(std::span(literal.bytes).first(literal.is_v6 ? 16 : 4));
    literal.port = in.number();
    return in.ok() ? tunnel::EndpointName::parse(literal.to_string()) : std::nullopt;
  }
  if (kind <= kind_name || kind - kind_name > static_cast<int>(ticket_name_bytes_max)) return {};
  host.resize(kind - kind_name);
  in.fill(host);
  const std::uint16_t port = in.number();
  const auto parsed = tunnel::EndpointName::parse(host + ":" + std::to_string(port));
  // A literal has one way to be written, so that one ticket has one text.
  if (!in.ok() || !parsed || parsed->literal()) return std::nullopt;
  return parsed;
}

std::string to_base32(std::span<const std::uint8_t> bytes) {
  std::string text;
  std::uint32_t bits = 0;
  int held = 0;
  for (const std::uint8_t byte : bytes) {
    bits = bits << 8 | byte;
    for (held += 8; held >= 5; held -= 5) text += digits[bits >> (held - 5) & 31];
  }
  if (held > 0) text += digits[bits << (5 - held) & 31];
  return text;
}

// What a keyboard types for a colon or a dash when machine and keyboard (or scanner) disagree about
// its layout, German against US, in either direction.
constexpr std::array<std::string_view, 4> colons{":", "\xc3\x96", "\xc3\xb6", ">"};
constexpr std::array<std::string_view, 4> dashes{"-", "\xc3\x9f", "?", "/"};

template <std::size_t N>
std::size_t length_of_one(std::string_view text, const std::array<std::string_view, N>& words) {
  for (const std::string_view word : words)
    if (text.starts_with(word)) return word.size();
  return 0;
}

// Upper case, without what stands between characters, without the name in front.
std::string squeeze(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // a text file from Windows
  std::string squeezed;
  bool has_name = false;
  while (!text.empty()) {
    const char c = text.front();
    std::size_t skipped = c == ' ' || c == '\t' || c == '\r' || c == '\n' ? 1 : 0;
    if (skipped == 0) skipped = length_of_one(text, dashes);
    if (skipped == 0 && has_name && squeezed.empty()) skipped = length_of_one(text, colons);
    text.remove_prefix(std::max<std::size_t>(skipped, 1));
    if (skipped != 0) continue;
    squeezed += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    if (has_name || squeezed != name) continue;
    has_name = true;
    squeezed.clear();
  }
  return squeezed;
}

std::optional<std::uint8_t> value_of(char c) {
  if (c == 'O') c = '0';
  if (c == 'I' || c == 'L') c = '1';
  const std::size_t value = digits.find(c);
  if (value == std::string_view::npos) return std::nullopt;
  return static_cast<std::uint8_t>(value);
}

Result<SecretBytes> from_base32(std::string_view text) {
  SecretBytes bytes;
  std::uint32_t bits = 0;
  int held = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::optional<std::uint8_t> value = value_of(text[i]);
    if (!value)
      return bad("character " + std::to_string(i + 1) +
                 " of the ticket is none that tickets have: only digits and letters");
    bits = bits << 5 | *value;
    held += 5;
    if (held < 8) continue;
    held -= 8;
    bytes.push_back(static_cast<std::uint8_t>(bits >> held & 0xff));
  }
  if (held >= 5 || (bits & ((1U << held) - 1)) != 0)
    return bad("the ticket is not complete: its end is missing");
  return bytes;
}

Result<Ticket> read_fields(std::span<const std::uint8_t> bytes) {
  Reader in(bytes);
  Ticket ticket;
  in.byte();  // the version, which was looked at before
  in.fill(ticket.secret.bytes);
  in.fill(ticket.centre.bytes);
  ticket.prefix.bytes[0] = 0xfd;
  in.fill(std::span(ticket.prefix.bytes).subspan(1));
  while (in.ok() && in.left() > 0) {
    const std::optional<tunnel::EndpointName> endpoint = read_endpoint(in);
    if (!endpoint || ticket.endpoints.size() == ticket_endpoints_max)
      return bad("the ticket's address of the centre makes no sense");
    ticket.endpoints.push_back(*endpoint);
  }
  if (!in.ok() || ticket.endpoints.empty() || ticket.centre == tunnel::PublicKey{})
    return bad("the ticket is not complete");
  return ticket;
}

Result<Ticket> read_base32(std::string_view squeezed) {
  const Result<SecretBytes> bytes = from_base32(squeezed);
  if (!bytes) return bytes.error();
  if (bytes->empty()) return bad("there is no ticket in it");
  if (bytes->front() != version)
    return bad("this is no ticket, or one for a newer version of Alarmwire");
  if (bytes->size() <= checksum_bytes + 1) return bad("the ticket is not complete");
  const auto content = std::span<const std::uint8_t>(*bytes).first(bytes->size() - checksum_bytes);
  const auto checksum = checksum_of(content);
  if (!std::equal(checksum.begin(), checksum.end(), bytes->end() - checksum_bytes))
    return bad(
        "the ticket has a wrong character, or its end is missing: compare it with the "
        "printed one");
  return read_fields(content);
}

}  // namespace

Result<std::string> format_ticket(const Ticket& ticket) {
  if (ticket.endpoints.empty() || ticket.endpoints.size() > ticket_endpoints_max)
    return bad("a ticket names 1 to " + std::to_string(ticket_endpoints_max) +
               " endpoints of the centre");
  Writer out;
  out.byte(version);
  out.raw(ticket.secret.bytes);
  out.raw(ticket.centre.bytes);
  out.raw(std::span(ticket.prefix.bytes).subspan(1));
  for (const tunnel::EndpointName& endpoint : ticket.endpoints) {
    if (endpoint.host.empty() || endpoint.host.size() > ticket_name_bytes_max)
      return bad("the endpoint's name is too long for a ticket: " + endpoint.host);
    write_endpoint(out, endpoint);
  }
  out.raw(checksum_of(out.bytes()));
  return std::string(name) + ":" + to_base32(out.bytes());
}

Result<Ticket> parse_ticket(std::string_view text) {
  if (text.size() > ticket_text_bytes_max) return bad("this is too long for a ticket");
  std::string squeezed = squeeze(text);
  Result<Ticket> ticket = read_base32(squeezed);
  if (!ticket) {  // Y and Z change places between German and US keyboards; the checksum tells
    for (char& c : squeezed) c = c == 'Y' ? 'Z' : c == 'Z' ? 'Y' : c;
    if (Result<Ticket> exchanged = read_base32(squeezed)) ticket = std::move(exchanged);
  }
  OPENSSL_cleanse(squeezed.data(), squeezed.size());
  return ticket;
}

bool needs_dns(const Ticket& ticket) {
  return std::none_of(
      ticket.endpoints.begin(), ticket.endpoints.end(),
      [](const tunnel::EndpointName& endpoint) { return endpoint.literal().has_value(); });
}

}  // namespace alarmwire::provisioning
