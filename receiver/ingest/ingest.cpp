#include "receiver/ingest/ingest.hpp"

#include <boost/asio/post.hpp>
#include <utility>

#include "receiver/ingest/hub.hpp"

namespace alarmwire::ingest {
namespace {

constexpr std::chrono::milliseconds server_grace{200};

link::ReceiptStage stage_of(ledger::Stage stage) {
  switch (stage) {
    case ledger::Stage::handed_over:
      return link::ReceiptStage::handed_over;
    case ledger::Stage::displayed:
      return link::ReceiptStage::displayed;
    case ledger::Stage::confirmed:
      return link::ReceiptStage::confirmed;
    case ledger::Stage::refused:
      break;
  }
  return link::ReceiptStage::refused;
}

}  // namespace

Ingest::Ingest(boost::asio::io_context& context, Config config, ledger::Ledger& ledger,
               BoxOf box_of, Observer& observer)
    : hub_(std::make_shared<Hub>(context, std::move(config), ledger, std::move(box_of), observer)) {
  boost::asio::post(context, [hub = hub_] { hub->start(); });
}

Ingest::~Ingest() {
  stop();
}

Status Ingest::listen(const link::LinkServerConfig& server) {
  auto opened = [hub = hub_](const std::string& peer_address, std::uint64_t,
                             std::shared_ptr<link::LinkStream> stream) {
    return hub->on_open(peer_address, std::move(stream));
  };
  Result<std::unique_ptr<link::LinkServer>> started =
      link::LinkServer::start(server, std::move(opened));
  if (started.has_error()) return started.error();
  server_ = std::move(*started);
  log::write(INGEST_LISTENING);
  return {};
}

std::shared_ptr<link::StreamHandler> Ingest::on_open(const std::string& peer_address, std::uint64_t,
                                                     std::shared_ptr<link::LinkStream> stream) {
  return hub_->on_open(peer_address, std::move(stream));
}

void Ingest::receipt(const BoxId& box, const AlarmId& id, const ledger::StageMark& mark) {
  auto send = [hub = hub_, box,
               receipt = link::Receipt{id, stage_of(mark.stage), mark.time_us, mark.outlet,
                                       mark.text}] { hub->receipt(box, receipt); };
  boost::asio::post(hub_->context(), std::move(send));
}

void Ingest::order_key(const BoxId& box, const std::string& order) {
  boost::asio::post(hub_->context(), [hub = hub_, box, order] { hub->order_key(box, order); });
}

void Ingest::key_taken(const BoxId& box, const std::string& order) {
  boost::asio::post(hub_->context(), [hub = hub_, box, order] { hub->key_taken(box, order); });
}

void Ingest::disconnect(const std::string& peer_address, const std::string& reason) {
  boost::asio::post(hub_->context(),
                    [hub = hub_, peer_address, reason] { hub->disconnect(peer_address, reason); });
}

std::vector<BoxStatus> Ingest::status() const {
  return hub_->status();
}

std::optional<BoxStatus> Ingest::status(const BoxId& box) const {
  return hub_->status(box);
}

void Ingest::drain(std::chrono::milliseconds retry_after, const std::string& reason,
                   std::function<void()> done) {
  auto begin = [hub = hub_, retry_after, reason, done = std::move(done)] {
    hub->drain(retry_after, reason, done);
  };
  boost::asio::post(hub_->context(), std::move(begin));
}

void Ingest::stop() {
  hub_->stop();
  if (server_) server_->stop(server_grace);
  server_.reset();
}

}  // namespace alarmwire::ingest
