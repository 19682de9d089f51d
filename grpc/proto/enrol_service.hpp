// The generated gRPC service of enrol.proto. Only the drivers in grpc/client and grpc/server, and
// only their .cpp files, include this.
#pragma once

#include "grpc/proto/enrol.hpp"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Woverloaded-virtual"
#include "grpc/proto/enrol.grpc.pb.h"
#pragma GCC diagnostic pop
