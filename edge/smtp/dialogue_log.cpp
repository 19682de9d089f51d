#include "edge/smtp/dialogue_log.hpp"

#include <algorithm>
#include <charconv>

#include "common/text.hpp"

namespace alarmwire::smtp {
namespace {

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

}  // namespace

std::uint32_t DialogueLog::duration_ms() const {
  const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(now_ - began_).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(passed, 0, UINT32_MAX));
}

void DialogueLog::write(DialogueLine::Who who, std::string_view text) {
  const std::string line = static_cast<char>(who) + std::to_string(duration_ms()) + ' ' +
                           printable(text, dialogue_line_bytes_max) + '\n';
  if (tail_.empty() && head_.size() + line.size() <= dialogue_head_bytes_max) {
    head_ += line;
    return;
  }
  while (!tail_.empty() && tail_.size() + line.size() > dialogue_tail_bytes_max)
    drop_oldest_of_tail();
  tail_ += line;
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
