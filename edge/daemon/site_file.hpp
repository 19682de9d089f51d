// What a stick told this box of its site, kept beside the box's state: site.toml, the stick's
// document without its ticket. The network settings in it are for the image; the devices stand
// behind those of edge.toml, which counts where both know one.
// Thread-safety: one thread.
#pragma once

#include <memory>
#include <string>

#include "common/error.hpp"
#include "edge/daemon/devices.hpp"
#include "provisioning/site_document.hpp"

namespace alarmwire::edge {

inline constexpr const char* site_file_name = "site.toml";

Status keep_site(const std::string& state_directory, provisioning::SiteDocument document);

// The configured devices and the kept ones. What cannot be read or does not fit is logged and left
// out: it must not keep a box from starting.
std::shared_ptr<const Devices> with_site_devices(std::shared_ptr<const Devices> configured,
                                                 const std::string& state_directory);

}  // namespace alarmwire::edge
