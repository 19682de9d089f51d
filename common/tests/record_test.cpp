#include "common/record.hpp"

#include <gtest/gtest.h>

namespace alarmwire {
namespace {

Envelope full_envelope() {
  Envelope envelope;
  envelope.kind = RecordKind::fault;
  envelope.listener = "lan";
  envelope.device = "cam-1";
  envelope.device_address = "192.168.1.20";
  envelope.helo = "cam";
  envelope.reverse_path = "cam@site.internal";
  envelope.recipients = {"alarm@site.internal", "", std::string("a\0b", 3)};
  envelope.body_8bit = true;
  envelope.smtputf8 = true;
  envelope.fault_code = "mail-refused";
  envelope.fault_subject = "cam-1";
  envelope.fault_reason = "too large";
  envelope.known_by = "mac";
  return envelope;
}

bool decodes(const std::string& bytes) {
  return decode_envelope(bytes).has_value();
}

std::string field(char tag, const std::string& value) {
  return std::string{tag, 0, 0, 0, static_cast<char>(value.size())} + value;
}
const std::string mail_start = "\x01" + field(1, "\x01");

TEST(Envelope, ReadsBackWhatItWrote) {
  EXPECT_EQ(decode_envelope(encode_envelope(full_envelope())).value(), full_envelope());
  EXPECT_EQ(decode_envelope(encode_envelope({})).value(), Envelope{});
}

// Hashes of years depend on these bytes: they must never change.
TEST(Envelope, HasFixedBytes) {
  Envelope envelope;
  envelope.device = "c";
  envelope.recipients = {"a@b"};
  EXPECT_EQ(to_hex(encode_envelope(envelope)),
            "0101000000010103000000016307000000036140"
            "62");
}

TEST(Envelope, FailsWhereverItIsCutOff) {
  const std::string whole = encode_envelope(full_envelope());
  std::size_t good = 0;
  for (std::size_t size = 0; size < whole.size(); ++size)
    good += decodes(whole.substr(0, size)) ? 1u : 0u;
  // Only cuts between two fields are complete envelopes: there are 14 of them.
  EXPECT_EQ(good, 14u);
}

TEST(Envelope, SurvivesEveryByteFlipped) {
  const std::string whole = encode_envelope(full_envelope());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string bytes = whole;
    bytes[i] = static_cast<char>(bytes[i] ^ 0x55);
    static_cast<void>(decode_envelope(bytes));
  }
}

TEST(Envelope, SkipsFieldsOfANewerBox) {
  EXPECT_TRUE(decodes(mail_start + field(99, "from the future")));
}

TEST(Envelope, RefusesWhatIsOff) {
  EXPECT_TRUE(decodes(mail_start));
  EXPECT_FALSE(decodes(""));
  EXPECT_FALSE(decodes("\x01"));
  EXPECT_FALSE(decodes("\x02" + field(1, "\x01")));
  EXPECT_FALSE(decodes("\x01" + field(1, "\x05")));
  EXPECT_FALSE(decodes("\x01" + field(1, "")));
  EXPECT_FALSE(decodes("\x01" + field(3, "no kind first")));
  EXPECT_FALSE(decodes(mail_start + field(1, "\x01")));
  EXPECT_FALSE(decodes(mail_start + field(3, "c") + field(2, "lan")));
  EXPECT_FALSE(decodes(mail_start + "\x03\xff\xff\xff\xff"));
  EXPECT_FALSE(decodes(mail_start + std::string("\x03\x00\xff\xff\xff", 5) +
                       std::string(envelope_size_max, 'x')));
}

TEST(RecordHasher, DoesNotCareHowTheBytesArrive) {
  RecordHasher whole("envelope");
  whole.update("body of a mail");
  RecordHasher pieces("envelope");
  pieces.update("body ");
  pieces.update("");
  pieces.update("of a mail");
  EXPECT_EQ(whole.finish(), pieces.finish());
}

TEST(RecordHasher, KnowsWhereTheEnvelopeEnds) {
  RecordHasher a("ab");
  a.update("c");
  RecordHasher b("a");
  b.update("bc");
  EXPECT_NE(a.finish(), b.finish());
}

// printf '\0\0\0\0\0\0\0\1eB' | sha256sum
TEST(RecordHasher, HasAFixedValue) {
  RecordHasher hasher("e");
  hasher.update("B");
  EXPECT_EQ(to_hex(view(hasher.finish())),
            "7bce0302863f826c130c65029e4a5ccdac32688f8b7a3a7805b5c6db4a6b90a4");
}

TEST(Hash, ComesFromExactly32Bytes) {
  Hash hash{};
  EXPECT_TRUE(hash_from_bytes(std::string(32, 'x'), hash));
  EXPECT_EQ(view(hash), std::string(32, 'x'));
  EXPECT_FALSE(hash_from_bytes(std::string(31, 'x'), hash));
  EXPECT_FALSE(hash_from_bytes("", hash));
}

}  // namespace
}  // namespace alarmwire
