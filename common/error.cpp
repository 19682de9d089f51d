#include "common/error.hpp"

#include <boost/system/system_category.hpp>
#include <stdexcept>

namespace alarmwire {
namespace {

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "alarmwire"; }
  std::string message(int value) const override {
    switch (static_cast<Errc>(value)) {
      case Errc::invalid_argument:
        return "invalid";
      case Errc::not_found:
        return "not found";
      case Errc::exists:
        return "exists already";
      case Errc::full:
        return "full";
      case Errc::busy:
        return "busy";
      case Errc::closed:
        return "closed";
      case Errc::timed_out:
        return "timed out";
      case Errc::denied:
        return "denied";
      case Errc::unsupported:
        return "unsupported";
      case Errc::corrupt:
        return "damaged";
      case Errc::conflict:
        return "conflict";
      case Errc::io:
        return "input/output error";
    }
    return "unknown";
  }
};

}  // namespace

const boost::system::error_category& alarmwire_category() noexcept {
  static const Category category;
  return category;
}

boost::system::error_code make_error_code(Errc code) noexcept {
  return {static_cast<int>(code), alarmwire_category()};
}

Failure errno_failure(int error_number, const std::string& doing) {
  const boost::system::error_code code(error_number, boost::system::system_category());
  return {code, doing + ": " + code.message()};
}

void throw_exception_from_error(const Failure& failure, const boost::source_location&) {
  throw std::runtime_error(failure.diagnostics.empty() ? failure.code.message()
                                                       : failure.diagnostics);
}

}  // namespace alarmwire
