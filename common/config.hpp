// Reading a TOML configuration: every value typed and bounded, every unknown key an error that says
// where it stands and what was probably meant. All problems of a file are collected, so that people
// mend them in one go.
//
//   config::Reader reader = config::load("/etc/alarmwire/edge.toml").value();   // the file, then
//   edge.d/*.toml over it config::Table smtp = reader.root().table("smtp"); limits.line_bytes_max =
//   smtp.integer("line_bytes_max", 1'000'000, 1000, 100'000'000); for (config::Table listener :
//   smtp.tables("listener")) …                     // [[smtp.listener]] Status ok =
//   reader.finish();    // unknown keys, wrong types, values out of bounds: "file:line:col: what,
//   did you mean …"
//
// A drop-in is merged over the file: scalars and arrays replace, tables merge, arrays of tables are
// appended. Thread-safety: one thread at a time; start-up and SIGHUP only.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.hpp"

namespace alarmwire::config {

class Reader;
struct Document;  // the parsed files and the list of problems

inline constexpr std::size_t file_size_max = 4 * 1024 * 1024;  // bytes
inline constexpr std::size_t problems_max = 50;

// One table. Reading a key marks it as known. A table that is absent reads as an empty one:
// defaults apply.
class Table {
 public:
  bool exists() const;
  bool has(std::string_view key) const;
  std::string string(std::string_view key, std::string_view otherwise);
  std::string required_string(std::string_view key);
  std::int64_t integer(std::string_view key, std::int64_t otherwise, std::int64_t least,
                       std::int64_t most);
  bool boolean(std::string_view key, bool otherwise);
  std::vector<std::string> strings(std::string_view key, std::vector<std::string> otherwise);
  std::vector<std::int64_t> integers(std::string_view key, std::vector<std::int64_t> otherwise,
                                     std::int64_t least, std::int64_t most);
  // "250ms", "5s", "10m", "7d" (also "h"), as text; a bare number is an error that names the units.
  std::chrono::milliseconds duration(std::string_view key, std::chrono::milliseconds otherwise,
                                     std::chrono::milliseconds least,
                                     std::chrono::milliseconds most);
  // "64KiB", "25MiB", "1GiB", or a plain number of bytes.
  std::uint64_t size(std::string_view key, std::uint64_t otherwise, std::uint64_t least,
                     std::uint64_t most);
  // One of `words`; the index of the chosen one.
  std::size_t choice(std::string_view key, std::size_t otherwise,
                     const std::vector<std::string_view>& words);
  Table table(std::string_view key);
  std::vector<Table> tables(std::string_view key);
  // Everything below is somebody else's to check (another daemon's section of the same file).
  void ignore(std::string_view key);
  // The same for every key of this table that nobody has read so far.
  void ignore_others();
  // Records a problem at the key's place (or the table's, if the key is absent): "file:line:col:
  // key: why".
  void problem(std::string_view key, const std::string& why);

 private:
  friend class Reader;
  struct Node;
  explicit Table(std::shared_ptr<Node> node) : node_(std::move(node)) {}
  std::shared_ptr<Node> node_;
};

class Reader {
 public:
  Table root();
  // Ok, or Errc::invalid_argument with all problems, one a line.
  Status finish();

 private:
  friend Result<Reader> load(const std::string& path);
  friend Result<Reader> parse(std::string_view text, const std::string& name);
  explicit Reader(std::shared_ptr<Document> document) : document_(std::move(document)) {}
  std::shared_ptr<Document> document_;
};

// The file and its drop-ins (`edge.toml` → `edge.d/*.toml`, by name). Syntax errors carry
// file:line:col.
Result<Reader> load(const std::string& path);
Result<Reader> parse(std::string_view text,
                     const std::string& name);  // one text, for tests and fuzzing

}  // namespace alarmwire::config
