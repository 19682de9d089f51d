#include "provisioning/site_table.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "common/text.hpp"
#include "provisioning/plain_text.hpp"

namespace alarmwire::provisioning {
namespace {

constexpr std::array<std::string_view, 9> columns{
    "site", "name", "lan", "lan_vlan", "uplink", "uplink_vlan", "gateway", "dns", "devices"};

struct Cell {
  std::string text;
  std::size_t line = 1;
  std::size_t column = 1;
};
using Row = std::vector<Cell>;

std::string trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

std::vector<std::string> parts_of(std::string_view text, std::string_view separators) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(separators), text.size());
    if (std::string part = trimmed(text.substr(0, end)); !part.empty())
      parts.push_back(std::move(part));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

// Problems with their places.
class Complaints {
 public:
  explicit Complaints(const std::string& file) : file_(file) {}
  void add(const Cell& cell, const std::string& why) {
    if (++count_ > table_problems_max) return;
    text_ += (text_.empty() ? "" : "\n") + file_ + ":" + std::to_string(cell.line) + ":" +
             std::to_string(cell.column) + ": " + why;
  }
  bool any() const { return count_ != 0; }
  Failure failure() const {
    const std::size_t more = count_ - std::min(count_, table_problems_max);
    return {Errc::invalid_argument,
            text_ + (more == 0 ? "" : "\n… and " + std::to_string(more) + " more")};
  }

 private:
  const std::string file_;
  std::string text_;
  std::size_t count_ = 0;
};

// Text into cells: quotes, line ends inside quotes, the place of each cell.
class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text) {
    const std::string_view head = text.substr(0, text.find('\n'));
    for (const char each : {',', '\t', ';'})  // the last one that is there
      if (head.find(each) != std::string_view::npos) separator_ = each;
  }

  // The next row that is not empty; nothing at the end.
  std::optional<Row> next(Complaints& complaints) {
    while (at_ < text_.size()) {
      Row row = read_row(complaints);
      const bool is_empty =
          std::all_of(row.begin(), row.end(), [](const Cell& cell) { return cell.text.empty(); });
      if (!is_empty) return row;
    }
    return {};
  }

 private:
  Row read_row(Complaints& complaints) {
    Row row;
    while (true) {
      row.push_back(read_cell(complaints));
      if (at_ < text_.size() && text_[at_] == separator_) {
        step();
        continue;
      }
      if (at_ < text_.size()) step();  // the line's end
      return row;
    }
  }

  Cell read_cell(Complaints& complaints) {
    while (at_ < text_.size() && text_[at_] == ' ') step();
    Cell cell{"", line_, column_};
    const bool quoted = at_ < text_.size() && text_[at_] == '"';
    if (quoted) read_quoted(cell, complaints);
    std::string rest;
    while (at_ < text_.size() && text_[at_] != separator_ && text_[at_] != '\n') rest += step();
    rest = trimmed(rest);
    if (quoted && !rest.empty()) complaints.add(cell, "text behind the closing quote");
    cell.text = quoted ? trimmed(cell.text) : rest;
    return cell;
  }

  void read_quoted(Cell& cell, Complaints& complaints) {
    step();
    while (at_ < text_.size()) {
      const char c = step();
      if (c != '"') {
        cell.text += c;
      } else if (at_ < text_.size() && text_[at_] == '"') {
        cell.text += step();
      } else {
        return;
      }
    }
    complaints.add(cell, "the closing quote is missing");
  }

  char step() {
    const char c = text_[at_++];
    if (c == '\n') {
      ++line_;
      column_ = 1;
    } else if ((c & 0xc0) != 0x80) {  // characters, not bytes
      ++column_;
    }
    return c;
  }

  std::string_view text_;
  char separator_ = ',';
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  std::size_t column_ = 1;
};

std::string nearest(const std::string& word) {
  const auto best = std::min_element(columns.begin(), columns.end(), [&](auto a, auto b) {
    return edit_distance(word, a) < edit_distance(word, b);
  });
  return edit_distance(word, *best) <= 2 ? ", did you mean " + std::string(*best) + "?" : "";
}

// Which column stands where, by the first row.
std::vector<std::string_view> read_head(const Row& row, Complaints& complaints) {
  std::vector<std::string_view> head;
  for (const Cell& cell : row) {
    std::string word = cell.text;
    std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) {
      return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    });
    const auto* const found = std::find(columns.begin(), columns.end(), word);
    if (found == columns.end())
      complaints.add(cell, "no such column: " + printable(word, 60) + nearest(word));
    else if (std::find(head.begin(), head.end(), *found) != head.end())
      complaints.add(cell, word + ": this column is there already");
    head.push_back(found == columns.end() ? std::string_view() : *found);
  }
  if (std::find(head.begin(), head.end(), "site") == head.end())
    complaints.add(row.front(), "the first line names the columns, and one of them is site");
  return head;
}

