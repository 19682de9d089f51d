#include "provisioning/rules.hpp"

#include <algorithm>
#include <array>

namespace alarmwire::provisioning {
namespace {

constexpr std::array<std::string_view, 2> approvals{"auto", "manual"};
constexpr std::array<std::string_view, 4> ticket_states{"issued", "used", "expired", "revoked"};
constexpr std::array<std::string_view, 3> box_states{"pending", "approved", "revoked"};
constexpr std::array<std::string_view, 6> reasons{"none",    "unknown", "used",
                                                  "expired", "revoked", "key-taken"};

template <typename Enum, std::size_t count>
std::optional<Enum> from_text(const std::array<std::string_view, count>& words,
                              std::string_view text) {
  const auto* const found = std::find(words.begin(), words.end(), text);
  if (found == words.end()) return std::nullopt;
  return static_cast<Enum>(found - words.begin());
}

Verdict judge_again(const TicketRow& ticket, const std::optional<BoxRow>& box,
                    const tunnel::PublicKey& key) {
  constexpr Verdict gone{Outcome::refused, Reason::revoked};
  if (!box || box->state == BoxState::revoked) return gone;
  if (box->successor && box->successor->ticket == ticket.number)
    return {box->successor->let_in ? Outcome::enrolled : Outcome::waiting, Reason::none};
  if (box->public_key != key) return gone;
  return {box->state == BoxState::pending ? Outcome::waiting : Outcome::enrolled, Reason::none};
}

}  // namespace

std::string_view to_string(Approval approval) {
  return approvals.at(static_cast<std::size_t>(approval));
}
std::string_view to_string(TicketState state) {
  return ticket_states.at(static_cast<std::size_t>(state));
}
std::string_view to_string(BoxState state) {
  return box_states.at(static_cast<std::size_t>(state));
}
std::string_view to_string(Reason reason) {
  return reasons.at(static_cast<std::size_t>(reason));
}
std::optional<Approval> approval_from(std::string_view text) {
  return from_text<Approval>(approvals, text);
}
std::optional<BoxState> box_state_from(std::string_view text) {
  return from_text<BoxState>(box_states, text);
}

TicketState TicketRow::state(WallTimeUs now) const {
  if (revoked_us != 0) return TicketState::revoked;
  if (used_us != 0) return TicketState::used;
  return expires_us <= now ? TicketState::expired : TicketState::issued;
}

Verdict judge(const std::optional<TicketRow>& ticket, const std::optional<BoxRow>& box,
              bool key_known, const tunnel::PublicKey& key, WallTimeUs now) {
  if (!ticket) return {Outcome::refused, Reason::unknown};
  // Asked again by the box it belongs to: the answer is the same for as long as the box is ours,
  // whatever became of the ticket since.
  if (ticket->used_by == key) return judge_again(*ticket, box, key);
  switch (ticket->state(now)) {
    case TicketState::revoked:
      return {Outcome::refused, Reason::revoked};
    case TicketState::used:
      return {Outcome::refused, Reason::used};
    case TicketState::expired:
      return {Outcome::refused, Reason::expired};
    case TicketState::issued:
      break;
  }
  if (key_known) return {Outcome::refused, Reason::key_taken};
  // Another ticket of the site was quicker.
  const bool may_replace = ticket->replaces && (!box || !box->successor);
  if (box && box->state != BoxState::revoked && !may_replace)
    return {Outcome::refused, Reason::used};
  return {Outcome::use, Reason::none};
}

}  // namespace alarmwire::provisioning
