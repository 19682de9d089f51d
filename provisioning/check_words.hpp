// Six words that box and centre show alike when, and only when, they mean the same enrolment: a
// person reads them out over the telephone before a box is approved by hand.
//
// Each word is one byte of SHA-256 over "alarmwire words 1", the ticket's bootstrap public key, the
// centre's and the box's public key: 48 bits, for as long as the ticket lives. The list is our own:
// words that German and English share. Thread-safety: pure.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "tunnel/keys.hpp"

namespace alarmwire::provisioning {

inline constexpr std::size_t check_words_count = 6;
extern const std::array<std::string_view, 256>
    check_word_list;  // each once, for ever in this order

// "radar olive tunnel …"
std::string check_words(const tunnel::PublicKey& bootstrap, const tunnel::PublicKey& centre,
                        const tunnel::PublicKey& box);

}  // namespace alarmwire::provisioning
