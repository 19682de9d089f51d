#include "edge/daemon/stick_folder.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "common/text.hpp"
#include "provisioning/plain_text.hpp"

namespace alarmwire::edge {
namespace {

using provisioning::site_document_bytes_max;

// The first one that is there counts. Windows hides endings, so that people write them twice.
constexpr std::array<const char*, 4> wanted_files{
    "alarmwire.toml", "alarmwire.toml.txt", "alarmwire-ticket.txt", "alarmwire-ticket.txt.txt"};

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

// What it is instead of a plain file; "" for one.
std::string why_no_file(const struct stat& facts) {
  if (S_ISREG(facts.st_mode)) return {};
  if (S_ISDIR(facts.st_mode)) return "it is a folder, not a file";
  if (S_ISLNK(facts.st_mode)) return "it is a link, and links on a stick are not followed";
  return "it is no plain file (a device, pipe or socket)";
}

Result<std::string> read_whole(int fd) {
  std::string bytes(site_document_bytes_max + 1, '\0');
  std::size_t size = 0;
  while (size < bytes.size()) {
    const ssize_t got = ::read(fd, bytes.data() + size, bytes.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_failure(errno, "it cannot be read");
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > site_document_bytes_max)
    return Failure(Errc::full,
                   "it is larger than " + std::to_string(site_document_bytes_max / 1024) + " KiB");
  bytes.resize(size);
  return bytes;
}

// Errc::not_found where there is no such name. Looked at before it is opened: opening alone can
// make a device act.
Result<std::string> read_plain_file(int folder, const char* name) {
  struct stat facts {};
  if (::fstatat(folder, name, &facts, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return Failure(Errc::not_found, "not there");
    return errno_failure(errno, "it cannot be read");
  }
  std::string why = why_no_file(facts);
  if (!why.empty()) return Failure(Errc::invalid_argument, why);
  const Descriptor fd(
      ::openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd.is_open()) return errno_failure(errno, "it cannot be opened");
  if (::fstat(fd.get(), &facts) != 0) return errno_failure(errno, "it cannot be read");
  why = why_no_file(facts);
  if (!why.empty()) return Failure(Errc::invalid_argument, why);
  return read_whole(fd.get());
}

StickFinding refused(const std::string& file, const std::string& why) {
  return {file, {}, why};
}

std::optional<StickFinding> look_into(int folder) {
  for (const char* const name : wanted_files) {
    const Result<std::string> bytes = read_plain_file(folder, name);
    if (bytes) return read_document(name, *bytes);
    if (!bytes.error().is(Errc::not_found)) return refused(name, bytes.error().diagnostics);
  }
  return {};
}

// Names of folders in it; bounded, whatever lies there.
std::vector<std::string> subfolders_of(int folder) {
  std::vector<std::string> names;
  // A descriptor of its own: reading moves it.
  Descriptor copy(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!copy.is_open()) return names;
  const std::unique_ptr<DIR, int (*)(DIR*)> list(::fdopendir(copy.get()), ::closedir);
  if (!list) return names;
  copy.release();  // the list closes it
  for (std::size_t seen = 0; seen < stick_entries_max && names.size() < stick_subfolders_max;
       ++seen) {
    const dirent* const entry = ::readdir(list.get());
    if (entry == nullptr) break;
    const bool may_be_folder = entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN;
    if (may_be_folder && entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

void look_at(const std::string& path, std::vector<StickSight>& sights) {
  const Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open()) {
    if (errno == ENOENT) return;
    sights.push_back({path, refused("", errno_failure(errno, path).diagnostics)});
    return;
  }
  if (auto finding = look_into(folder.get())) sights.push_back({path, std::move(*finding)});
  for (const std::string& name : subfolders_of(folder.get())) {
    const Descriptor below(
        ::openat(folder.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!below.is_open()) continue;
    if (auto finding = look_into(below.get()))
      sights.push_back({path + "/" + name, std::move(*finding)});
  }
}

Status write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno_failure(errno, "writing");
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(fd) != 0) return errno_failure(errno, "fsync");
  return {};
}

}  // namespace

StickFinding read_document(const std::string& file, std::string_view bytes) {
  const Result<std::string> text = provisioning::plain_text(bytes);
  if (!text) return refused(file, text.error().diagnostics);
  StickFinding finding{file, {}, ""};
  if (file.starts_with("alarmwire.toml")) {
    const auto document =
        provisioning::parse_site_document(*text, file, provisioning::TicketIs::required);
    if (!document) return refused(file, document.error().diagnostics);
    finding.document = *document;
  } else {
    const Result<provisioning::Ticket> ticket = provisioning::parse_ticket(*text);
    if (!ticket) return refused(file, ticket.error().diagnostics);
    finding.document.emplace().ticket = *ticket;
  }
  return finding;
}

std::vector<StickSight> look_for_sticks(const std::vector<std::string>& folders) {
  std::vector<StickSight> sights;
  for (const std::string& folder : folders) look_at(folder, sights);
  return sights;
}

// Not common/files: a link that lies in the way must not lead the writer to another file.
Status write_stick_result(const std::string& path, std::string_view text) {
  const Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open()) return errno_failure(errno, path);
  const std::string temporary = std::string(stick_result_file) + ".new";
  ::unlinkat(folder.get(), temporary.c_str(), 0);
  Status done;
  {
    const Descriptor fd(::openat(folder.get(), temporary.c_str(),
                                 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (!fd.is_open()) return errno_failure(errno, path + "/" + temporary);
    done = write_all(fd.get(), text);
  }
  if (done && ::renameat(folder.get(), temporary.c_str(), folder.get(), stick_result_file) != 0)
    done = errno_failure(errno, std::string("replacing ") + stick_result_file);
  if (!done) {
    ::unlinkat(folder.get(), temporary.c_str(), 0);  // a full stick keeps no half of it
    return done;
  }
  if (::fsync(folder.get()) != 0) return errno_failure(errno, "fsync " + path);
  return {};
}

}  // namespace alarmwire::edge
