// The page of this box: what it shows of the daemon, and what it may ask of it. A page that cannot
// listen costs no alarm: the box goes on without it.
// Thread-safety: the io_context's one thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "edge/daemon/enroller.hpp"
#include "edge/daemon/photo_desk.hpp"
#include "edge/status/box_status.hpp"
#include "edge/status/page/config.hpp"
#include "edge/status/page/page_server.hpp"

namespace alarmwire::edge {

// Made before the box gives up what it takes to make them; -1: there is none.
struct PageSockets {
  int listening = -1;
  int photo_desk = -1;
};
int open_page_socket(const page::Config& config);  // -1 and a log entry where it cannot be had

class BoxPage {
 public:
  // `enroller`: null on a box whose centre stands in its configuration.
  BoxPage(boost::asio::io_context& context, const page::Config& config, const std::string& hostname,
          PageSockets sockets, std::function<status::BoxFigures()> figures, Enroller* enroller);

 private:
  page::BoxState state() const;
  page::BoxState::Standing standing() const;
  Status enrol(const std::string& ticket);

  const std::function<status::BoxFigures()> figures_;
  Enroller* const enroller_;
  PhotoDesk photo_desk_;
  std::unique_ptr<page::PageServer> server_;
};

}  // namespace alarmwire::edge
