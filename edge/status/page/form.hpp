// What a browser's forms send, taken apart: a stranger's bytes. Nothing is decoded but
// percent-escapes; what is not well-formed is no field.
// Thread-safety: pure functions. Source: WHATWG URL (urlencoded), RFC 7578 (multipart/form-data).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace alarmwire::page {

inline constexpr std::size_t form_fields_max = 16;
inline constexpr std::size_t boundary_bytes_max = 70;  // RFC 2046 5.1.1
inline constexpr std::size_t part_head_bytes_max = 4096;

struct Field {
  std::string name;
  std::string_view value;  // of the body it was taken from
};

// The value of the first field of this name in "a=1&b=2"; also of a query.
std::optional<std::string> urlencoded_field(std::string_view body, std::string_view name);

// The parts of a multipart body, in order; nothing when it is no whole and well-formed one.
std::optional<std::vector<Field>> multipart_fields(std::string_view content_type,
                                                   std::string_view body);
// The value of the first part of this name.
std::optional<std::string_view> value_of(const std::vector<Field>& fields, std::string_view name);

}  // namespace alarmwire::page
