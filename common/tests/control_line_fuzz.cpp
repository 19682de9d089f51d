// Any bytes on a control socket: the session answers or closes, and ends when the client is gone.
#include <unistd.h>
#include <boost/asio/local/connect_pair.hpp>
#include <cstdint>
#include <cstdlib>

#include "common/control_session.hpp"

namespace {

using namespace alarmwire::control;

class Owner final : public SessionOwner {
 public:
  const Handler* find(std::string_view command) const override {
    return command == "echo" ? &echo_ : nullptr;
  }
  void leave(const std::shared_ptr<Session>&) override { ++left_; }
  int left() const { return left_; }

 private:
  Handler echo_ = [](const boost::json::object& request, const auto& responder) {
    responder->item(request);
    responder->result(request);
  };
  int left_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 64 * 1024) return 0;  // fits the socket's buffer: nobody has to wait
  boost::asio::io_context context;
  const auto owner = std::make_shared<Owner>();
  Session::Socket near(context);
  Session::Socket far(context);
  boost::asio::local::connect_pair(near, far);
  std::make_shared<Session>(context, std::move(near), owner)->start();
  if (::write(far.native_handle(), data, size) < 0) return 0;
  context.poll();
  far.close();
  context.restart();
  context.poll();
  if (owner->left() != 1) std::abort();
  return 0;
}
