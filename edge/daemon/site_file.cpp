#include "edge/daemon/site_file.hpp"

#include <algorithm>
#include <utility>

#include "common/files.hpp"
#include "edge/daemon/messages.hpp"

namespace alarmwire::edge {
namespace {

void leave_out(const std::string& device, const std::string& reason) {
  log::write(EDGE_SITE_DEVICE_LEFT_OUT, {{"device", device}, {"reason", reason}});
}

bool has_name(const Devices& devices, const std::string& name) {
  return std::any_of(devices.entries().begin(), devices.entries().end(),
                     [&](const smtp::DeviceEntry& entry) { return entry.name == name; });
}

}  // namespace

Status keep_site(const std::string& state_directory, provisioning::SiteDocument document) {
  document.ticket.reset();
  const Result<std::string> text = provisioning::format_site_document(
      document, "Taken from the stick that enrolled this box. edge.toml counts more.");
  if (!text) return text.error();
  return write_file_atomically(state_directory + "/" + site_file_name, *text);
}

std::shared_ptr<const Devices> with_site_devices(std::shared_ptr<const Devices> configured,
                                                 const std::string& state_directory) {
  const std::string path = state_directory + "/" + site_file_name;
  const Result<std::string> text = read_file(path, provisioning::site_document_bytes_max);
  if (!text && text.error().is(Errc::not_found)) return configured;
  const auto site =
      text ? provisioning::parse_site_document(*text, path, provisioning::TicketIs::unwanted)
           : Result<provisioning::SiteDocument>(text.error());
  if (!site) {
    leave_out("", site.error().diagnostics);
    return configured;
  }
  auto all = std::make_shared<Devices>(*configured);
  for (const provisioning::SiteDevice& device : site->devices) {
    if (has_name(*configured, device.name)) {
      leave_out(device.name, "edge.toml has a device of this name");
    } else if (all->entries().size() >= devices_max) {
      leave_out(device.name, "there are too many devices");
    } else if (const Status added = all->add({device.name, device.address, device.mac, "", {}});
               !added) {
      leave_out(device.name, added.error().diagnostics);
    }
  }
  return all;
}

}  // namespace alarmwire::edge
