// One connection: moves bytes between a socket and its session, and the session's wishes to the
// intake. Used by listener_asio.cpp only.
//
// The socket is read when it is readable, into a buffer that all connections share; what the
// session does not take yet is kept in `pending_` (at most one buffer full), and the socket is not
// read meanwhile: that is the backpressure. Replies are written at once where the socket takes
// them.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "edge/smtp/device_table.hpp"
#include "edge/smtp/dialogue_book.hpp"
#include "edge/smtp/identity.hpp"
#include "edge/smtp/intake.hpp"
#include "edge/smtp/session.hpp"
#include "edge/smtp/wire.hpp"

namespace alarmwire::smtp {

inline constexpr std::size_t read_buffer_bytes = 64 * 1024;
inline constexpr std::size_t reads_per_turn_max = 16;  // then the other connections have their turn
inline constexpr std::chrono::milliseconds linger_time{2000};     // after our last reply
inline constexpr std::size_t linger_bytes_max = 4 * 1024 * 1024;  // read and thrown away meanwhile

class Connection;

// What the connections of a door share.
struct DoorShared {
  DoorShared(Intake& where, std::shared_ptr<DeviceDirectory> who)
      : intake(where), directory(std::move(who)), read_buffer(read_buffer_bytes) {}
  Intake& intake;
  std::shared_ptr<DeviceDirectory> directory;  // null: nobody is known
  DeviceTable devices;
  DialogueBook dialogues;
  std::vector<char> read_buffer;
  std::uint64_t accepted = 0;
  std::uint64_t lost = 0;
  std::function<void(const std::shared_ptr<Connection>&)> on_closed;
};

// Writes a log entry about a device, within the device's share of the log.
void log_of_device(DoorShared& shared, const Device& device, const log::Event& event,
                   std::string_view listener, std::string_view detail);

// What a listener gives each of its connections.
struct ConnectionPolicy {
  std::shared_ptr<const SessionSettings> settings;
  std::shared_ptr<const TlsContext> tls;  // null: not available
  std::string listener;
  ReplyMode mode = ReplyMode::assured;
  DeviceOptions options;
};

class Connection final : public SessionHost, public std::enable_shared_from_this<Connection> {
 public:
  Connection(boost::asio::ip::tcp::socket socket, std::shared_ptr<DoorShared> shared,
             ConnectionPolicy policy, Device& device);

  void start();
  void on_tick(SteadyTime now);  // time limits
  void stop();                   // 421 now, or behind the open mail
  void abort();                  // 421 and close, whatever is open
  void give_way();               // 421 and close, if no mail is open
  // Of a full door: its device has more sessions than the newcomer would have, and none would lose
  // a mail by this one.
  bool can_give_way_to(const Device& newcomer) const {
    return !session_.has_open_mail() && device_.sessions > newcomer.sessions + 1;
  }
  std::size_t sessions_of_device() const { return device_.sessions; }
  Dialogue dialogue() const;

 private:
  Device& booked() const { return proven_ != nullptr ? *proven_ : device_; }
  void keep_dialogue();
  bool has_room(std::uint64_t size) override;
  bool begin(const Envelope& envelope, std::optional<std::uint64_t> declared_size) override;
  void append(std::string bytes, bool last) override;
  void finish() override;
  void lost(const Envelope& envelope, const std::string& reason) override;
  void remark(const log::Event& event, std::string_view detail) override;
  std::string nonce() override;
  std::chrono::milliseconds auth_delay(bool right) override;
  std::optional<KnownDevice> device_of(const std::string& user) override;

  void appended(std::uint64_t mail);
  void finished(std::uint64_t mail, const Outcome& outcome);
  void book(const Outcome& outcome);

  void shake_hands();
  void tls_failed(const std::string& why);
  void throw_away_clear_text();
  void wait_for(Wire::State what);  // then writing, or the handshake, goes on
  void wait_readable();
  void on_readable();
  bool read_once();  // false: nothing more to do now
  void acknowledge_now();
  void take(std::string_view bytes);
  void resume();
  void flush();
  void after_last_reply();
  void peer_gone(std::string_view how);
  void note_quirks();
  void forget_user();  // what was proven counts no more
  void close();

  Wire wire_;
  std::shared_ptr<const TlsContext> tls_;
  std::shared_ptr<DoorShared> shared_;
  std::string listener_;
  ReplyMode mode_;
  Device& device_;            // of its address: what limits count
  Device* proven_ = nullptr;  // whose user has proven himself: what mails are booked to
  Session session_;
  std::unique_ptr<IncomingMail> incoming_;
  std::uint64_t mail_number_ = 0;  // answers for an earlier mail are not for this one
  std::uint64_t mail_bytes_ = 0;
  std::size_t mail_recipients_ = 0;
  WallTimeUs accepted_us_ = 0;
  std::string pending_;
  std::string outbox_;
  std::size_t lingered_bytes_ = 0;
  SteadyTime closing_since_{};
  const WallTimeUs began_us_ = wall_now_us();
  bool heard_ = false;  // anything at all
  bool reading_ = false;
  bool replied_ = false;  // to what was read last
  bool waiting_ = false;  // for the socket, to write or to go on with the handshake
  bool lingering_ = false;
  bool stopping_ = false;
  bool gone_ = false;
  bool closed_ = false;
};

}  // namespace alarmwire::smtp
