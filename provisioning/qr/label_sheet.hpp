// Tickets on paper: A4 pages of labels, two beside each other and four below, 105 x 74 mm each (a
// common size of sticky ones), as PDF. A label has the code, whose site it is, until when the
// ticket is good, the ticket's text for the day without a camera, and lines for notes.
// Thread-safety: pure functions. Source: cairo's PDF surface; ISO/IEC 18004 for the code's frame.
#pragma once

#include <string>
#include <vector>

#include "common/error.hpp"

namespace alarmwire::qr {

inline constexpr int labels_a_page = 8;
inline constexpr std::size_t labels_max = 1000;

struct Label {
  std::string site;     // the id its box will have
  std::string name;     // for people; cut off where the label ends
  std::string expires;  // in words
  std::string ticket;   // the text, as in the code
};

// The file's bytes. `first_place`: of the first label, 1 to 8, row by row: a sheet that was begun
// is used up. Errc::invalid_argument: no label, too many, no such place, or no code of the text.
Result<std::string> to_label_sheet(const std::vector<Label>& labels, int first_place = 1);

}  // namespace alarmwire::qr
