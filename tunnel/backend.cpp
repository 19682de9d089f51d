#include "tunnel/backend.hpp"

#include "tunnel/kernel.hpp"
#include "tunnel/netlink.hpp"
#include "tunnel/userspace.hpp"

namespace alarmwire::tunnel {
namespace {

// An interface of another kind under our name: only what we could have made ourselves goes.
Status clear_for_userspace(const std::string& interface) {
  const Result<std::optional<netlink::Link>> link = netlink::find_link(interface);
  if (!link) return link.error();
  if (!*link || (*link)->kind == "tun") return {};
  if ((*link)->kind == "wireguard") return netlink::delete_link(interface);
  return Failure(Errc::exists, interface + " exists and is no tunnel of ours");
}

Result<std::unique_ptr<TunnelDevice>> create(std::unique_ptr<TunnelDevice> device) {
  if (Status s = device->create(); !s) return s.error();
  return device;
}

}  // namespace

Result<std::unique_ptr<TunnelDevice>> first_that_works(std::unique_ptr<TunnelDevice> first,
                                                       std::unique_ptr<TunnelDevice> second) {
  const Status created = first->create();
  if (created) return first;
  if (!created.error().is(Errc::unsupported)) return created.error();
  return create(std::move(second));
}

Result<std::unique_ptr<TunnelDevice>> open_device(Backend wanted, const std::string& interface) {
  auto kernel = std::make_unique<KernelDevice>(interface);
  auto userspace = std::make_unique<UserspaceDevice>(interface);
  if (wanted == Backend::kernel) return create(std::move(kernel));
  if (wanted == Backend::automatic) {
    return first_that_works(std::move(kernel), std::move(userspace));
  }
  if (Status s = clear_for_userspace(interface); !s) return s.error();
  return create(std::move(userspace));
}

}  // namespace alarmwire::tunnel
