// The glue between SQLite's VFS interface and the model.
#include "tests/powercut/vfs.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <new>
#include <set>

#include "tests/powercut/model.hpp"

namespace powercut {
namespace {

struct Handle {
  sqlite3_file base;  // must be first
  std::shared_ptr<Model> model;
  FilePtr file;
  std::uint64_t generation = 0;
  int flags = 0;
  int lock = SQLITE_LOCK_NONE;
  std::array<int, shm_lock_count> shm_locks{};  // 0, 1 shared, -1 exclusive
};

using Guard = std::lock_guard<std::mutex>;

Handle& handle_of(sqlite3_file* file) {
  return *reinterpret_cast<Handle*>(file);
}
bool is_alive(const Handle& h) {
  return h.generation == h.model->generation;
}

// Counts the call; anything but go_on is `error`.
bool go_on(Handle& h, Model::Kind kind) {
  return is_alive(h) && h.model->count(kind) == Verdict::go_on;
}

int close_file(sqlite3_file* f);
int unlock_to(Handle& h, int level);

int read_file(sqlite3_file* f, void* target, int amount, sqlite3_int64 offset) {
  Handle& h = handle_of(f);
  const Guard guard(h.model->mutex);
  if (!go_on(h, Model::Kind::reading)) return SQLITE_IOERR_READ;
  const std::string& bytes = h.file->current;
  const auto from = static_cast<std::size_t>(offset);
  const auto wanted = static_cast<std::size_t>(amount);
  const std::size_t there = from < bytes.size() ? std::min(wanted, bytes.size() - from) : 0;
  if (there > 0) std::memcpy(target, bytes.data() + from, there);
  if (there == wanted) return SQLITE_OK;
  std::memset(static_cast<char*>(target) + there, 0, wanted - there);
  return SQLITE_IOERR_SHORT_READ;
}

int write_file(sqlite3_file* f, const void* bytes, int amount, sqlite3_int64 offset) {
  Handle& h = handle_of(f);
  const Guard guard(h.model->mutex);
  std::string copy(static_cast<const char*>(bytes), static_cast<std::size_t>(amount));
  const auto from = static_cast<std::uint64_t>(offset);
  if (is_alive(h) && h.model->is_no_space && from + copy.size() > h.file->current.size())
    return SQLITE_FULL;
  const bool was_cut = h.model->is_cut;
  // The write in which the power goes may reach the disk in part: it is pending before the count.
  if (is_alive(h) && !was_cut && h.model->cut_at == 1) {
    h.model->write(*h.file, from, copy);
    static_cast<void>(h.model->count(Model::Kind::changing));
    return SQLITE_IOERR_WRITE;
  }
  if (!go_on(h, Model::Kind::changing)) return SQLITE_IOERR_WRITE;
  h.model->write(*h.file, from, std::move(copy));
  return SQLITE_OK;
}

int truncate_file(sqlite3_file* f, sqlite3_int64 size) {
  Handle& h = handle_of(f);
  const Guard guard(h.model->mutex);
  if (!go_on(h, Model::Kind::changing)) return SQLITE_IOERR_TRUNCATE;
  h.model->truncate(*h.file, static_cast<std::uint64_t>(size));
  return SQLITE_OK;
}

int sync_file(sqlite3_file* f, int) {
  Handle& h = handle_of(f);
  const Guard guard(h.model->mutex);
  if (!is_alive(h)) return SQLITE_IOERR_FSYNC;
  const Verdict verdict = h.model->count(Model::Kind::syncing);
  if (verdict == Verdict::fail) h.model->lose(*h.file);
  if (verdict != Verdict::go_on) return SQLITE_IOERR_FSYNC;
  // As SQLite's own unix VFS: the first sync of a new journal or WAL syncs the directory too.
  constexpr int journals = SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL;
  h.model->sync(*h.file, (h.flags & journals) != 0);
  return SQLITE_OK;
}

int file_size(sqlite3_file* f, sqlite3_int64* size) {
  Handle& h = handle_of(f);
  const Guard guard(h.model->mutex);
  if (!go_on(h, Model::Kind::reading)) return SQLITE_IOERR_FSTAT;
  *size = static_cast<sqlite3_int64>(h.file->current.size());
  return SQLITE_OK;
}

bool can_lock(const Handle& h, int level) {
  const File& file = *h.file;
  const bool others_reserved = file.reserved > (h.lock >= SQLITE_LOCK_RESERVED ? 1 : 0);
  const bool others_exclusive = file.is_exclusive && h.lock < SQLITE_LOCK_EXCLUSIVE;
  if (others_exclusive) return false;
  if (level >= SQLITE_LOCK_RESERVED && others_reserved) return false;
  if (level == SQLITE_LOCK_EXCLUSIVE) return file.shared <= (h.lock >= SQLITE_LOCK_SHARED ? 1 : 0);
  return true;
}

int lock_file(sqlite3_file* f, int level) {
  Handle& h = handle_of(f);
  const Guard guard(h.model->mutex);
  if (!go_on(h, Model::Kind::reading)) return SQLITE_IOERR_LOCK;
  if (h.lock >= level) return SQLITE_OK;
  if (!can_lock(h, level)) return SQLITE_BUSY;
  File& file = *h.file;
  if (h.lock < SQLITE_LOCK_SHARED) ++file.shared;
  if (level >= SQLITE_LOCK_RESERVED && h.lock < SQLITE_LOCK_RESERVED) ++file.reserved;
  if (level == SQLITE_LOCK_EXCLUSIVE) file.is_exclusive = true;
  h.lock = level;
  return SQLITE_OK;
}

int unlock_to(Handle& h, int level) {
  File& file = *h.file;
  if (h.lock <= level) return SQLITE_OK;
  if (h.lock == SQLITE_LOCK_EXCLUSIVE) file.is_exclusive = false;
  if (h.lock >= SQLITE_LOCK_RESERVED && level < SQLITE_LOCK_RESERVED) --file.reserved;
  if (level < SQLITE_LOCK_SHARED) --file.shared;
  h.lock = level;
  return SQLITE_OK;
}

int unlock_file(sqlite3_file* f, int level) {
  Handle& h = handle_of(f);
  const Guard guard(h.model->mutex);
  return is_alive(h) ? unlock_to(h, level) : SQLITE_OK;
}

int check_reserved(sqlite3_file* f, int* is_reserved) {
  Handle& h = handle_of(f);
  const Guard guard(h.model->mutex);
  *is_reserved = h.file->reserved > 0 ? 1 : 0;
  return SQLITE_OK;
}

int file_control(sqlite3_file*, int, void*) {
  return SQLITE_NOTFOUND;
}
int sector_size(sqlite3_file*) {
  return static_cast<int>(sector_bytes);
}
int characteristics(sqlite3_file*) {
  return 0;  // nothing is atomic, nothing is in order
}

int shm_map(sqlite3_file* f, int region, int bytes, int extend, void volatile** out) {
  Handle& h = handle_of(f);
  const Guard guard(h.model->mutex);
  *out = nullptr;
  if (!go_on(h, Model::Kind::reading)) return SQLITE_IOERR_SHMMAP;
  auto& regions = h.file->shm.regions;
  const auto wanted = static_cast<std::size_t>(region);
  if (wanted >= regions.size() && extend == 0) return SQLITE_OK;
  while (regions.size() <= wanted)
    regions.push_back(std::make_unique<char[]>(static_cast<std::size_t>(bytes)));
  *out = regions[wanted].get();
  return SQLITE_OK;
}

int shm_unlock(Handle& h, int offset, int n) {
  for (int i = offset; i < offset + n; ++i) {
    int& mine = h.shm_locks.at(static_cast<std::size_t>(i));
    int& all = h.file->shm.holders.at(static_cast<std::size_t>(i));
    if (mine > 0) --all;
    if (mine < 0) all = 0;
    mine = 0;
  }
  return SQLITE_OK;
}

int shm_lock(sqlite3_file* f, int offset, int n, int flags) {
  Handle& h = handle_of(f);
  const Guard guard(h.model->mutex);
  if (!is_alive(h)) return SQLITE_IOERR_SHMLOCK;
  if ((flags & SQLITE_SHM_UNLOCK) != 0) return shm_unlock(h, offset, n);
  if (!go_on(h, Model::Kind::reading)) return SQLITE_IOERR_SHMLOCK;
  const bool is_shared = (flags & SQLITE_SHM_SHARED) != 0;
  for (int i = offset; i < offset + n; ++i) {
    const int all = h.file->shm.holders.at(static_cast<std::size_t>(i));
    const int mine = h.shm_locks.at(static_cast<std::size_t>(i));
    if (mine != 0) continue;
    if (is_shared ? all < 0 : all != 0) return SQLITE_BUSY;
  }
  for (int i = offset; i < offset + n; ++i) {
    int& mine = h.shm_locks.at(static_cast<std::size_t>(i));
    int& all = h.file->shm.holders.at(static_cast<std::size_t>(i));
    if (mine != 0) continue;
    mine = is_shared ? 1 : -1;
    all = is_shared ? all + 1 : -1;
  }
  return SQLITE_OK;
}

void shm_barrier(sqlite3_file* f) {
  const Guard guard(handle_of(f).model->mutex);
}

int shm_unmap(sqlite3_file* f, int is_delete) {
  Handle& h = handle_of(f);
  const Guard guard(h.model->mutex);
  shm_unlock(h, 0, shm_lock_count);
  // Regions stay until the last handle of the file is gone: others may still read them.
  if (is_delete != 0 && h.file.use_count() <= 2) h.file->shm.regions.clear();
  return SQLITE_OK;
}

const sqlite3_io_methods io_methods = {
    2,         close_file,  read_file,      write_file,   truncate_file, sync_file,       file_size,
    lock_file, unlock_file, check_reserved, file_control, sector_size,   characteristics, shm_map,
    shm_lock,  shm_barrier, shm_unmap,      nullptr,      nullptr};

int close_file(sqlite3_file* f) {
  Handle& h = handle_of(f);
  {
    const Guard guard(h.model->mutex);
    shm_unlock(h, 0, shm_lock_count);
    unlock_to(h, SQLITE_LOCK_NONE);
  }
  h.~Handle();
  return SQLITE_OK;
}

std::shared_ptr<Model>& model_of(sqlite3_vfs* vfs) {
  return *static_cast<std::shared_ptr<Model>*>(vfs->pAppData);
}

// A file without a name is SQLite's own temporary one: it lives in memory and needs no model.
int open_file(sqlite3_vfs* vfs, const char* path, sqlite3_file* f, int flags, int* out_flags) {
  f->pMethods = nullptr;
  const std::shared_ptr<Model>& model = model_of(vfs);
  const Guard guard(model->mutex);
  const std::string name = path != nullptr ? path : "";
  FilePtr file;
  if (!name.empty()) file = model->find(name);
  const bool creates = file == nullptr && (flags & SQLITE_OPEN_CREATE) != 0;
  const auto kind = creates ? Model::Kind::changing : Model::Kind::reading;
  if (model->count(kind) != Verdict::go_on) return SQLITE_CANTOPEN;
  if (file == nullptr && name.empty()) file = std::make_shared<File>();
  if (file == nullptr && creates) file = model->create(name);
  if (file == nullptr) return SQLITE_CANTOPEN;
  if (name.empty()) file->is_deleted = true;
  auto* h = new (f) Handle{};
  h->model = model;
  h->file = std::move(file);
  h->generation = model->generation;
  h->flags = flags;
  h->base.pMethods = &io_methods;
  if (out_flags != nullptr) *out_flags = flags;
  return SQLITE_OK;
}

int delete_file(sqlite3_vfs* vfs, const char* path, int sync_directory) {
  Model& model = *model_of(vfs);
  const Guard guard(model.mutex);
  if (model.count(Model::Kind::changing) != Verdict::go_on) return SQLITE_IOERR_DELETE;
  if (model.find(path) == nullptr) return SQLITE_IOERR_DELETE_NOENT;
  model.remove(path, sync_directory != 0);
  return SQLITE_OK;
}

int access_file(sqlite3_vfs* vfs, const char* path, int flags, int* result) {
  Model& model = *model_of(vfs);
  const Guard guard(model.mutex);
  if (model.count(Model::Kind::reading) != Verdict::go_on) return SQLITE_IOERR_ACCESS;
  const FilePtr file = model.find(path);
  *result = file != nullptr && (flags != SQLITE_ACCESS_EXISTS || !file->current.empty()) ? 1 : 0;
  return SQLITE_OK;
}

int full_path(sqlite3_vfs*, const char* path, int size, char* out) {
  const std::string full = std::filesystem::absolute(path).lexically_normal().string();
  if (full.size() + 1 > static_cast<std::size_t>(size)) return SQLITE_CANTOPEN;
  std::memcpy(out, full.c_str(), full.size() + 1);
  return SQLITE_OK;
}

sqlite3_vfs* real_vfs() {
  return sqlite3_vfs_find("unix");
}
int randomness(sqlite3_vfs*, int size, char* out) {
  return real_vfs()->xRandomness(real_vfs(), size, out);
}
int sleep_us(sqlite3_vfs*, int us) {
  return real_vfs()->xSleep(real_vfs(), us);
}
int current_time(sqlite3_vfs*, double* now) {
  return real_vfs()->xCurrentTime(real_vfs(), now);
}
int last_error(sqlite3_vfs*, int, char*) {
  return 0;
}

// Disks that see this process's own fsync and rename.
struct Registry {
  std::mutex mutex;
  std::set<Model*> models;
};
Registry& registry() {
  static Registry instance;
  return instance;
}

template <typename Action>
void for_each_model(Action action) {
  const Guard guard(registry().mutex);
  for (Model* model : registry().models) {
    const Guard inner(model->mutex);
    if (!model->is_cut) action(*model);
  }
}

// Without power nothing is renamed: the program only seems to live on.
bool is_any_cut() {
  const Guard guard(registry().mutex);
  for (Model* model : registry().models) {
    const Guard inner(model->mutex);
    if (model->is_cut) return true;
  }
  return false;
}

std::string normal(const char* path) {
  return std::filesystem::absolute(path).lexically_normal().string();
}

}  // namespace

Disk::Disk(const std::string& name, std::uint64_t seed) : model_(std::make_shared<Model>()) {
  model_->name = name;
  model_->random.seed(seed);
  auto* vfs = new sqlite3_vfs{};
  vfs->iVersion = 1;
  vfs->szOsFile = sizeof(Handle);
  vfs->mxPathname = 512;
  vfs->zName = model_->name.c_str();
  vfs->pAppData = new std::shared_ptr<Model>(model_);
  vfs->xOpen = open_file;
  vfs->xDelete = delete_file;
  vfs->xAccess = access_file;
  vfs->xFullPathname = full_path;
  vfs->xRandomness = randomness;
  vfs->xSleep = sleep_us;
  vfs->xCurrentTime = current_time;
  vfs->xGetLastError = last_error;
  sqlite3_vfs_register(vfs, 0);
  const Guard guard(registry().mutex);
  registry().models.insert(model_.get());
}

Disk::~Disk() {
  {
    const Guard guard(registry().mutex);
    registry().models.erase(model_.get());
  }
  sqlite3_vfs* const vfs = sqlite3_vfs_find(name());
  sqlite3_vfs_unregister(vfs);
  delete &model_of(vfs);
  delete vfs;
}

const char* Disk::name() const {
  return model_->name.c_str();
}
void Disk::cut_power() {
  const Guard guard(model_->mutex);
  model_->cut();
}
void Disk::cut_after_calls(std::uint64_t n) {
  const Guard guard(model_->mutex);
  model_->cut_at = n;
}
bool Disk::is_cut() const {
  const Guard guard(model_->mutex);
  return model_->is_cut;
}
void Disk::restart() {
  const Guard guard(model_->mutex);
  model_->restart();
}
void Disk::fail_call(std::uint64_t n) {
  const Guard guard(model_->mutex);
  model_->fail_at = n;
  model_->has_failed = false;
}
bool Disk::has_failed() const {
  const Guard guard(model_->mutex);
  return model_->has_failed;
}
void Disk::fail_sync(std::uint64_t n) {
  const Guard guard(model_->mutex);
  model_->fail_sync_at = n;
  model_->has_failed = false;
}
void Disk::set_no_space(bool no_space) {
  const Guard guard(model_->mutex);
  model_->is_no_space = no_space;
}
std::uint64_t Disk::calls() const {
  const Guard guard(model_->mutex);
  return model_->calls;
}
std::uint64_t Disk::changing_calls() const {
  const Guard guard(model_->mutex);
  return model_->changing_calls;
}
std::uint64_t Disk::syncs() const {
  const Guard guard(model_->mutex);
  return model_->syncs;
}

}  // namespace powercut

// These take the place of libc's in the test program: the model must see a directory's sync.
extern "C" int fsync(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
    char path[PATH_MAX];
    const std::string link = "/proc/self/fd/" + std::to_string(fd);
    const ssize_t size = ::readlink(link.c_str(), path, sizeof path);
    if (size > 0) {
      const std::string directory(path, static_cast<std::size_t>(size));
      powercut::for_each_model([&](powercut::Model& m) { m.sync_directory(directory); });
    }
  }
  // Where a model says what is durable, the machine's own disk need not be waited for.
  const powercut::Guard guard(powercut::registry().mutex);
  if (!powercut::registry().models.empty()) return 0;
  return static_cast<int>(::syscall(SYS_fsync, fd));
}

extern "C" int rename(const char* from, const char* to) noexcept {
  if (powercut::is_any_cut()) {
    errno = EIO;
    return -1;
  }
  const int result = static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0u));
  if (result == 0)
    powercut::for_each_model(
        [&](powercut::Model& m) { m.rename(powercut::normal(from), powercut::normal(to)); });
  return result;
}
