// The centre's office for boxes: keeps the book of tickets (provisioning/registry), answers boxes
// that want to be enrolled, and the commands about tickets and boxes on the control socket.
//
// Promises: a box hears "enrolled" only when the book has it on disk and the tunnel lets it in. The
// book is used on a thread of its own, never on the one that carries alarms.
// Thread-safety: the context's one thread; the callbacks of BoxOfficeEvents come there.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/control.hpp"
#include "grpc/server/enrol_server.hpp"
#include "provisioning/registry.hpp"
#include "receiver/ingest/ingest.hpp"
#include "tunnel/address.hpp"

namespace alarmwire::receiver {

struct ProvisioningConfig {
  std::vector<tunnel::EndpointName> endpoints;  // where boxes find this centre from outside
  provisioning::Approval approval = provisioning::Approval::automatic;
  std::chrono::seconds ticket_expires{};
};

inline constexpr std::chrono::hours ticket_expires_default{24 * 7};
inline constexpr std::chrono::hours ticket_expires_max{24 * 365};
inline constexpr std::chrono::milliseconds ask_again_after{2000};  // told to who waits for approval
inline constexpr std::size_t journal_lines_max = 1000;             // of one answer
inline constexpr std::size_t who_bytes_max = 80;

struct BoxOfficeEvents {
  // The approved boxes, whole, after each change.
  std::function<void(std::vector<provisioning::BoxRow>)> on_boxes;
  // Who may come through the tunnel; `done` when that is so.
  std::function<void(boost::json::array, std::function<void(const Status&)> done)> on_peers;
  // A used ticket was shown by another box.
  std::function<void(const std::string& ticket, const std::string& reason)> on_reuse;
  // The new key of a box is let in beside the old one.
  std::function<void(const BoxId& box, const std::string& order)> on_key_taken;
  std::function<void(const BoxId& box)> on_place_taken;
  // A box's change of key is over.
  std::function<void(const BoxId& box, bool changed)> on_key_change_over;
  // Would this id fit among the boxes that are configured? "" or why not.
  std::function<std::string(const BoxId& id)> why_not;
};

class BoxOffice {
 public:
  BoxOffice(boost::asio::io_context& context, std::string path, tunnel::Prefix prefix,
            BoxOfficeEvents events);
  ~BoxOffice();

  Status open();  // blocks; the boxes are told soon after
  void configure(ProvisioningConfig config) { config_ = std::move(config); }
  void install(control::Server& server);
  // The centre's own key, as alarmwire-tunnel says it. Without it no ticket is made.
  void know_centre(const tunnel::PublicKey& key);
  Status listen(int listen_fd);  // a new one takes the place of an old one
  // What a box says of an order to change its key.
  void key_news(const BoxId& box, const link::KeyNews& news);
  // A box's stream came up with the key of one that takes its place.
  void take_place(const BoxId& box, const tunnel::PublicKey& key);
  void hourly();  // tickets that are long over leave the tunnel
  void stop();    // no more calls; waits for the book

 private:
  using Request = boost::json::object;
  using Reply = std::shared_ptr<control::Responder>;
  using Json = Result<boost::json::value>;
  // On the book's thread.
  using Work = std::function<Json(const Request& request, const std::string& who)>;
  void handle(control::Server& server, std::string_view command, bool changes, Work work);
  void create_ticket(const Request& request, const Reply& reply);
  Json show_ticket(const Request& request);
  Json show_box(const Request& request);
  Json journal(const Request& request);
  Json check_journal();
  Json list_tickets();
  Json list_boxes();

  void enrol(const std::string& peer_address, const link::v1::EnrolRequest& request,
             const tunnel::PublicKey& centre, const link::EnrolServer::Answer& answer);
  void refused(const provisioning::Enrolled& enrolled, const tunnel::PublicKey& key);
  void take_news(const BoxId& box, const link::KeyNews& news, const tunnel::PublicKey& centre);
  // On the book's thread; `then` on ours, when boxes and tunnel know.
  void publish(std::function<void(const Status&)> then);
  boost::json::object describe(const provisioning::TicketRow& ticket) const;
  boost::json::object describe(const provisioning::BoxRow& box) const;

  boost::asio::io_context& context_;
  const std::string path_;
  const tunnel::Prefix prefix_;
  const BoxOfficeEvents events_;
  ProvisioningConfig config_;
  std::optional<tunnel::PublicKey> centre_;
  std::optional<tunnel::PublicKey> book_centre_;        // the same, on the book's thread
  std::optional<provisioning::Registry> registry_;      // on the book's thread
  std::map<std::string, tunnel::PublicKey> bootstrap_;  // by tunnel address; the book's thread
  boost::asio::thread_pool book_{1};
  std::unique_ptr<link::EnrolServer> server_;
  bool stopped_ = false;
};

}  // namespace alarmwire::receiver
