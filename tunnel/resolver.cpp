#include "tunnel/resolver.hpp"

#include <netdb.h>
#include <netinet/in.h>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstring>
#include <mutex>
#include <thread>

namespace alarmwire::tunnel {
namespace {

Endpoint endpoint_from(const addrinfo& info, std::uint16_t port) {
  Endpoint endpoint;
  endpoint.port = port;
  endpoint.is_v6 = info.ai_family == AF_INET6;
  if (endpoint.is_v6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(info.ai_addr);
    std::memcpy(endpoint.bytes.data(), &v6->sin6_addr, 16);
  } else {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(info.ai_addr);
    std::memcpy(endpoint.bytes.data(), &v4->sin_addr, 4);
  }
  return endpoint;
}

Result<std::vector<Endpoint>> look_up(const EndpointName& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(name.host.c_str(), nullptr, &hints, &list);
  if (error != 0) return Failure(Errc::io, name.host + ": " + ::gai_strerror(error));
  std::vector<Endpoint> found;
  for (const addrinfo* info = list; info != nullptr; info = info->ai_next) {
    if (info->ai_family == AF_INET || info->ai_family == AF_INET6) {
      found.push_back(endpoint_from(*info, name.port));
    }
  }
  ::freeaddrinfo(list);
  return found;
}

}  // namespace

// Outlives the Resolver as long as a look-up hangs; `context` is gone then.
struct Resolver::Core {
  std::mutex mutex;
  boost::asio::io_context* context = nullptr;
  std::size_t running = 0;
};

namespace {

// One question: answered once, by the thread or by the deadline, always on the loop's thread.
struct Question {
  Question(boost::asio::io_context& context, Resolver::Answer a)
      : timer(context), answer(std::move(a)) {}
  void finish(Result<std::vector<Endpoint>> result) {
    if (!answer) return;
    const Resolver::Answer give = std::exchange(answer, nullptr);
    timer.cancel();
    give(std::move(result));
  }
  boost::asio::steady_timer timer;
  Resolver::Answer answer;
};

}  // namespace

Resolver::Resolver(boost::asio::io_context& context) : core_(std::make_shared<Core>()) {
  core_->context = &context;
}

Resolver::~Resolver() {
  const std::lock_guard lock(core_->mutex);
  core_->context = nullptr;
}

void Resolver::resolve(const EndpointName& name, Answer answer) {
  const std::lock_guard lock(core_->mutex);
  auto question = std::make_shared<Question>(*core_->context, std::move(answer));
  if (core_->running == running_max) {
    boost::asio::post(*core_->context, [question, host = name.host] {
      question->finish(Failure(Errc::busy, host + ": earlier questions still hang"));
    });
    return;
  }
  ++core_->running;
  question->timer.expires_after(deadline);
  question->timer.async_wait([question, host = name.host](const boost::system::error_code& error) {
    if (!error) question->finish(Failure(Errc::timed_out, host + ": no answer in time"));
  });
  // The thread must not be the last owner of a timer whose io_context is gone: it holds a weak one.
  std::thread([core = core_, name, weak = std::weak_ptr<Question>(question)] {
    Result<std::vector<Endpoint>> result = look_up(name);
    const std::lock_guard held(core->mutex);
    --core->running;
    if (core->context == nullptr) return;
    boost::asio::post(*core->context, [weak, result = std::move(result)] {
      if (const auto asked = weak.lock()) asked->finish(result);
    });
  }).detach();
}

}  // namespace alarmwire::tunnel
