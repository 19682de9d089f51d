#include "edge/smtp/dialogue_log.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "common/text.hpp"

namespace alarmwire::smtp {
namespace {

constexpr std::size_t first_bytes = 512;  // most sessions need no more

// What printable() would leave as it is.
bool is_plain(std::string_view text) {
  return text.size() <= dialogue_line_bytes_max &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return c >= ' ' && c <= '~' && c != '\\'; });
}

void read_lines(std::string_view text, std::vector<DialogueLine>& lines) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    DialogueLine parsed;
    parsed.who = static_cast<DialogueLine::Who>(line.front());
    const std::size_t blank = line.find(' ');
    std::from_chars(line.data() + 1, line.data() + blank, parsed.at_ms);
    parsed.text = line.substr(blank + 1);
    lines.push_back(std::move(parsed));
  }
}

bool is_well_formed(std::string_view text, std::size_t bytes_max) {
  if (text.size() > bytes_max) return false;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return false;
    const std::string_view line = text.substr(0, end);
    const std::size_t blank = line.find(' ');
    if (blank == std::string_view::npos || std::string_view("<>*").find(line[0]) > 2) return false;
    text.remove_prefix(end + 1);
  }
  return true;
}

}  // namespace

std::optional<DialogueLog> DialogueLog::from(Text text) {
  if (!is_well_formed(text.head, dialogue_head_bytes_max) ||
      !is_well_formed(text.tail, dialogue_tail_bytes_max + dialogue_line_bytes_max))
    return std::nullopt;
  DialogueLog log{SteadyTime{}};
  log.now_ += std::chrono::milliseconds(text.duration_ms);
  log.head_ = std::move(text.head);
  log.tail_ = std::move(text.tail);
  log.left_out_ = text.left_out;
  return log;
}

std::uint32_t DialogueLog::duration_ms() const {
  const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(now_ - began_).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(passed, 0, UINT32_MAX));
}

// Each line of each session comes by: one that is plain text, as nearly all are, is not copied.
void DialogueLog::write(DialogueLine::Who who, std::string_view text) {
  std::string escaped;
  if (!is_plain(text)) text = escaped = printable(text, dialogue_line_bytes_max);
  std::array<char, 16> number{};
  const auto end = std::to_chars(number.data(), number.data() + number.size(), duration_ms()).ptr;
  const std::string_view at_ms(number.data(), static_cast<std::size_t>(end - number.data()));
  const std::size_t size = 1 + at_ms.size() + 1 + text.size() + 1;
  const bool in_head = tail_.empty() && head_.size() + size <= dialogue_head_bytes_max;
  while (!in_head && !tail_.empty() && tail_.size() + size > dialogue_tail_bytes_max)
    drop_oldest_of_tail();
  std::string& part = in_head ? head_ : tail_;
  if (part.empty()) part.reserve(first_bytes);
  part += static_cast<char>(who);
  part += at_ms;
  part += ' ';
  part += text;
  part += '\n';
}

// A quarter at once: a chatty session must not move its tail with every line.
void DialogueLog::drop_oldest_of_tail() {
  const std::size_t end = tail_.find('\n', tail_.size() / 4) + 1;
  left_out_ += static_cast<std::size_t>(
      std::count(tail_.begin(), tail_.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
  tail_.erase(0, end);
}

std::vector<DialogueLine> DialogueLog::lines() const {
  std::vector<DialogueLine> lines;
  read_lines(head_, lines);
  read_lines(tail_, lines);
  return lines;
}

}  // namespace alarmwire::smtp
