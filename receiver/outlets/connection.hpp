// One SMTP connection, ready to take commands: libcurl connects, reads the greeting, says EHLO,
// secures it (STARTTLS, SMTPS) and logs in; from then on we speak over it ourselves, since libcurl
// sends one command at a time and every alarm would wait for two round trips more.
//
// Everything said and heard goes to a Dialogue. Errors: Errc::timed_out after `until`, Errc::closed
// when given up, Errc::io else; after any of them drop() is due. Blocks; one thread at a time.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "common/clock.hpp"
#include "common/error.hpp"
#include "receiver/outlets/dialogue.hpp"
#include "receiver/outlets/outlet_config.hpp"

namespace alarmwire::outlets {

class Connection {
 public:
  // `give_up_at`: a steady time after which nothing is waited for; may change at any moment.
  Connection(const SmtpConfig& config, const std::atomic<SteadyTime::rep>& give_up_at);
  ~Connection();  // says QUIT, does not wait for the answer
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool is_open() const { return easy_ != nullptr; }
  bool has_pipelining() const { return pipelining_; }
  Status open(Dialogue& dialogue, SteadyTime until);
  // Closes without a word: inside a mail, QUIT would be text of it.
  void drop();

  // Fails when the far side speaks meanwhile: it has something against what it is being sent.
  Status send(std::string_view bytes, Dialogue& dialogue, SteadyTime until);
  // Until every command passed on to `dialogue` is answered.
  Status hear(Dialogue& dialogue, SteadyTime until);

 private:
  struct CloseCurl {
    void operator()(void* easy) const;
  };
  struct Overheard;

  void set_options(SteadyTime until);
  Status wait(short events, SteadyTime until) const;
  Result<bool> read_some(Dialogue& dialogue);
  Failure failure(int curl_code) const;
  int socket() const;

  const SmtpConfig& config_;
  const std::atomic<SteadyTime::rep>& give_up_at_;
  std::unique_ptr<void, CloseCurl> easy_;
  std::array<char, 256> error_{};  // CURL_ERROR_SIZE
  std::string line_;               // of a reply, not all there yet
  bool pipelining_ = false;
};

}  // namespace alarmwire::outlets
