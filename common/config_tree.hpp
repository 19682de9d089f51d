// A configuration as a tree that remembers where every value stands, and which keys were asked for.
// Private to common: config_load.cpp makes it from TOML, config.cpp reads it.
// Thread-safety: plain data.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/config.hpp"
#include "common/error.hpp"

namespace alarmwire::config {

struct Place {
  std::size_t file = 0;  // index into Document::files
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

struct Value {
  enum class Kind { string, integer, floating, boolean, date, array, table };

  Kind kind = Kind::table;
  Place place;                           // of the key, or of the array's item
  std::string text;                      // string
  std::int64_t number = 0;               // integer, boolean
  std::vector<Value> items;              // array
  std::map<std::string, Value> entries;  // table
  bool known = false;                    // somebody read it
  bool ignored = false;                  // it and all below is somebody else's
  std::set<std::string> asked;           // keys a reader asked this table for, there or not
};

struct Problem {
  Place place;
  std::string text;
};

struct Document {
  std::vector<std::string> files;
  Value root;
  std::vector<Problem> problems;
  std::size_t problems_dropped = 0;

  void add(const Place& place, std::string text);
  std::string at(const Place& place) const;  // "file:line:col"
};

// Parses one text and merges it over what the document holds.
Status merge_text(Document& document, std::string_view text, const std::string& name);

}  // namespace alarmwire::config
