#include "receiver/sites/sites.hpp"

#include <algorithm>
#include <boost/assert.hpp>

#include "receiver/sites/address.hpp"

namespace alarmwire::sites {
namespace {

using Owners = std::map<std::string, std::size_t, std::less<>>;

std::string folded(std::string_view address) {
  const std::optional<Address> parsed = parse_address(address);
  return parsed ? parsed->folded() : std::string();
}

bool is_others(const Owners& owners, const std::string& key, std::size_t self) {
  const auto found = owners.find(key);
  return found != owners.end() && found->second != self;
}

// Collects who owns what and notes every thing that has two owners.
class ConflictFinder {
 public:
  explicit ConflictFinder(const std::vector<Box>& boxes) : boxes_(boxes) {}

  std::vector<Conflict> run() {
    for (std::size_t i = 0; i < boxes_.size(); ++i) check_box(i);
    for (std::size_t i = 0; i < boxes_.size(); ++i) {
      claim(targets_, i, "unassigned", boxes_[i].unassigned);
      claim(targets_, i, "fault_address", boxes_[i].fault_address);
      for (const Binding& binding : boxes_[i].bindings) check_binding(i, binding);
    }
    return std::move(conflicts_);
  }

 private:
  void note(std::size_t box, std::string key, std::string why) {
    conflicts_.push_back({box, std::move(key), std::move(why)});
  }

  void check_box(std::size_t i) {
    const Box& box = boxes_[i];
    if (!is_valid_box_id(box.id))
      note(i, "id", "'" + box.id + "' is not a box id: lower-case letters, digits and '-'");
    if (!ids_.emplace(box.id, i).second) note(i, "id", "box '" + box.id + "' is there twice");
    if (!is_domain(box.domain)) {
      note(i, "domain", "'" + box.domain + "' is not a domain name");
      return;
    }
    const auto [other, is_new] = domains_.emplace(to_lower(box.domain), i);
    if (!is_new)
      note(i, "domain",
           "'" + box.domain + "' belongs to box '" + boxes_[other->second].id + "' already");
    if (box.bindings.size() > addresses_per_box_max)
      note(i, "addresses", "more than " + std::to_string(addresses_per_box_max) + " addresses");
  }

  void check_binding(std::size_t i, const Binding& binding) {
    const bool rewritten = binding.device != binding.ebues;
    claim(devices_, i, rewritten ? "address" : "addresses", binding.device);
    claim(targets_, i, rewritten ? "address" : "addresses", binding.ebues);
  }

  void claim(Owners& owners, std::size_t i, const std::string& key, const std::string& address) {
    const std::string name = folded(address);
    if (name.empty()) {
      note(i, key, "'" + address + "' is not a plain mail address");
      return;
    }
    const auto [other, is_new] = owners.emplace(name, i);
    if (!is_new && other->second != i)
      note(i, key, "'" + address + "' is bound to box '" + boxes_[other->second].id + "' already");
  }

  const std::vector<Box>& boxes_;
  std::vector<Conflict> conflicts_;
  Owners ids_, domains_, devices_, targets_;
};

}  // namespace

Box default_box(const BoxId& id) {
  Box box;
  box.id = id;
  box.name = id;
  box.domain = id + ".internal";
  box.unassigned = "unassigned@" + box.domain;
  box.fault_address = "box@" + box.domain;
  return box;
}

std::vector<Conflict> find_conflicts(const std::vector<Box>& boxes) {
  return ConflictFinder(boxes).run();
}

Sites::Sites() : boxes_{default_box(std::string(centre_box_id))} {
  index();
}

Result<Sites> Sites::make(std::vector<Box> boxes) {
  const bool has_centre = std::any_of(boxes.begin(), boxes.end(),
                                      [](const Box& box) { return box.id == centre_box_id; });
  if (!has_centre) boxes.push_back(default_box(std::string(centre_box_id)));
  std::string problems;
  for (const Conflict& conflict : find_conflicts(boxes)) {
    if (!problems.empty()) problems += '\n';
    problems += "box '" + boxes[conflict.box].id + "': " + conflict.key + ": " + conflict.why;
  }
  if (!problems.empty()) return Failure(Errc::invalid_argument, problems);
  Sites sites;
  sites.boxes_ = std::move(boxes);
  sites.index();
  return sites;
}

void Sites::index() {
  index_.clear();
  device_owner_.clear();
  target_owner_.clear();
  domain_owner_.clear();
  for (std::size_t i = 0; i < boxes_.size(); ++i) {
    const Box& box = boxes_[i];
    index_.emplace(box.id, i);
    domain_owner_.emplace(to_lower(box.domain), i);
    target_owner_.emplace(folded(box.unassigned), i);
    target_owner_.emplace(folded(box.fault_address), i);
    for (const Binding& binding : box.bindings) {
      device_owner_.emplace(folded(binding.device), i);
      target_owner_.emplace(folded(binding.ebues), i);
    }
  }
}

Box Sites::box(const BoxId& id) const {
  const auto found = index_.find(id);
  if (found != index_.end()) return boxes_[found->second];
  Box box = default_box(id);
  if (domain_owner_.count(box.domain) == 0) return box;
  // Somebody else has taken the domain that would be its own.
  box.domain = id + ".unknown-box.internal";
  box.unassigned = "unassigned@" + box.domain;
  box.fault_address = "box@" + box.domain;
  return box;
}

Sites::Derived Sites::derive(const Box& box, std::string_view written) const {
  const std::optional<Address> address = parse_address(written);
  if (!address) return {box.unassigned, false};
  const auto self = index_.find(box.id);
  const std::size_t self_index = self == index_.end() ? boxes_.size() : self->second;
  const std::string key = address->folded();
  const auto bound = device_owner_.find(key);
  if (bound != device_owner_.end() && bound->second == self_index) {
    for (const Binding& binding : box.bindings) {
      if (folded(binding.device) == key) return {parse_address(binding.ebues)->text(), true};
    }
  }
  const bool ours = address->domain == to_lower(box.domain) &&
                    !is_others(device_owner_, key, self_index) &&
                    !is_others(target_owner_, key, self_index);
  if (ours) return {address->text(), true};
  return {box.unassigned, false};
}

Route Sites::route(const BoxId& id, std::string_view reverse_path,
                   const std::vector<std::string>& recipients) const {
  const Box from = box(id);
  Route route;
  // An empty reverse path is a box's or device's right, but EBÜS wants to know a source.
  route.sender = reverse_path.empty() ? from.fault_address : derive(from, reverse_path).address;
  for (const std::string& recipient : recipients) {
    const Derived derived = derive(from, recipient);
    if (!derived.own) route.unassigned = true;
    if (std::find(route.recipients.begin(), route.recipients.end(), derived.address) ==
        route.recipients.end())
      route.recipients.push_back(derived.address);
  }
  if (route.recipients.empty()) {
    route.recipients.push_back(from.unassigned);
    route.unassigned = true;
  }
  BOOST_ASSERT(!route.sender.empty());
  return route;
}

Language Sites::language(const BoxId& id, Language otherwise) const {
  const auto found = index_.find(id);
  if (found == index_.end()) return otherwise;
  return boxes_[found->second].language.value_or(otherwise);
}

}  // namespace alarmwire::sites
