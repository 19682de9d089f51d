#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "common/config_tree.hpp"

namespace alarmwire::config {
namespace {

constexpr std::size_t drop_ins_max = 200;
// A line bounds how deep dotted keys nest, and so the stack of everyone who walks the tree.
constexpr std::size_t line_bytes_max = 8192;

Place place_of(const toml::source_region& region, std::size_t file) {
  return {file, region.begin.line, region.begin.column};
}

Value from_toml(const toml::node& node, const Place& place) {
  Value value;
  value.place = place;
  if (const auto* table = node.as_table()) {
    for (const auto& [key, child] : *table)
      value.entries.emplace(std::string(key.str()),
                            from_toml(child, place_of(key.source(), place.file)));
  } else if (const auto* array = node.as_array()) {
    value.kind = Value::Kind::array;
    value.items.reserve(array->size());
    for (const toml::node& child : *array)
      value.items.push_back(from_toml(child, place_of(child.source(), place.file)));
  } else if (const auto* text = node.as_string()) {
    value.kind = Value::Kind::string;
    value.text = text->get();
  } else if (const auto* integer = node.as_integer()) {
    value.kind = Value::Kind::integer;
    value.number = integer->get();
  } else if (const auto* boolean = node.as_boolean()) {
    value.kind = Value::Kind::boolean;
    value.number = boolean->get() ? 1 : 0;
  } else {
    value.kind = node.is_floating_point() ? Value::Kind::floating : Value::Kind::date;
  }
  return value;
}

bool is_array_of_tables(const Value& value) {
  return value.kind == Value::Kind::array && !value.items.empty() &&
         std::all_of(value.items.begin(), value.items.end(),
                     [](const Value& item) { return item.kind == Value::Kind::table; });
}

void merge(Value& base, Value&& over) {
  for (auto& [key, value] : over.entries) {
    const auto [found, is_new] = base.entries.try_emplace(key);
    Value& old = found->second;
    if (!is_new && old.kind == Value::Kind::table && value.kind == Value::Kind::table) {
      merge(old, std::move(value));
    } else if (!is_new && is_array_of_tables(old) && is_array_of_tables(value)) {
      for (Value& item : value.items) old.items.push_back(std::move(item));
    } else {
      old = std::move(value);
    }
  }
}

Status check_lines(std::string_view text, const std::string& name) {
  std::size_t number = 1;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (end > line_bytes_max)
      return Failure(Errc::invalid_argument, name + ":" + std::to_string(number) +
                                                 ":1: line over " + std::to_string(line_bytes_max) +
                                                 " bytes");
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
  }
  return {};
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return errno_failure(errno, path);
  std::string text(file_size_max + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return Failure(Errc::io, path + ": cannot be read");
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > file_size_max)
    return Failure(Errc::invalid_argument,
                   path + ": over " + std::to_string(file_size_max) + " bytes");
  return text;
}

Status merge_file(Document& document, const std::string& path) {
  const Result<std::string> text = read_file(path);
  if (text.has_error()) return text.error();
  return merge_text(document, *text, path);
}

// "edge.toml" → the *.toml in "edge.d", by name.
Result<std::vector<std::string>> drop_ins(const std::string& path) {
  namespace fs = std::filesystem;
  std::vector<std::string> found;
  std::error_code error;
  const fs::path folder = fs::path(path).replace_extension(".d");
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (entry->path().extension() != ".toml") continue;
    if (found.size() == drop_ins_max)
      return Failure(Errc::invalid_argument,
                     folder.string() + ": over " + std::to_string(drop_ins_max) + " drop-ins");
    found.push_back(entry->path().string());
  }
  if (error && error != std::errc::no_such_file_or_directory)
    return errno_failure(error.value(), folder.string());
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

Status merge_text(Document& document, std::string_view text, const std::string& name) {
  const Status lines = check_lines(text, name);
  if (lines.has_error()) return lines.error();
  const std::size_t file = document.files.size();
  document.files.push_back(name);
  document.root.place = {0, 1, 1};
  try {
    const toml::table table = toml::parse(text);
    merge(document.root, from_toml(table, {file, 1, 1}));
  } catch (const toml::parse_error& error) {
    return Failure(Errc::invalid_argument, document.at(place_of(error.source(), file)) + ": " +
                                               std::string(error.description()));
  }
  return {};
}

Result<Reader> load(const std::string& path) {
  auto document = std::make_shared<Document>();
  const Status main = merge_file(*document, path);
  if (main.has_error()) return main.error();
  const Result<std::vector<std::string>> more = drop_ins(path);
  if (more.has_error()) return more.error();
  for (const std::string& drop_in : *more) {
    const Status merged = merge_file(*document, drop_in);
    if (merged.has_error()) return merged.error();
  }
  return Reader(std::move(document));
}

Result<Reader> parse(std::string_view text, const std::string& name) {
  if (text.size() > file_size_max)
    return Failure(Errc::invalid_argument,
                   name + ": over " + std::to_string(file_size_max) + " bytes");
  auto document = std::make_shared<Document>();
  const Status merged = merge_text(*document, text, name);
  if (merged.has_error()) return merged.error();
  return Reader(std::move(document));
}

}  // namespace alarmwire::config
