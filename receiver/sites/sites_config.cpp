// Reading the address book from the configuration.
#include "receiver/sites/address.hpp"
#include "receiver/sites/sites.hpp"

namespace alarmwire::sites {
namespace {

std::optional<Language> read_language(config::Table& table) {
  const std::size_t choice = table.choice("language", 0, {"centre", "de", "en"});
  if (choice == 0) return std::nullopt;
  return choice == 1 ? Language::de : Language::en;
}

void read_addresses(config::Table& table, Box& box) {
  for (const std::string& address : table.strings("addresses", {}))
    box.bindings.push_back({address, address});
  for (config::Table entry : table.tables("address")) {
    Binding binding;
    binding.device = entry.required_string("device");
    binding.ebues = entry.string("ebues", binding.device);
    for (const auto& [key, value] : {std::pair<const char*, std::string>{"device", binding.device},
                                     {"ebues", binding.ebues}}) {
      if (!value.empty() && !parse_address(value))
        entry.problem(key, "'" + value + "' is not a plain mail address");
    }
    if (parse_address(binding.device) && parse_address(binding.ebues))
      box.bindings.push_back(std::move(binding));
  }
}

Box read_box(config::Table& table, Box box) {
  box.name = table.string("name", box.id);
  box.domain = to_lower(table.string("domain", box.domain));
  box.unassigned = table.string("unassigned", "unassigned@" + box.domain);
  box.fault_address = table.string("fault_address", "box@" + box.domain);
  box.language = read_language(table);
  return box;
}

}  // namespace

Sites read_sites(config::Table root) {
  std::vector<Box> boxes;
  std::vector<config::Table> tables = root.tables("box");
  if (tables.size() > boxes_max) {
    root.problem("box", "more than " + std::to_string(boxes_max) + " boxes");
    tables.resize(boxes_max, root);
  }
  for (config::Table& table : tables) {
    const std::string id = table.required_string("id");
    boxes.push_back(read_box(table, default_box(id)));
    read_addresses(table, boxes.back());
    table.ignore("public_key");  // the tunnel's business
  }
  config::Table centre = root.table("sites").table("centre");
  boxes.push_back(read_box(centre, default_box(std::string(centre_box_id))));
  tables.push_back(centre);

  const std::vector<Conflict> conflicts = find_conflicts(boxes);
  for (const Conflict& conflict : conflicts)
    tables[conflict.box].problem(conflict.key, conflict.why);
  if (!conflicts.empty()) return Sites();
  return Sites::make(std::move(boxes)).value();
}

}  // namespace alarmwire::sites
