#include "provisioning/check_words.hpp"

#include <openssl/sha.h>

namespace alarmwire::provisioning {

// clang-format off
const std::array<std::string_view, 256> check_word_list{
  "album", "alibi", "alpha", "anorak", "asphalt", "atlas", "atom", "auto", "baby", "ballast",
  "band", "basalt", "beta", "bikini", "biotop", "bison", "bravo", "bronze", "buffet", "butter",
  "camping", "canyon", "casino", "cello", "cent", "chaos", "charter", "chef", "chip", "cockpit",
  "code", "cola", "computer", "cousin", "cowboy", "designer", "detail", "diesel", "diplomat",
  "dock", "domino", "drama", "echo", "elixir", "embargo", "euro", "fasan", "fauna", "film",
  "flamingo", "format", "front", "genie", "gold", "gong", "guru", "hammer", "helium", "hobby",
  "hockey", "horn", "hotel", "humus", "husky", "hydrant", "ideal", "import", "index", "jazz",
  "jeep", "jersey", "jet", "joker", "judo", "jury", "karate", "karma", "ketchup", "kilo",
  "kimono", "kiosk", "kiwi", "koala", "kraken", "laser", "lasso", "lava", "leopard", "lift",
  "limit", "linear", "logo", "lotus", "magma", "magnet", "manager", "mandarin", "mango", "mantra",
  "marathon", "marker", "mast", "match", "matrix", "mikado", "minimum", "minus", "mix", "modem",
  "moped", "motor", "motto", "neon", "nest", "neutron", "ninja", "norm", "nougat", "nugget",
  "oboe", "olive", "omega", "onyx", "opal", "orange", "organ", "origami", "panda", "panorama",
  "papaya", "paradox", "park", "party", "pass", "pasta", "pause", "pedal", "person", "pesto",
  "phantom", "phase", "piano", "pilot", "pink", "pizza", "plan", "plankton", "plus", "podium",
  "polar", "pollen", "polo", "pony", "portal", "portrait", "post", "problem", "profit", "proton",
  "pudding", "puma", "quark", "quasar", "quiz", "radar", "radio", "ranch", "region", "reporter",
  "ring", "risotto", "ritual", "robot", "rodeo", "rose", "rosette", "rucksack", "rumba", "saga",
  "salami", "salto", "samba", "samurai", "serum", "service", "sheriff", "slalom", "slogan",
  "snack", "soda", "sonar", "spray", "sprint", "star", "statue", "steppe", "stop", "student",
  "studio", "sultan", "super", "symbol", "system", "talent", "tandem", "tank", "tarot", "taxi",
  "team", "tempo", "tennis", "tenor", "terminal", "text", "theater", "ticket", "tiger", "titan",
  "toast", "tofu", "toga", "torpedo", "torso", "tour", "trainer", "transit", "trend", "trick",
  "trio", "triumph", "troll", "tuba", "tundra", "tunnel", "turbo", "tutor", "ufo", "ultra",
  "union", "veranda", "video", "villa", "vitamin", "wanderer", "wigwam", "wild", "winter", "wolf",
  "yacht", "yak", "yeti", "zebra", "zero", "zombie", "zone", "zoo",
};
// clang-format on

std::string check_words(const tunnel::PublicKey& bootstrap, const tunnel::PublicKey& centre,
                        const tunnel::PublicKey& box) {
  std::string input = "alarmwire words 1";
  for (const tunnel::PublicKey* key : {&bootstrap, &centre, &box})
    input.append(reinterpret_cast<const char*>(key->bytes.data()), key->bytes.size());
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> hash{};
  SHA256(reinterpret_cast<const std::uint8_t*>(input.data()), input.size(), hash.data());
  std::string words;
  for (std::size_t i = 0; i < check_words_count; ++i) {
    if (i > 0) words += ' ';
    words += check_word_list.at(hash.at(i));
  }
  return words;
}

}  // namespace alarmwire::provisioning
