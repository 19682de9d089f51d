#include "edge/daemon/photo_desk.hpp"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "provisioning/qr/qr_photo.hpp"

namespace alarmwire::edge {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// On the socket, both on the same machine: a length, then so many bytes; the answer's first byte
// says whether the rest is the code's text or the reason.
using Length = std::uint64_t;
constexpr char found = 'f';
constexpr char failed = 'n';
constexpr Length answer_bytes_max = qr::photo_text_bytes_max + 1024;

bool move_all(int fd, char* bytes, std::size_t size, bool is_write) {
  while (size > 0) {
    const ssize_t n = is_write ? ::write(fd, bytes, size) : ::read(fd, bytes, size);
    if (n == 0 || (n < 0 && errno != EINTR)) return false;
    if (n < 0) continue;
    bytes += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

std::string framed(std::string_view bytes) {
  const Length length = bytes.size();
  std::string frame(sizeof length, '\0');
  std::memcpy(frame.data(), &length, sizeof length);
  return frame.append(bytes);
}

[[noreturn]] void serve(int fd) {
  while (true) {
    Length length = 0;
    if (!move_all(fd, reinterpret_cast<char*>(&length), sizeof length, false)) ::_exit(0);
    if (length > qr::photo_bytes_max) ::_exit(1);  // the daemon never sends such a one
    std::string photo(length, '\0');
    if (!move_all(fd, photo.data(), photo.size(), false)) ::_exit(0);
    const Result<std::string> text = qr::read_photo(photo);
    std::string answer =
        framed(text ? found + *text : failed + text.error().diagnostics.substr(0, 1000));
    if (!move_all(fd, answer.data(), answer.size(), true)) ::_exit(0);
  }
}

[[noreturn]] void be_the_desk(int fd, pid_t daemon) {
  constexpr int kept = 3;
  ::prctl(PR_SET_NAME, "photo-desk");
  // It ends with the daemon, however that ends; signals to both are the daemon's business.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != daemon) ::_exit(1);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  ::signal(SIGCHLD, SIG_DFL);
  if (fd != kept && ::dup2(fd, kept) < 0) ::_exit(1);
  if (::close_range(kept + 1, ~0U, 0) != 0) ::_exit(1);  // the door's sockets are not its own
  serve(kept);
}

}  // namespace

Result<int> PhotoDesk::start() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return errno_failure(errno, "making a socket");
  ::signal(SIGCHLD, SIG_IGN);  // nobody waits for it
  const pid_t daemon = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) be_the_desk(ends[1], daemon);
  const int reason = errno;
  ::close(ends[1]);
  if (child > 0) return ends[0];
  ::close(ends[0]);
  return errno_failure(reason, "starting a process");
}

struct PhotoDesk::Talk : std::enable_shared_from_this<Talk> {
  Talk(asio::io_context& context, int fd) : socket(context) {
    error_code ignored;
    socket.assign(asio::local::stream_protocol(), fd, ignored);
  }

  void send(const std::string& photo) {
    frame = framed(photo);
    asio::async_write(socket, asio::buffer(frame),
                      [self = shared_from_this()](const error_code& error, std::size_t) {
                        self->frame = {};
                        if (error) return self->gone();
                        self->read_length();
                      });
  }
  void read_length() {
    asio::async_read(socket, asio::buffer(&length, sizeof length),
                     [self = shared_from_this()](const error_code& error, std::size_t) {
                       const bool fits = self->length > 0 && self->length <= answer_bytes_max;
                       if (error || !fits) return self->gone();
                       self->read_text();
                     });
  }
  void read_text() {
    frame.resize(length);
    asio::async_read(socket, asio::buffer(frame),
                     [self = shared_from_this()](const error_code& error, std::size_t) {
                       if (error) return self->gone();
                       const std::string text = self->frame.substr(1);
                       if (self->frame.front() == found) return self->answer(text);
                       self->answer(Failure(Errc::not_found, text));
                     });
  }
  void gone() {
    error_code ignored;
    socket.close(ignored);
    answer(Failure(Errc::closed, "the process that reads photos has ended; restart the box"));
  }
  void answer(const Result<std::string>& text) {
    if (const Done call = std::exchange(done, nullptr)) call(text);
  }

  asio::local::stream_protocol::socket socket;
  std::string frame;
  Length length = 0;
  Done done;  // of the photo that is read
};

PhotoDesk::PhotoDesk(asio::io_context& context, int socket)
    : talk_(std::make_shared<Talk>(context, socket)) {}

PhotoDesk::~PhotoDesk() {
  talk_->done = nullptr;
  error_code ignored;
  talk_->socket.close(ignored);
}

void PhotoDesk::read(std::string photo, Done done) {
  const auto refuse = [&](Errc code, const char* why) {
    asio::post(talk_->socket.get_executor(),
               [done = std::move(done), failure = Failure(code, why)] { done(failure); });
  };
  if (!talk_->socket.is_open())
    return refuse(Errc::closed, "the process that reads photos has ended; restart the box");
  if (talk_->done) return refuse(Errc::busy, "another photo is being read");
  if (photo.size() > qr::photo_bytes_max) return refuse(Errc::full, "the photo is too large");
  talk_->done = std::move(done);
  talk_->send(photo);
}

}  // namespace alarmwire::edge
