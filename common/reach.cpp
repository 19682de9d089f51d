#include "common/reach.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

namespace alarmwire {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> reach;  // empty: no daemon, or not confined

fs::path plain(const std::string& path) {
  return fs::absolute(path).lexically_normal();
}

bool is_below(const fs::path& path, const fs::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first ==
         folder.end();
}

}  // namespace

void remember_reach(std::vector<std::string> folders) {
  reach = std::move(folders);
}

std::string why_out_of_reach(const std::string& path) {
  const bool is_within =
      std::any_of(reach.begin(), reach.end(), [wanted = plain(path)](const std::string& folder) {
        return is_below(wanted, plain(folder));
      });
  if (reach.empty() || is_within) return {};
  return "; the daemon reads the folders that its configuration named when it started, this one "
         "only after a restart";
}

}  // namespace alarmwire
