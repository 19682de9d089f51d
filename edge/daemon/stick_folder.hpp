// What lies on a stick, and writing an answer there. The stick is a stranger's: links are not
// followed, only plain files are opened, without waiting, and no more is read than a ticket or a
// site's document may have.
//
// These calls may take as long as a dying stick does: not for the thread that carries alarms.
// Thread-safety: pure functions of the file system.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/error.hpp"
#include "provisioning/site_document.hpp"

namespace alarmwire::edge {

inline constexpr std::size_t stick_subfolders_max = 16;
inline constexpr std::size_t stick_entries_max = 1000;  // of a folder, to look for subfolders
inline constexpr const char* stick_result_file = "alarmwire-result.txt";

struct StickFinding {
  std::string file;  // its name in the folder; "": the folder itself cannot be read
  std::optional<provisioning::SiteDocument> document;
  std::string refusal;  // why there is none

  bool operator==(const StickFinding&) const = default;
};
struct StickSight {
  std::string folder;
  StickFinding finding;
};

// The bytes of a file as the finding they are: alarmwire.toml's or a ticket's.
StickFinding read_document(const std::string& file, std::string_view bytes);

// alarmwire.toml, else alarmwire-ticket.txt, in each folder and in those directly below it, where
// sticks are mounted. What is not there is not among the answers.
std::vector<StickSight> look_for_sticks(const std::vector<std::string>& folders);

// Whole or not at all: written beside it, synced, renamed.
Status write_stick_result(const std::string& folder, std::string_view text);

}  // namespace alarmwire::edge
