// How the registry's rows stand in its tables; its own business.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/sqlite.hpp"
#include "provisioning/rules.hpp"

namespace alarmwire::provisioning {

inline constexpr std::string_view select_ticket =
    "SELECT number, bootstrap_key, preshared_key, site, name, approval, created_us, created_by, "
    "expires_us, used_us, used_by, revoked_us, refusals, replaces FROM tickets ";
inline constexpr std::string_view select_box =
    "SELECT b.id, b.name, b.public_key, b.state, b.ticket, t.bootstrap_key, b.enrolled_us, "
    "b.approved_us, b.approved_by, b.revoked_us, s.box, s.rotation, s.public_key, s.ticket, "
    "s.let_in, r.bootstrap_key FROM boxes b JOIN tickets t ON t.number = b.ticket "
    "LEFT JOIN successors s ON s.box = b.id LEFT JOIN tickets r ON r.number = s.ticket ";

inline std::string_view view(const tunnel::KeyBytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

tunnel::KeyBytes key_at(const sqlite::Statement& row, int column);
TicketRow ticket_at(const sqlite::Statement& row);  // of select_ticket
BoxRow box_at(const sqlite::Statement& row);        // of select_box

template <typename Row, typename Read>
Result<std::vector<Row>> all(Result<sqlite::Statement> statement, Read read) {
  if (!statement) return statement.error();
  std::vector<Row> rows;
  for (;;) {
    const Result<bool> step = statement->step();
    if (!step) return step.error();
    if (!*step) return rows;
    rows.push_back(read(*statement));
  }
}

inline std::string about_ticket(std::int64_t number) {
  return "ticket " + std::to_string(number);
}

}  // namespace alarmwire::provisioning
