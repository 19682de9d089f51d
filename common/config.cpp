#include "common/config.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <tuple>

#include "common/config_tree.hpp"
#include "common/text.hpp"

namespace alarmwire::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};
constexpr std::array<Unit, 5> duration_units{
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
constexpr std::array<Unit, 3> size_units{
    {{"KiB", 1024}, {"MiB", 1024 * 1024}, {"GiB", 1024 * 1024 * 1024}}};

std::string quoted(std::string_view text) {
  return '"' + printable(text, 100) + '"';
}

// The word that was probably meant: at most a third of its letters differ.
template <typename Words>
std::string did_you_mean(std::string_view given, const Words& words) {
  std::string_view best;
  std::size_t least = given.size() / 3 + 2;
  for (const auto& word : words) {
    const std::size_t distance = edit_distance(given, word);
    if (distance >= least || distance >= word.size()) continue;
    least = distance;
    best = word;
  }
  return best.empty() ? std::string{} : ", did you mean " + quoted(best) + "?";
}

// "5s" with its unit's factor applied; nothing if it is not a whole number with one of the units.
template <std::size_t N>
std::optional<std::uint64_t> with_unit(std::string_view text, const std::array<Unit, N>& units) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view name(rest, static_cast<std::size_t>(end - rest));
  for (const Unit& unit : units) {
    if (unit.name != name) continue;
    if (number > std::numeric_limits<std::int64_t>::max() / unit.factor) return std::nullopt;
    return number * unit.factor;
  }
  return std::nullopt;
}

std::string in_words(std::chrono::milliseconds time) {
  const auto count = static_cast<std::uint64_t>(time.count());
  for (auto unit = duration_units.rbegin(); unit != duration_units.rend(); ++unit)
    if (count != 0 && count % unit->factor == 0)
      return std::to_string(count / unit->factor) + std::string(unit->name);
  return std::to_string(count) + "ms";
}

std::string in_words(std::uint64_t bytes) {
  for (auto unit = size_units.rbegin(); unit != size_units.rend(); ++unit)
    if (bytes != 0 && bytes % unit->factor == 0)
      return std::to_string(bytes / unit->factor) + std::string(unit->name);
  return std::to_string(bytes);
}

void add_unknown_keys(Document& document, const Value& value) {
  if (value.ignored) return;
  for (const Value& item : value.items) {
    // A table nobody asked for is one unknown key already (its array's), not one per item.
    if (item.kind == Value::Kind::table && item.known) add_unknown_keys(document, item);
  }
  for (const auto& [key, child] : value.entries) {
    if (child.known) {
      add_unknown_keys(document, child);
    } else {
      document.add(child.place, "unknown key " + quoted(key) + did_you_mean(key, value.asked));
    }
  }
}

}  // namespace

void Document::add(const Place& place, std::string text) {
  if (problems.size() < problems_max) {
    problems.push_back({place, std::move(text)});
  } else {
    ++problems_dropped;
  }
}

std::string Document::at(const Place& place) const {
  return files.at(place.file) + ":" + std::to_string(place.line) + ":" +
         std::to_string(place.column);
}

struct Table::Node {
  std::shared_ptr<Document> document;
  Value* value = nullptr;  // nullptr: the table is absent
  Place place;             // of the table, or of the nearest one that is there
  std::string path;        // "smtp.limits", "" for the root

  std::string path_of(std::string_view key) const {
    return path.empty() ? std::string(key) : path + "." + std::string(key);
  }

  // The value of a key, which is known from now on.
  Value* find(std::string_view key) {
    if (value == nullptr) return nullptr;
    value->asked.emplace(key);
    const auto found = value->entries.find(std::string(key));
    if (found == value->entries.end()) return nullptr;
    found->second.known = true;
    return &found->second;
  }

  void complain(const Place& where, std::string_view key, const std::string& why) const {
    document->add(where, path_of(key) + ": " + why);
  }

  // The value if it is there and of that kind; a wrong kind is a problem.
  Value* find(std::string_view key, Value::Kind kind, const char* wanted) {
    Value* const found = find(key);
    if (found == nullptr || found->kind == kind) return found;
    complain(found->place, key, std::string("must be ") + wanted);
    return nullptr;
  }

  std::shared_ptr<Node> below(std::string_view key, Value* child, std::string child_path) const {
    if (child != nullptr) child->known = true;
    return std::make_shared<Node>(Node{document, child, child != nullptr ? child->place : place,
                                       child_path.empty() ? path_of(key) : std::move(child_path)});
  }
};

bool Table::exists() const {
  return node_->value != nullptr;
}

bool Table::has(std::string_view key) const {
  return node_->find(key) != nullptr;
}

std::string Table::string(std::string_view key, std::string_view otherwise) {
  const Value* const found = node_->find(key, Value::Kind::string, "a string: \"…\"");
  return found != nullptr ? found->text : std::string(otherwise);
}

std::string Table::required_string(std::string_view key) {
  if (node_->find(key) == nullptr) {
    problem(key, "is missing");
    return {};
  }
  std::string text = string(key, "");
  if (text.empty() && node_->find(key)->kind == Value::Kind::string)
    problem(key, "must not be empty");
  return text;
}

std::int64_t Table::integer(std::string_view key, std::int64_t otherwise, std::int64_t least,
                            std::int64_t most) {
  const Value* const found = node_->find(key, Value::Kind::integer, "a whole number");
  if (found == nullptr) return otherwise;
  if (found->number >= least && found->number <= most) return found->number;
  problem(key, "must be from " + std::to_string(least) + " to " + std::to_string(most));
  return otherwise;
}

