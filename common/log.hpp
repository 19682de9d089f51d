// Logging by catalogue: what is logged is an Event with a fixed id and text; what varies goes into
// named fields.
//
// Each room lists its events in <room>/messages.hpp as `inline constexpr log::Event NAME{...}`;
// every id has an entry in docs/runbook.md (a test compares both). Written to journald with own
// fields when stderr is the journal, else as one JSON object per line on stderr. Field values are
// escaped: bytes from devices may be logged as they are. Thread-safety: all functions may be called
// from any thread.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace alarmwire::log {

enum class Level : std::uint8_t {
  error = 3,
  warning = 4,
  info = 6,
  debug = 7
};  // syslog's numbers

struct Event {
  std::string_view id;  // "SMTP_MAIL_ACCEPTED": room, then what happened; stable
  Level level;
  std::string_view text;  // one English sentence, no placeholders
};

struct Field {
  std::string_view name;  // lower_snake_case with unit
  std::string value;
  bool is_number = false;

  Field(std::string_view n, std::string v) : name(n), value(std::move(v)) {}
  Field(std::string_view n, std::string_view v) : name(n), value(v) {}
  Field(std::string_view n, const char* v) : name(n), value(v) {}
  template <typename T>
  requires std::is_arithmetic_v<T> Field(std::string_view n, T v)
      : name(n), value(std::to_string(v)), is_number(true) {}
};

void write(const Event& event, std::initializer_list<Field> fields = {});
void set_level(Level least_important);  // default: info
// Tests look at what was logged: set to nullptr to restore.
void set_sink(void (*sink)(const Event& event, std::string_view json_line));

}  // namespace alarmwire::log
