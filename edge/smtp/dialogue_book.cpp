#include "edge/smtp/dialogue_book.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace alarmwire::smtp {
namespace {

constexpr std::size_t overhead_bytes = 512;  // of one: its facts, names and places in the lists

std::size_t size_of(const Dialogue& dialogue) {
  return dialogue.log.bytes() + overhead_bytes;
}

std::string key_of(const Dialogue& dialogue) {
  return dialogue.address + ' ' + dialogue.device;
}

}  // namespace

void DialogueBook::keep(Dialogue dialogue) {
  bytes_ += size_of(dialogue);
  auto& same = by_device_[key_of(dialogue)];
  same.push_back(kept_.insert(kept_.end(), std::move(dialogue)));
  const bool trouble = kept_.back().facts.trouble;
  const auto alike = [&](const Kept::iterator& one) { return one->facts.trouble == trouble; };
  const auto count = static_cast<std::size_t>(std::count_if(same.begin(), same.end(), alike));
  if (count > (trouble ? dialogues_with_trouble_max : dialogues_without_max))
    drop(*std::find_if(same.begin(), same.end(), alike));
  while (bytes_ > dialogues_bytes_max) drop(kept_.begin());
}

void DialogueBook::drop(Kept::iterator dialogue) {
  const auto found = by_device_.find(key_of(*dialogue));
  std::erase(found->second, dialogue);
  if (found->second.empty()) by_device_.erase(found);
  bytes_ -= size_of(*dialogue);
  kept_.erase(dialogue);
}

std::vector<Dialogue> DialogueBook::of(std::string_view device) const {
  std::vector<Dialogue> found;
  std::copy_if(kept_.begin(), kept_.end(), std::back_inserter(found),
               [&](const Dialogue& one) { return one.device == device || one.address == device; });
  return found;
}

}  // namespace alarmwire::smtp
