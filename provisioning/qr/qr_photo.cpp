#include "provisioning/qr/qr_photo.hpp"

#include <ZXing/DecodeHints.h>
#include <ZXing/ReadBarcode.h>
#include <ZXing/TextUtfEncoding.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <exception>

#include "common/clock.hpp"
#include "common/confine.hpp"
#include "provisioning/qr/gray_image.hpp"

namespace alarmwire::qr {
namespace {

// AddressSanitizer reserves terabytes that it never uses, and UBSan, which is built in with it,
// asks by a pipe whether memory can be read.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool is_address_sanitized = true;
#elif defined(__has_feature)
constexpr bool is_address_sanitized = __has_feature(address_sanitizer);
#else
constexpr bool is_address_sanitized = false;
#endif

// What the child says: a verdict in one byte, then the text.
enum class Verdict : char { found = 'f', nothing = 'n', no_picture = 'p', too_large = 'l' };

std::string say(Verdict verdict, std::string_view text) {
  return std::string(1, static_cast<char>(verdict)).append(text.substr(0, photo_text_bytes_max));
}

std::string look(std::string_view bytes) {
  const Result<GrayImage> image = decode_image(bytes);
  if (!image)
    return say(image.error().is(Errc::full) ? Verdict::too_large : Verdict::no_picture,
               image.error().diagnostics);
  ZXing::DecodeHints hints;
  hints.setFormats(ZXing::BarcodeFormat::QRCode);
  hints.setTryHarder(true);
  hints.setTryRotate(true);
  // A blurred edge falls to one side or the other by the way it is told from white.
  for (const auto binarizer : {ZXing::Binarizer::LocalAverage, ZXing::Binarizer::GlobalHistogram}) {
    hints.setBinarizer(binarizer);
    const ZXing::ImageView view(image->pixels.data(), image->width, image->height,
                                ZXing::ImageFormat::Lum);
    const ZXing::Result result = ZXing::ReadBarcode(view, hints);
    if (result.isValid()) return say(Verdict::found, ZXing::TextUtfEncoding::ToUtf8(result.text()));
  }
  return say(Verdict::nothing, "");
}

void limit(int resource, rlim_t value) {
  const rlimit wanted{value, value};
  if (::setrlimit(static_cast<__rlimit_resource>(resource), &wanted) != 0) ::_exit(1);
}

[[noreturn]] void be_the_child(int out, std::string_view bytes) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (!is_address_sanitized) limit(RLIMIT_AS, photo_memory_bytes_max);
  limit(RLIMIT_CPU, photo_seconds_max);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, 0);
  if (!is_address_sanitized) limit(RLIMIT_NOFILE, 0);  // what is open stays, nothing more is opened
  limit(RLIMIT_NPROC, 0);
  if (confine::hold_to_computing().has_error()) ::_exit(1);
  std::string answer;
  try {
    answer = look(bytes);
  } catch (const std::exception&) {  // no memory, say
    ::_exit(1);
  }
  std::string_view left = answer;
  while (!left.empty()) {
    const ssize_t n = ::write(out, left.data(), left.size());
    if (n < 0 && errno != EINTR) ::_exit(1);
    if (n > 0) left.remove_prefix(static_cast<std::size_t>(n));
  }
  ::_exit(0);
}

// All that the child says until it closes; false when it takes too long.
bool listen_to(int in, std::string& answer) {
  const SteadyTime end = steady_now() + std::chrono::seconds(photo_seconds_max);
  char buffer[1024];
  while (answer.size() <= photo_text_bytes_max) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - steady_now());
    pollfd waited{in, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&waited, 1, static_cast<int>(left.count())) == 0) return false;
    const ssize_t n = ::read(in, buffer, sizeof buffer);
    if (n == 0) break;
    if (n > 0) answer.append(buffer, static_cast<std::size_t>(n));
  }
  return true;
}

Result<std::string> understand(const std::string& answer) {
  if (answer.empty())
    return Failure(Errc::corrupt,
                   "the picture could not be read: it needs too much, or is hostile");
  const std::string text = answer.substr(1);
  switch (static_cast<Verdict>(answer.front())) {
    case Verdict::found:
      return text;
    case Verdict::nothing:
      return Failure(Errc::not_found,
                     "no QR code was found: take the photo from nearer, straight, without shadow");
    case Verdict::too_large:
      return Failure(Errc::full, text);
    case Verdict::no_picture:
      break;
  }
  return Failure(Errc::invalid_argument, text);
}

}  // namespace

Result<std::string> read_photo(std::string_view bytes) {
  if (bytes.size() > photo_bytes_max) return Failure(Errc::full, "the file is too large");
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_failure(errno, "making a pipe");
  const pid_t child = ::fork();
  if (child < 0) {
    const Failure failure = errno_failure(errno, "starting a process");
    ::close(ends[0]);
    ::close(ends[1]);
    return failure;
  }
  if (child == 0) be_the_child(ends[1], bytes);
  ::close(ends[1]);
  std::string answer;
  const bool in_time = listen_to(ends[0], answer);
  ::close(ends[0]);
  ::kill(child, SIGKILL);  // it has said all, or takes too long
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!in_time) return Failure(Errc::timed_out, "the picture took too long to read");
  return understand(answer);
}

}  // namespace alarmwire::qr
