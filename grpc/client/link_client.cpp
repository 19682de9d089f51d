#include "grpc/client/link_client.hpp"

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <mutex>
#include <utility>

#include "grpc/client/channel.hpp"
#include "grpc/proto/callback_queue.hpp"
#include "grpc/proto/service.hpp"

namespace alarmwire::link {

namespace {

constexpr int message_bytes_max = 80 * 1024;
constexpr std::size_t frames_unconsumed_max = 64;
constexpr std::chrono::milliseconds finish_wait_max{1000};
constexpr std::chrono::milliseconds first_delay{100};
constexpr std::chrono::milliseconds longest_delay{2000};

// Lets the client wait until the last attempt has ended.
struct Attempts {
  std::mutex mutex;
  std::condition_variable ended;
  std::size_t open = 0;
};

// One attempt: gRPC's reactor, kept alive by itself until OnDone.
class Attempt final : public grpc::ClientBidiReactor<v1::BoxFrame, v1::CentreFrame>,
                      public std::enable_shared_from_this<Attempt> {
 public:
  Attempt(std::uint64_t number, ClientHandler& handler, std::shared_ptr<Attempts> attempts)
      : number_(number), handler_(handler), attempts_(std::move(attempts)) {
    const std::lock_guard lock(attempts_->mutex);
    ++attempts_->open;
  }

  std::uint64_t number() const { return number_; }

  void begin(v1::Link::Stub& stub) {
    self_ = shared_from_this();
    stub.async()->Connect(&context_, this);
    const std::lock_guard lock(mutex_);
    AddHold();  // for writes and reads begun outside of gRPC's calls
    read();
    StartCall();
  }

  void write(const v1::BoxFrame& frame) {
    const std::lock_guard lock(mutex_);
    if (closing_ || writing_) return;
    writing_ = true;
    out_ = frame;
    StartWrite(&out_);
  }

  void consumed() {
    const std::lock_guard lock(mutex_);
    if (unconsumed_ > 0) --unconsumed_;
    read();
  }

  void finish() {
    const std::lock_guard lock(mutex_);
    if (closing_) return;
    closing_ = true;
    if (!writing_) half_close();
    const auto deadline = std::chrono::system_clock::now() + finish_wait_max;
    last_wait_.Set(deadline, [weak = weak_from_this()](bool expired) {
      const auto self = weak.lock();
      if (expired && self != nullptr) self->context_.TryCancel();
    });
  }

  void cancel() {
    context_.TryCancel();
    const std::lock_guard lock(mutex_);
    closing_ = true;
    unconsumed_ = 0;  // a frame being handed on is followed by one more read, which fails
    if (!reading_) release();
  }

  void OnReadDone(bool ok) override {
    {
      const std::lock_guard lock(mutex_);
      if (!ok) {
        reading_ = false;
        closing_ = true;
        release();
        return;
      }
      ++unconsumed_;
    }
    // Still `reading_`: until in_ was handed on, consumed() must not begin the next read into it.
    handler_.on_frame(number_, std::move(in_));
    const std::lock_guard lock(mutex_);
    reading_ = false;
    read();
  }

  void OnWriteDone(bool ok) override {
    {
      const std::lock_guard lock(mutex_);
      writing_ = false;
      if (closing_) {
        half_close();
        return;
      }
    }
    if (ok) handler_.on_write_done(number_);  // else the read fails too
  }

  void OnDone(const grpc::Status& status) override {
    {
      const std::lock_guard lock(mutex_);
      last_wait_.Cancel();
    }
    handler_.on_closed(number_,
                       status.ok() ? "the centre has ended the stream" : status.error_message());
    const auto attempts = attempts_;
    const auto self = std::exchange(self_, nullptr);
    const std::lock_guard lock(attempts->mutex);
    --attempts->open;
    attempts->ended.notify_all();
  }

 private:
  void read() {
    if (reading_ || released_ || unconsumed_ >= frames_unconsumed_max) return;
    reading_ = true;
    in_.Clear();
    StartRead(&in_);
  }

  void half_close() {
    if (half_closed_ || released_) return;
    half_closed_ = true;
    StartWritesDone();
    unconsumed_ = 0;  // reads on to the end; what comes is nobody's any more
    read();
  }

  void release() {
    if (released_) return;
    released_ = true;
    RemoveHold();
  }

  const std::uint64_t number_;
  ClientHandler& handler_;
  std::shared_ptr<Attempts> attempts_;
  std::shared_ptr<Attempt> self_;
  grpc::ClientContext context_;
  std::mutex mutex_;
  v1::BoxFrame out_;
  v1::CentreFrame in_;
  grpc::Alarm last_wait_;
  std::size_t unconsumed_ = 0;
  bool reading_ = false;
  bool writing_ = false;
  bool closing_ = false;
  bool half_closed_ = false;
  bool released_ = false;
};

class Client final : public LinkClient {
 public:
  Client(const LinkClientConfig& config, ClientHandler& handler)
      : config_(config), handler_(handler), attempts_(std::make_shared<Attempts>()) {
    open_channel();
  }

