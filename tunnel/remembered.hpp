// The endpoints remembered over a restart: one small JSON file in the state directory.
// {"schema": 1, "endpoints": {"<public key>": "host:port", …}}. Thread-safety: none needed.
#pragma once

#include <map>
#include <string>

#include "common/error.hpp"
#include "tunnel/address.hpp"

namespace alarmwire::tunnel {

using Endpoints = std::map<PublicKey, Endpoint>;

std::string format_endpoints(const Endpoints& endpoints);
Result<Endpoints> parse_endpoints(std::string_view text);        // Errc::corrupt
Result<Endpoints> load_endpoints(const std::string& directory);  // absent: empty
Status save_endpoints(const std::string& directory, const Endpoints& endpoints);

}  // namespace alarmwire::tunnel