// One row, by the names of its columns.
class RowReader {
 public:
  RowReader(const Row& row, const std::vector<std::string_view>& head, Complaints& complaints)
      : first_(row.front()), complaints_(complaints) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i < head.size())
        cells_.emplace(head[i], row[i]);
      else if (!row[i].text.empty())
        complaints_.add(row[i], "more cells than the first line has");
    }
  }

  SiteRow read() {
    SiteRow site;
    site.line = first_.line;
    site.site = text("site");
    site.name = text("name");
    if (!is_valid_box_id(site.site) || site.site == centre_box_id)
      complain("site", "a site's id has lower-case letters, digits and -, and is not centre");
    NetworkSettings& network = site.document.network;
    network.lan = port("lan", "lan_vlan");
    network.uplink = port("uplink", "uplink_vlan");
    network.gateway = text("gateway");
    network.dns = parts_of(text("dns"), "; ,\n");
    for (const NetworkProblem& problem : problems_of(network, false))
      complain(problem.field, problem.why);
    read_devices(site.document.devices);
    return site;
  }

  void complain(std::string_view field, const std::string& why) {
    const auto found = cells_.find(field);
    complaints_.add(found != cells_.end() ? found->second : first_,
                    std::string(field) + ": " + why);
  }

 private:
  std::string text(std::string_view field) const {
    const auto found = cells_.find(field);
    return found != cells_.end() ? found->second.text : std::string();
  }

  std::optional<PortSettings> port(std::string_view field, std::string_view vlan_field) {
    const std::string vlan = text(vlan_field);
    PortSettings port{text(field), 0};
    if (!vlan.empty()) {
      const char* const end = vlan.data() + vlan.size();
      const auto [stop, error] = std::from_chars(vlan.data(), end, port.vlan);
      if (error != std::errc{} || stop != end || port.vlan < 1) {
        complain(vlan_field, "a VLAN is a number from 1 to " + std::to_string(vlan_max));
        port.vlan = 0;
      }
      if (port.address.empty()) complain(vlan_field, "means nothing without " + std::string(field));
    }
    if (port.address.empty()) return {};
    return port;
  }

  void read_devices(std::vector<SiteDevice>& devices) {
    for (const std::string& part : parts_of(text("devices"), ";\n")) {
      std::optional<SiteDevice> device = parse_site_device(part);
      const std::string why = device ? why_not(*device, devices)
                                     : "wanted are entries like gate=192.168.10.21, with ; between";
      if (!why.empty()) return complain("devices", printable(part, 60) + ": " + why);
      devices.push_back(std::move(*device));
    }
  }

  const Cell first_;
  Complaints& complaints_;
  std::map<std::string_view, Cell> cells_;
};

}  // namespace

std::optional<SiteDevice> parse_site_device(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return {};
  SiteDevice device;
  device.name = trimmed(text.substr(0, equals));
  const std::string known_by = trimmed(text.substr(equals + 1));
  (canonical_mac(known_by) ? device.mac : device.address) = known_by;
  return device;
}

Result<std::vector<SiteRow>> parse_site_table(std::string_view bytes, const std::string& file) {
  if (bytes.size() > table_bytes_max)
    return Failure(Errc::invalid_argument,
                   file + ": over " + std::to_string(table_bytes_max) + " bytes");
  const Result<std::string> text = plain_text(bytes);
  if (!text) return Failure(Errc::invalid_argument, file + ": " + text.error().diagnostics);
  Complaints complaints(file);
  Splitter splitter(*text);
  const std::optional<Row> first = splitter.next(complaints);
  if (!first) return Failure(Errc::invalid_argument, file + ": is empty");
  const std::vector<std::string_view> head = read_head(*first, complaints);
  if (complaints.any()) return complaints.failure();
  std::vector<SiteRow> sites;
  std::map<BoxId, std::size_t> line_of;
  while (const std::optional<Row> row = splitter.next(complaints)) {
    RowReader reader(*row, head, complaints);
    SiteRow site = reader.read();
    const auto [other, is_new] = line_of.emplace(site.site, site.line);
    if (!is_new)
      reader.complain("site", "stands in line " + std::to_string(other->second) + " already");
    sites.push_back(std::move(site));
    if (sites.size() > sites_max) {
      complaints.add(row->front(), "more than " + std::to_string(sites_max) + " sites");
      break;
    }
  }
  if (!complaints.any() && sites.empty())
    return Failure(Errc::invalid_argument, file + ": has no sites, only the names of columns");
  if (complaints.any()) return complaints.failure();
  return sites;
}

}  // namespace alarmwire::provisioning
