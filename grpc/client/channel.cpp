#include "grpc/client/channel.hpp"

#include <grpcpp/grpcpp.h>

namespace alarmwire::link {

std::shared_ptr<grpc::Channel> make_channel(const std::string& address, std::uint16_t port,
                                            std::chrono::milliseconds connect_timeout,
                                            std::size_t message_bytes_max) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 5000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 3000);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, static_cast<int>(connect_timeout.count()));
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5000);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(static_cast<int>(message_bytes_max));
  const bool is_v6 = address.find(':') != std::string::npos;
  const std::string target = is_v6 ? "ipv6:[" + address + "]:" : "ipv4:" + address + ":";
  return grpc::CreateCustomChannel(target + std::to_string(port),
                                   grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace alarmwire::link
