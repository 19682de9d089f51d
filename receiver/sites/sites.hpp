// The address book: which box stands where, which device addresses are its own, and under which
// addresses its alarms may appear at EBÜS (design 5.5, promise 5).
//
// Promises: an address at the far side derives from the box that sent. Whatever recipient or sender
// a box writes, route() answers only addresses that belong to that box and to no other. Names are
// compared without regard to case. Pure once built; any thread may ask.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/config.hpp"
#include "common/error.hpp"
#include "common/ids.hpp"

namespace alarmwire::sites {

inline constexpr std::size_t boxes_max = 20'000;
inline constexpr std::size_t addresses_per_box_max = 4'096;

enum class Language : std::uint8_t { de, en };

struct Binding {
  std::string device;  // as the device writes it: "cam1@site-a.internal"
  std::string ebues;   // as EBÜS gets it; the same unless rewritten
};

struct Box {
  BoxId id;
  std::string name;    // for people; the id when not given
  std::string domain;  // "site-a.internal"
  std::vector<Binding> bindings;
  std::string unassigned;     // where everything goes that is nobody's
  std::string fault_address;  // sender and recipient of the box's own fault mails
  std::optional<Language> language;
};

// A box as it is when only its id is known.
Box default_box(const BoxId& id);

struct Route {
  std::string sender;
  std::vector<std::string> recipients;  // at least one, each once, in the order they were given
  bool unassigned = false;              // at least one recipient was not the box's own
};

// What contradicts what: `box` is an index into the list that was checked.
struct Conflict {
  std::size_t box = 0;
  std::string key;
  std::string why;
};
std::vector<Conflict> find_conflicts(const std::vector<Box>& boxes);

class Sites {
 public:
  Sites();  // the centre alone
  // Errc::invalid_argument with every conflict, one a line. The centre is added if it is not there.
  static Result<Sites> make(std::vector<Box> boxes);

  Route route(const BoxId& box, std::string_view reverse_path,
              const std::vector<std::string>& recipients) const;
  // The box, or what can be said of one that is not in the book (its records still have to go).
  Box box(const BoxId& id) const;
  bool knows(const BoxId& id) const { return index_.count(id) != 0; }
  // In the order of the configuration; the centre last unless configured.
  const std::vector<Box>& boxes() const { return boxes_; }
  Language language(const BoxId& id, Language otherwise) const;

 private:
  struct Derived {
    std::string address;
    bool own = false;
  };
  Derived derive(const Box& box, std::string_view written) const;
  void index();

  std::vector<Box> boxes_;
  std::map<BoxId, std::size_t, std::less<>> index_;
  // Folded address → box index. Device addresses, and every address that a box has at EBÜS.
  std::map<std::string, std::size_t, std::less<>> device_owner_;
  std::map<std::string, std::size_t, std::less<>> target_owner_;
  std::map<std::string, std::size_t, std::less<>> domain_owner_;
};

// Reads `[[box]]` and `[sites]`. Problems and conflicts are recorded in the tables (file:line:col);
// the answer counts only if the reader's finish() is ok.
Sites read_sites(config::Table root);

}  // namespace alarmwire::sites
