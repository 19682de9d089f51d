#include "edge/status/page/form.hpp"

#include <algorithm>

namespace alarmwire::page {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '%' && at + 2 < text.size()) {
      const int high = hex_value(text[at + 1]);
      const int low = hex_value(text[at + 2]);
      if (high >= 0 && low >= 0) {
        out += static_cast<char>(high * 16 + low);
        at += 2;
        continue;
      }
    }
    out += text[at] == '+' ? ' ' : text[at];
  }
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

// The value of `name=value` or `name="value"` behind a semicolon. Browsers escape a quote in a name
// as %22: there is none inside.
std::optional<std::string> parameter(std::string_view header, std::string_view name) {
  const std::string wanted = std::string(name) + "=";
  for (std::size_t at = header.find(';'); at != std::string_view::npos;
       at = header.find(';', at + 1)) {
    std::string_view rest = header.substr(at + 1);
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    if (lower(rest.substr(0, wanted.size())) != wanted) continue;
    rest.remove_prefix(wanted.size());
    if (!rest.starts_with('"')) return std::string(rest.substr(0, rest.find_first_of("; \t")));
    const std::size_t end = rest.find('"', 1);
    if (end == std::string_view::npos) return std::nullopt;
    return std::string(rest.substr(1, end - 1));
  }
  return std::nullopt;
}

// The field name of a part, from its headers.
std::optional<std::string> part_name(std::string_view head) {
  while (!head.empty()) {
    const std::size_t end = std::min(head.find("\r\n"), head.size());
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(std::min(end + 2, head.size()));
    constexpr std::string_view wanted = "content-disposition:";
    if (lower(line.substr(0, wanted.size())) == wanted) return parameter(line, "name");
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> urlencoded_field(std::string_view body, std::string_view name) {
  for (std::size_t count = 0; count < form_fields_max && !body.empty(); ++count) {
    const std::string_view pair = body.substr(0, body.find('&'));
    body.remove_prefix(std::min(pair.size() + 1, body.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    if (unescaped(pair.substr(0, equals)) == name)
      return unescaped(pair.substr(std::min(equals + 1, pair.size())));
  }
  return std::nullopt;
}

std::optional<std::vector<Field>> multipart_fields(std::string_view content_type,
                                                   std::string_view body) {
  if (!lower(content_type).starts_with("multipart/form-data")) return std::nullopt;
  const std::optional<std::string> boundary = parameter(content_type, "boundary");
  if (!boundary || boundary->empty() || boundary->size() > boundary_bytes_max) return std::nullopt;
  const std::string first = "--" + *boundary;
  const std::string next = "\r\n" + first;
  if (!body.starts_with(first)) return std::nullopt;
  body.remove_prefix(first.size());
  std::vector<Field> fields;
  while (!body.starts_with("--")) {
    const std::size_t head_end = body.substr(0, part_head_bytes_max).find("\r\n\r\n");
    if (!body.starts_with("\r\n") || head_end == std::string_view::npos) return std::nullopt;
    if (fields.size() == form_fields_max) return std::nullopt;
    const std::optional<std::string> name = part_name(body.substr(2, head_end));
    body.remove_prefix(head_end + 4);
    const std::size_t end = body.find(next);
    if (!name || end == std::string_view::npos) return std::nullopt;
    fields.push_back({*name, body.substr(0, end)});
    body.remove_prefix(end + next.size());
  }
  return fields;
}

std::optional<std::string_view> value_of(const std::vector<Field>& fields, std::string_view name) {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const Field& field) { return field.name == name; });
  if (found == fields.end()) return std::nullopt;
  return found->value;
}

}  // namespace alarmwire::page
