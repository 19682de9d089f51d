#include "tests/powercut/model.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/powercut/vfs.hpp"

namespace powercut {
namespace {

std::string read_real(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_real(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

void overlay(std::string& target, std::uint64_t offset, std::string_view bytes) {
  if (target.size() < offset + bytes.size()) target.resize(offset + bytes.size(), '\0');
  std::copy(bytes.begin(), bytes.end(), target.begin() + static_cast<std::ptrdiff_t>(offset));
}

void apply(std::string& target, const Change& change) {
  if (change.is_truncate)
    target.resize(change.offset, '\0');
  else
    overlay(target, change.offset, change.bytes);
}

// Puts into the real file what changed between `file.durable` and now.
void apply_real(File& file, const std::vector<Change>& changes) {
  const int fd = ::open(file.path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return;
  for (const Change& change : changes) {
    apply(file.durable, change);
    if (change.is_truncate)
      static_cast<void>(!::ftruncate(fd, static_cast<off_t>(change.offset)));
    else
      static_cast<void>(!::pwrite(fd, change.bytes.data(), change.bytes.size(),
                                  static_cast<off_t>(change.offset)));
  }
  ::close(fd);
}

}  // namespace

std::string directory_of(const std::string& path) {
  return std::filesystem::path(path).parent_path().lexically_normal().string();
}

Verdict Model::count(Kind kind) {
  if (is_cut) return Verdict::dead;
  ++calls;
  if (kind != Kind::reading) {
    ++changing_calls;
    if (cut_at != 0 && --cut_at == 0) {
      cut();
      return Verdict::dead;
    }
  }
  bool fails = fail_at != 0 && --fail_at == 0;
  if (kind == Kind::syncing) {
    ++syncs;
    fails = (fail_sync_at != 0 && --fail_sync_at == 0) || fails;
  }
  if (fails) has_failed = true;
  return fails ? Verdict::fail : Verdict::go_on;
}

FilePtr Model::find(const std::string& path) {
  const auto known = files.find(path);
  if (known != files.end()) return known->second;
  if (!std::filesystem::exists(path)) return nullptr;
  auto file = std::make_shared<File>();
  file->path = path;
  file->durable = read_real(path);
  file->current = file->durable;
  files[path] = file;
  return file;
}

FilePtr Model::create(const std::string& path) {
  write_real(path, "");
  FilePtr file = find(path);
  file->is_created_unsynced = true;
  return file;
}

void Model::write(File& file, std::uint64_t offset, std::string bytes) {
  overlay(file.current, offset, bytes);
  file.pending.push_back({offset, std::move(bytes), false});
}

void Model::truncate(File& file, std::uint64_t size) {
  file.current.resize(size, '\0');
  file.pending.push_back({size, {}, true});
}

void Model::sync(File& file, bool with_directory) {
  if (!file.is_deleted) apply_real(file, file.pending);
  file.pending.clear();
  if (with_directory && file.is_created_unsynced) sync_directory(directory_of(file.path));
}

// What reached the disk is decided now: a later write to the same place must not be undone by this
// one at the cut.
void Model::lose(File& file) {
  settle(file);
  file.pending.clear();
  if (!file.is_deleted) write_real(file.path, file.durable);
}

void Model::remove(const std::string& path, bool with_directory) {
  const FilePtr file = find(path);
  if (file == nullptr) return;
  std::filesystem::remove(path);
  file->is_deleted = true;
  files.erase(path);
  if (!file->is_created_unsynced) deleted_unsynced.push_back(file);
  if (with_directory) sync_directory(directory_of(path));
}

void Model::rename(const std::string& from, const std::string& to) {
  const auto known = files.find(from);
  if (known == files.end()) return;
  const FilePtr file = known->second;
  files.erase(known);
  file->path = to;
  file->is_created_unsynced = false;
  files[to] = file;
}

void Model::sync_directory(const std::string& directory) {
  for (auto& [path, file] : files)
    if (directory_of(path) == directory) file->is_created_unsynced = false;
  std::erase_if(deleted_unsynced,
                [&](const FilePtr& file) { return directory_of(file->path) == directory; });
}

bool Model::chance(double probability) {
  return std::uniform_real_distribution<double>(0, 1)(random) < probability;
}

// Each 512-byte sector of each unsynced write reached the platter or did not, in any order.
void Model::settle(File& file) {
  constexpr std::array<double, 5> kept_shares{0.0, 0.1, 0.5, 0.9, 1.0};
  const double kept = kept_shares.at(random() % kept_shares.size());
  for (const Change& change : file.pending) {
    if (change.is_truncate) {
      if (chance(kept)) apply(file.durable, change);
      continue;
    }
    std::uint64_t at = change.offset;
    const std::uint64_t end = change.offset + change.bytes.size();
    while (at < end) {
      const std::uint64_t stop = std::min(end, (at / sector_bytes + 1) * sector_bytes);
      if (chance(kept))
        overlay(file.durable, at,
                std::string_view(change.bytes).substr(at - change.offset, stop - at));
      at = stop;
    }
  }
}

void Model::cut() {
  if (is_cut) return;
  is_cut = true;
  for (auto& [path, file] : files) {
    if (file->is_created_unsynced && chance(0.5)) {
      std::filesystem::remove(path);
      continue;
    }
    settle(*file);
    write_real(path, file->durable);
  }
  for (const FilePtr& file : deleted_unsynced) {
    if (files.contains(file->path) || !chance(0.5)) continue;
    settle(*file);
    write_real(file->path, file->durable);
  }
}

void Model::restart() {
  cut();
  ++generation;
  files.clear();
  deleted_unsynced.clear();
  is_cut = is_no_space = has_failed = false;
  cut_at = fail_at = fail_sync_at = 0;
  calls = changing_calls = syncs = 0;
}

}  // namespace powercut