bool Table::boolean(std::string_view key, bool otherwise) {
  const Value* const found = node_->find(key, Value::Kind::boolean, "true or false");
  return found != nullptr ? found->number != 0 : otherwise;
}

std::vector<std::string> Table::strings(std::string_view key, std::vector<std::string> otherwise) {
  const Value* const found = node_->find(key, Value::Kind::array, "a list of strings: [\"…\"]");
  if (found == nullptr) return otherwise;
  std::vector<std::string> texts;
  for (const Value& item : found->items) {
    if (item.kind != Value::Kind::string) {
      node_->complain(item.place, key, "must hold strings only");
      return otherwise;
    }
    texts.push_back(item.text);
  }
  return texts;
}

std::vector<std::int64_t> Table::integers(std::string_view key, std::vector<std::int64_t> otherwise,
                                          std::int64_t least, std::int64_t most) {
  const Value* const found =
      node_->find(key, Value::Kind::array, "a list of whole numbers: [1, 2]");
  if (found == nullptr) return otherwise;
  std::vector<std::int64_t> numbers;
  for (const Value& item : found->items) {
    if (item.kind != Value::Kind::integer || item.number < least || item.number > most) {
      node_->complain(
          item.place, key,
          "must hold whole numbers from " + std::to_string(least) + " to " + std::to_string(most));
      return otherwise;
    }
    numbers.push_back(item.number);
  }
  return numbers;
}

std::chrono::milliseconds Table::duration(std::string_view key, std::chrono::milliseconds otherwise,
                                          std::chrono::milliseconds least,
                                          std::chrono::milliseconds most) {
  const Value* const found = node_->find(key);
  if (found == nullptr) return otherwise;
  const auto count = found->kind == Value::Kind::string ? with_unit(found->text, duration_units)
                                                        : std::optional<std::uint64_t>{};
  if (!count) {
    problem(key, "must be a time with its unit (ms, s, m, h, d), for example \"5s\"");
    return otherwise;
  }
  const std::chrono::milliseconds time(static_cast<std::int64_t>(*count));
  if (time >= least && time <= most) return time;
  problem(key, "must be from " + in_words(least) + " to " + in_words(most));
  return otherwise;
}

std::uint64_t Table::size(std::string_view key, std::uint64_t otherwise, std::uint64_t least,
                          std::uint64_t most) {
  const Value* const found = node_->find(key);
  if (found == nullptr) return otherwise;
  std::optional<std::uint64_t> bytes;
  if (found->kind == Value::Kind::string) bytes = with_unit(found->text, size_units);
  if (found->kind == Value::Kind::integer && found->number >= 0)
    bytes = static_cast<std::uint64_t>(found->number);
  if (!bytes) {
    problem(key, "must be a size (\"64KiB\", \"25MiB\", \"1GiB\") or a number of bytes");
    return otherwise;
  }
  if (*bytes >= least && *bytes <= most) return *bytes;
  problem(key, "must be from " + in_words(least) + " to " + in_words(most));
  return otherwise;
}

std::size_t Table::choice(std::string_view key, std::size_t otherwise,
                          const std::vector<std::string_view>& words) {
  std::string list;
  for (const std::string_view word : words) list += (list.empty() ? "" : ", ") + quoted(word);
  const Value* const found = node_->find(key, Value::Kind::string, ("one of " + list).c_str());
  if (found == nullptr) return otherwise;
  const auto chosen = std::find(words.begin(), words.end(), found->text);
  if (chosen != words.end()) return static_cast<std::size_t>(chosen - words.begin());
  problem(key, "must be one of " + list + ", not " + quoted(found->text) +
                   did_you_mean(found->text, words));
  return otherwise;
}

Table Table::table(std::string_view key) {
  return Table(node_->below(key, node_->find(key, Value::Kind::table, "a table: [name]"), ""));
}

std::vector<Table> Table::tables(std::string_view key) {
  std::vector<Table> all;
  Value* const found = node_->find(key, Value::Kind::array, "a list of tables: [[name]]");
  if (found == nullptr) return all;
  std::size_t number = 0;
  for (Value& item : found->items) {
    if (item.kind == Value::Kind::table) {
      all.push_back(Table(
          node_->below(key, &item, node_->path_of(key) + "[" + std::to_string(number) + "]")));
    } else {
      node_->complain(item.place, key, "must hold tables only: [[name]]");
    }
    ++number;
  }
  return all;
}

void Table::ignore(std::string_view key) {
  if (Value* const found = node_->find(key); found != nullptr) found->ignored = true;
}

void Table::ignore_others() {
  if (node_->value == nullptr) return;
  for (auto& [key, child] : node_->value->entries) {
    if (!child.known) child.known = child.ignored = true;
  }
}

void Table::problem(std::string_view key, const std::string& why) {
  const Value* const found = node_->find(key);
  node_->complain(found != nullptr ? found->place : node_->place, key, why);
}

Table Reader::root() {
  return Table(std::make_shared<Table::Node>(
      Table::Node{document_, &document_->root, document_->root.place, ""}));
}

Status Reader::finish() {
  Document all = *document_;
  add_unknown_keys(all, document_->root);
  if (all.problems.empty()) return {};
  std::stable_sort(all.problems.begin(), all.problems.end(),
                   [](const Problem& a, const Problem& b) {
                     return std::tie(a.place.file, a.place.line, a.place.column) <
                            std::tie(b.place.file, b.place.line, b.place.column);
                   });
  std::string text;
  for (const Problem& problem : all.problems)
    text += (text.empty() ? "" : "\n") + all.at(problem.place) + ": " + problem.text;
  if (all.problems_dropped != 0)
    text += "\n… and " + std::to_string(all.problems_dropped) + " more";
  return Failure(Errc::invalid_argument, text);
}

}  // namespace alarmwire::config
