#include "common/record.hpp"

#include <openssl/evp.h>

#include <boost/assert.hpp>
#include <boost/endian/conversion.hpp>
#include <cstdlib>
#include <cstring>

namespace alarmwire {
namespace {

constexpr char envelope_version = 1;
constexpr std::size_t field_header_size = 5;

// Tags are for ever: never re-used, never re-ordered.
enum class Tag : std::uint8_t {
  kind = 1,
  listener = 2,
  device = 3,
  device_address = 4,
  helo = 5,
  reverse_path = 6,
  recipient = 7,
  body_8bit = 8,
  smtputf8 = 9,
  fault_code = 10,
  fault_subject = 11,
  fault_reason = 12,
  known_by = 13,
};

void put(std::string& out, Tag tag, std::string_view value) {
  out += static_cast<char>(tag);
  std::array<char, 4> length{};
  boost::endian::store_big_u32(reinterpret_cast<unsigned char*>(length.data()),
                               static_cast<std::uint32_t>(value.size()));
  out.append(length.data(), length.size());
  out += value;
}

void put_text(std::string& out, Tag tag, std::string_view value) {
  if (!value.empty()) put(out, tag, value);
}

Failure malformed(const char* what) {
  return {Errc::invalid_argument, std::string("envelope: ") + what};
}

bool apply_field(Envelope& envelope, std::uint8_t tag, std::string_view value) {
  switch (static_cast<Tag>(tag)) {
    case Tag::kind:
      if (value.size() != 1 || value[0] < 1 || value[0] > 4) return false;
      envelope.kind = static_cast<RecordKind>(value[0]);
      return true;
    case Tag::listener:
      envelope.listener = value;
      return true;
    case Tag::device:
      envelope.device = value;
      return true;
    case Tag::device_address:
      envelope.device_address = value;
      return true;
    case Tag::helo:
      envelope.helo = value;
      return true;
    case Tag::reverse_path:
      envelope.reverse_path = value;
      return true;
    case Tag::recipient:
      envelope.recipients.emplace_back(value);
      return true;
    case Tag::body_8bit:
      envelope.body_8bit = true;
      return true;
    case Tag::smtputf8:
      envelope.smtputf8 = true;
      return true;
    case Tag::fault_code:
      envelope.fault_code = value;
      return true;
    case Tag::fault_subject:
      envelope.fault_subject = value;
      return true;
    case Tag::fault_reason:
      envelope.fault_reason = value;
      return true;
    case Tag::known_by:
      envelope.known_by = value;
      return true;
  }
  return true;  // a newer box: its extra fields are carried in the bytes, not understood here
}

}  // namespace

std::string_view to_string(RecordKind kind) {
  switch (kind) {
    case RecordKind::mail:
      return "mail";
    case RecordKind::fault:
      return "fault";
    case RecordKind::fault_end:
      return "fault-end";
    case RecordKind::canary:
      return "canary";
  }
  return "?";
}

std::string encode_envelope(const Envelope& envelope) {
  std::string out(1, envelope_version);
  put(out, Tag::kind, std::string(1, static_cast<char>(envelope.kind)));
  put_text(out, Tag::listener, envelope.listener);
  put_text(out, Tag::device, envelope.device);
  put_text(out, Tag::device_address, envelope.device_address);
  put_text(out, Tag::helo, envelope.helo);
  put_text(out, Tag::reverse_path, envelope.reverse_path);
  for (const std::string& recipient : envelope.recipients) put(out, Tag::recipient, recipient);
  if (envelope.body_8bit) put(out, Tag::body_8bit, "\1");
  if (envelope.smtputf8) put(out, Tag::smtputf8, "\1");
  put_text(out, Tag::fault_code, envelope.fault_code);
  put_text(out, Tag::fault_subject, envelope.fault_subject);
  put_text(out, Tag::fault_reason, envelope.fault_reason);
  put_text(out, Tag::known_by, envelope.known_by);
  return out;
}

Result<Envelope> decode_envelope(std::string_view bytes) {
  if (bytes.empty() || bytes[0] != envelope_version) return malformed("unknown version");
  if (bytes.size() > envelope_size_max) return malformed("too large");
  bytes.remove_prefix(1);
  Envelope envelope;
  std::uint8_t last_tag = 0;
  while (!bytes.empty()) {
    if (bytes.size() < field_header_size) return malformed("cut off in a field's header");
    const auto tag = static_cast<std::uint8_t>(bytes[0]);
    const std::uint32_t length =
        boost::endian::load_big_u32(reinterpret_cast<const unsigned char*>(bytes.data() + 1));
    bytes.remove_prefix(field_header_size);
    if (length > bytes.size()) return malformed("cut off in a field");
    if (tag < last_tag || (tag == last_tag && tag != static_cast<std::uint8_t>(Tag::recipient)))
      return malformed("fields out of order");
    if (last_tag == 0 && tag != static_cast<std::uint8_t>(Tag::kind)) return malformed("no kind");
    if (!apply_field(envelope, tag, bytes.substr(0, length))) return malformed("unknown kind");
    last_tag = tag;
    bytes.remove_prefix(length);
  }
  if (last_tag == 0) return malformed("no kind");
  return envelope;
}

std::string to_hex(std::string_view bytes) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<std::uint8_t>(c);
    text += digits[byte >> 4];
    text += digits[byte & 0x0f];
  }
  return text;
}

bool hash_from_bytes(std::string_view raw, Hash& hash) {
  if (raw.size() != hash.size()) return false;
  std::memcpy(hash.data(), raw.data(), raw.size());
  return true;
}

struct RecordHasher::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { EVP_MD_CTX_free(context); }
};

RecordHasher::RecordHasher(std::string_view envelope_bytes) : state_(std::make_unique<State>()) {
  // Fetched once: looking SHA-256 up by name at every record costs more than hashing a small one.
  static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  if (sha256 == nullptr || EVP_DigestInit_ex(state_->context, sha256, nullptr) != 1) std::abort();
  std::array<unsigned char, 8> length{};
  boost::endian::store_big_u64(length.data(), envelope_bytes.size());
  update({reinterpret_cast<const char*>(length.data()), length.size()});
  update(envelope_bytes);
}

RecordHasher::~RecordHasher() = default;
RecordHasher::RecordHasher(RecordHasher&&) noexcept = default;
RecordHasher& RecordHasher::operator=(RecordHasher&&) noexcept = default;

void RecordHasher::update(std::string_view raw) {
  BOOST_ASSERT(state_ != nullptr);
  if (EVP_DigestUpdate(state_->context, raw.data(), raw.size()) != 1) std::abort();
}

Hash RecordHasher::finish() {
  BOOST_ASSERT(state_ != nullptr);
  Hash hash{};
  unsigned int size = 0;
  if (EVP_DigestFinal_ex(state_->context, hash.data(), &size) != 1 || size != hash.size())
    std::abort();
  state_.reset();
  return hash;
}

const std::string& canary_envelope() {
  static const std::string bytes = [] {
    Envelope envelope;
    envelope.kind = RecordKind::canary;
    return encode_envelope(envelope);
  }();
  return bytes;
}

const Hash& canary_hash() {
  static const Hash hash = RecordHasher(canary_envelope()).finish();
  return hash;
}

}  // namespace alarmwire
