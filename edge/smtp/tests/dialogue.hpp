// Replays a dialogue over a session: what a peer sends, cut into segments in any way, against a
// host in memory. The transcript must not depend on the cuts.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "edge/smtp/diagnosis.hpp"
#include "edge/smtp/session.hpp"

namespace alarmwire::smtp::test {

struct TakenMail {
  Envelope envelope;
  std::optional<std::uint64_t> declared_size;
  std::string body;
  bool finished = false;
  bool operator==(const TakenMail&) const = default;
};

struct LostMail {
  Envelope envelope;
  std::string reason;
  bool operator==(const LostMail&) const = default;
};

struct Transcript {
  std::string replies;
  std::vector<TakenMail> mails;
  std::vector<LostMail> lost;
  std::vector<std::string> remarks;  // event ids
  QuirkSet quirks;
  std::string user;
  std::vector<DialogueLine> dialogue;
  std::vector<std::string> findings;  // the doctor's, by name
  bool encrypted = false;
  bool closed = false;
  bool operator==(const Transcript&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Transcript& transcript);

// "220 250 250:2.1.0 354": code, and enhanced code if there is one, of each reply.
std::string codes(std::string_view replies);

enum class Ending : std::uint8_t { open, disconnect, stop, abort, idle, late, tls_failed };

struct Setting {
  SessionSettings session;
  DeviceOptions device;
  std::map<std::string, KnownDevice> users;  // whose users are whose
  bool room = true;
  bool can_begin = true;
  std::vector<Outcome::Kind> outcomes;  // in turn; `spooled` when there are no more
  Ending ending = Ending::open;         // what happens when all is sent
  std::string tls_failure;              // of Ending::tls_failed
  bool answers = true;                  // false: the intake never answers
};

// Takes everything and answers nothing.
struct IdleHost : SessionHost {
  bool has_room(std::uint64_t) override { return true; }
  bool begin(const Envelope&, std::optional<std::uint64_t>) override { return true; }
  void append(std::string, bool) override {}
  void finish() override { finished = true; }
  void lost(const Envelope&, const std::string&) override {}
  void remark(const log::Event&, std::string_view) override {}
  std::string nonce() override { return ""; }
  std::chrono::milliseconds auth_delay(bool) override { return {}; }
  std::optional<KnownDevice> device_of(const std::string&) override { return {}; }
  bool finished = false;
};

using Cuts = std::function<std::size_t(std::size_t left)>;  // length of the next segment
Cuts whole();
Cuts bytewise();
Cuts at_random(std::uint32_t seed);

// Where the peer makes the handshake, if the session wants TLS there; not itself sent.
inline constexpr std::string_view tls_mark = "<TLS>";

Transcript replay(std::string_view bytes, const Cuts& cuts, const Setting& setting = {});
// Replays whole, byte by byte and at random cuts; fails the test where the transcripts differ.
Transcript replay_all_ways(std::string_view bytes, const Setting& setting = {});

}  // namespace alarmwire::smtp::test