  ~Client() override {
    if (const auto attempt = current(0)) attempt->cancel();
    std::unique_lock lock(attempts_->mutex);
    attempts_->ended.wait(lock, [this] { return attempts_->open == 0; });
  }

  std::uint64_t connect() override {
    if (const auto before = current(0)) before->cancel();
    reset_backoff();
    std::shared_ptr<Attempt> attempt;
    std::shared_ptr<v1::Link::Stub> stub;
    {
      const std::lock_guard lock(mutex_);
      attempt = std::make_shared<Attempt>(++last_number_, handler_, attempts_);
      attempt_ = attempt;
      stub = stub_;
    }
    attempt->begin(*stub);
    return attempt->number();
  }

  void write(std::uint64_t number, const v1::BoxFrame& frame) override {
    if (const auto attempt = current(number)) attempt->write(frame);
  }
  void consumed(std::uint64_t number) override {
    if (const auto attempt = current(number)) attempt->consumed();
  }
  void finish(std::uint64_t number) override {
    if (const auto attempt = current(number)) attempt->finish();
  }
  void cancel(std::uint64_t number) override {
    if (const auto attempt = current(number)) attempt->cancel();
  }
  void reset_backoff() override {
    const std::lock_guard lock(mutex_);
    grpc::experimental::ChannelResetConnectionBackoff(channel_.get());
  }
  void leave_connection() override {
    if (const auto attempt = current(0)) attempt->cancel();
    const std::lock_guard lock(mutex_);
    open_channel();
  }

 private:
  // An attempt keeps the channel that it began on.
  void open_channel() {
    channel_ =
        make_channel(config_.address, config_.port, config_.connect_timeout, message_bytes_max);
    stub_ = v1::Link::NewStub(channel_);
  }

  // The attempt of this number (0: whatever it is), while it is alive.
  std::shared_ptr<Attempt> current(std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    auto attempt = attempt_.lock();
    if (attempt != nullptr && number != 0 && attempt->number() != number) return nullptr;
    return attempt;
  }

  const LinkClientConfig config_;
  ClientHandler& handler_;
  std::shared_ptr<Attempts> attempts_;
  std::shared_ptr<grpc::Channel> channel_;  // behind mutex_, with stub_
  std::shared_ptr<v1::Link::Stub> stub_;
  std::mutex mutex_;
  std::weak_ptr<Attempt> attempt_;
  std::uint64_t last_number_ = 0;
};

}  // namespace

std::unique_ptr<LinkClient> LinkClient::make(const LinkClientConfig& config,
                                             ClientHandler& handler) {
  keep_callback_queue();
  return std::make_unique<Client>(config, handler);
}

std::chrono::milliseconds ReconnectDelay::next() {
  auto delay = first_delay;
  for (unsigned i = 0; i < tries_ && delay < longest_delay; ++i) delay *= 2;
  ++tries_;
  delay = std::min(delay, longest_delay);
  const auto half = delay.count() / 2;
  return std::chrono::milliseconds(
      half + static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(half + 1)));
}

}  // namespace alarmwire::link
