#include "common/log.hpp"

#include <openssl/sha.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

// The journal would otherwise show this file and line for every message.
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include <array>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "common/clock.hpp"
#include "common/record.hpp"
#include "common/text.hpp"

namespace alarmwire::log {
namespace {

constexpr std::size_t value_bytes_max = 4096;       // a longer field value is cut off
constexpr std::size_t message_id_bytes = 16;        // journald: 128 bits
constexpr std::size_t journal_name_bytes_max = 64;  // systemd.journal-fields(7)

std::atomic<Level> least_important{Level::info};
std::atomic<void (*)(const Event&, std::string_view)> test_sink{nullptr};

const char* level_name(Level level) {
  switch (level) {
    case Level::error:
      return "error";
    case Level::warning:
      return "warning";
    case Level::info:
      return "info";
    case Level::debug:
      return "debug";
  }
  return "error";
}

// "SMTP_MAIL_ACCEPTED" → "smtp".
std::string room_of(std::string_view id) {
  std::string room(id.substr(0, id.find('_')));
  for (char& c : room) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return room;
}

// `text` must be printable() already: only quotes and backslashes are left to escape.
void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

// "nan" and "inf" are numbers to C and none to JSON.
bool is_json_number(const Field& field) {
  if (!field.is_number || field.value.empty()) return false;
  const char first =
      field.value.size() > 1 && field.value[0] == '-' ? field.value[1] : field.value[0];
  return first >= '0' && first <= '9';
}

std::string to_json(const Event& event, std::initializer_list<Field> fields) {
  std::string line = R"({"time":")" + to_rfc3339(wall_now_us()) + R"(","level":")" +
                     level_name(event.level) + R"(","id":)";
  append_json_string(line, printable(event.id));
  line += R"(,"text":)";
  append_json_string(line, printable(event.text));
  line += R"(,"room":)";
  append_json_string(line, printable(room_of(event.id)));
  if (fields.size() != 0) line += R"(,"fields":{)";
  for (const Field& field : fields) {
    if (&field != fields.begin()) line += ',';
    append_json_string(line, printable(field.name));
    line += ':';
    if (is_json_number(field)) {
      line += field.value;
    } else {
      append_json_string(line, printable(field.value, value_bytes_max));
    }
  }
  line += fields.size() != 0 ? "}}" : "}";
  return line;
}

// systemd sets JOURNAL_STREAM=device:inode of the stream it gave us as stderr; redirected stderr
// does not match.
bool stderr_is_journal() {
  const char* const stream = std::getenv("JOURNAL_STREAM");
  struct stat file {};
  if (stream == nullptr || fstat(STDERR_FILENO, &file) != 0) return false;
  return std::to_string(file.st_dev) + ":" + std::to_string(file.st_ino) == stream;
}

std::string journal_name(std::string_view name) {
  std::string out = "ALARMWIRE_";
  for (const char c : name.substr(0, journal_name_bytes_max - out.size())) {
    const auto byte = static_cast<unsigned char>(c);
    out += std::isalnum(byte) != 0 && byte < 0x80 ? static_cast<char>(std::toupper(byte)) : '_';
  }
  return out;
}

// One id per kind of event, so that `journalctl MESSAGE_ID=…` finds them: the start of the name's
// SHA-256.
std::string message_id(std::string_view id) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(id.data()), id.size(), digest.data());
  return to_hex({reinterpret_cast<const char*>(digest.data()), message_id_bytes});
}

void write_journal(const Event& event, std::initializer_list<Field> fields) {
  std::string message(event.text);
  std::vector<std::string> entries{
      "PRIORITY=" + std::to_string(static_cast<int>(event.level)),
      "MESSAGE_ID=" + message_id(event.id),
      "SYSLOG_IDENTIFIER=" + std::string(program_invocation_short_name),
      "ALARMWIRE_EVENT=" + std::string(event.id),
      "ALARMWIRE_ROOM=" + room_of(event.id),
  };
  for (const Field& field : fields) {
    const std::string value = printable(field.value, value_bytes_max);
    message += (&field == fields.begin() ? ": " : ", ") + printable(field.name) + "=" + value;
    entries.push_back(journal_name(field.name) + "=" + value);
  }
  entries.push_back("MESSAGE=" + message);
  std::vector<iovec> parts;
  for (std::string& entry : entries) parts.push_back({entry.data(), entry.size()});
  sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));
}

// One write per line: lines of several threads and processes do not mix.
void write_stderr(std::string line) {
  line += '\n';
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // nobody can be told
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

void write(const Event& event, std::initializer_list<Field> fields) {
  if (event.level > least_important.load(std::memory_order_relaxed)) return;
  const int errno_before = errno;
  // Out of memory while telling about trouble must not become trouble of its own.
  try {
    static const bool to_journal = stderr_is_journal();
    auto* const sink = test_sink.load();
    if (sink != nullptr) {
      sink(event, to_json(event, fields));
    } else if (to_journal) {
      write_journal(event, fields);
    } else {
      write_stderr(to_json(event, fields));
    }
  } catch (const std::exception&) {
    std::fputs("{\"level\":\"error\",\"text\":\"a log line was lost\"}\n", stderr);
  }
  errno = errno_before;
}

void set_level(Level level) {
  least_important = level;
}

void set_sink(void (*sink)(const Event& event, std::string_view json_line)) {
  test_sink = sink;
}

}  // namespace alarmwire::log
