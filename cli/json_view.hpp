// Reading a daemon's answer without trusting its shape: a field that is absent or of another type
// reads as nothing, so that an older or newer daemon is still shown.
// Thread-safety: views; the value must outlive them.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace alarmwire::cli {

class JsonView {
 public:
  JsonView() = default;
  explicit JsonView(const boost::json::value& value) : value_(&value) {}

  bool is_there() const { return value_ != nullptr && !value_->is_null(); }
  JsonView at(std::string_view key) const;
  std::vector<JsonView> items() const;                           // of an array
  std::vector<std::pair<std::string, JsonView>> fields() const;  // of an object

  std::string text() const;  // printable; numbers too; "" when absent
  std::optional<double> number() const;
  std::int64_t whole() const;  // 0 when absent
  bool flag() const;           // false when absent

  std::string text(std::string_view key) const { return at(key).text(); }
  std::optional<double> number(std::string_view key) const { return at(key).number(); }
  std::int64_t whole(std::string_view key) const { return at(key).whole(); }
  bool flag(std::string_view key) const { return at(key).flag(); }

 private:
  const boost::json::value* value_ = nullptr;
};

}  // namespace alarmwire::cli
