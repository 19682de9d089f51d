#include "tunnel/network.hpp"

#include "tunnel/config.hpp"
#include "tunnel/netlink.hpp"

namespace alarmwire::tunnel {

Status block_outside(const Prefix& prefix) {
  netlink::Route route;
  route.destination = prefix.base();
  route.bits = Prefix::bits;
  route.metric = netlink::unreachable_route_metric;
  return netlink::add_route(route);
}

Result<unsigned> bring_up(const NetworkPlan& plan) {
  if (Status s = block_outside(plan.prefix); !s) return s.error();
  const Result<std::optional<netlink::Link>> link = netlink::find_link(plan.interface);
  if (!link) return link.error();
  if (!*link) return Failure(Errc::not_found, "interface " + plan.interface + " is gone");
  const unsigned index = (*link)->index;
  if (!(*link)->is_up || (*link)->mtu != plan.mtu) {
    if (Status s = netlink::set_link_up(index, plan.mtu); !s) return s.error();
  }
  if (Status s = netlink::set_address(index, plan.prefix, plan.own_address); !s) return s.error();
  netlink::Route route;
  route.link_index = index;
  route.source = plan.own_address;
  route.advertised_mss = plan.mtu - tcp_headers_bytes;
  route.destination = plan.centre_address.value_or(plan.prefix.base());
  route.bits = plan.centre_address ? 128 : Prefix::bits;
  if (Status s = netlink::add_route(route); !s) return s.error();
  return index;
}

}  // namespace alarmwire::tunnel
