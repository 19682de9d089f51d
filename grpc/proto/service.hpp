// The generated gRPC service of link.proto. Only the drivers in grpc/client and grpc/server, and
// only their .cpp files, include this.
#pragma once

#include "grpc/proto/frames.hpp"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Woverloaded-virtual"
#include "grpc/proto/link.grpc.pb.h"
#pragma GCC diagnostic pop
