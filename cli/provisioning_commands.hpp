// Commands about tickets and the boxes they enrol: at the centre `ticket …`, `box …`; at
// the box `enrol`. A ticket is a secret: it is read from a file, a photo or stdin, never from the
// command line, and shown once, when it is made.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/context.hpp"
#include "provisioning/ticket.hpp"

namespace alarmwire::cli {

struct TicketWish {
  std::string site;
  std::string name;
  std::string expires;  // "7d"; "": as the centre is configured
  std::string approve;  // "auto", "manual"; "": as configured
  std::vector<std::string> endpoints;
  std::string png_file;
  std::string label_file;  // a page of labels, PDF
  int label_place = 1;     // on the page, 1 to 8
  bool replaces = false;   // for the place of the box that the site has
};

// The request that asks the centre for it; Errc::invalid_argument where a word is not understood.
Result<boost::json::object> ticket_request(const TicketWish& wish);
// Asks, and says for the journal who does.
Result<boost::json::value> ask_as_user(const Context& context, boost::json::object request);
// A ticket's text as files have it.
Result<provisioning::Ticket> parse_ticket_file(std::string_view bytes);

int create_ticket(const Context& context, const TicketWish& wish);
int list_tickets(const Context& context);
int show_ticket(const Context& context, std::int64_t number);
int revoke_ticket(const Context& context, std::int64_t number);

int list_boxes(const Context& context);  // also who waits for approval
int show_box(const Context& context, const std::string& id);
// What `verb` (approve, rotate, revoke) does to a box.
int change_box(const Context& context, const std::string& verb, const std::string& id);
int rename_box(const Context& context, const std::string& id, const std::string& name);

struct EnrolWish {
  std::string ticket_file;  // "-" or "": stdin
  std::string photo_file;   // instead of it
  bool anew = false;
};
// Each state as it comes; ends when alarms reach the centre, or with the reason why not.
int enrol(const Context& context, const EnrolWish& wish);

}  // namespace alarmwire::cli
