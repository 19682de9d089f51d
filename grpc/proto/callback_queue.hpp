// Keeps gRPC's queue for callbacks alive as long as the process.
//
// gRPC 1.51 takes that queue down when the last server or channel goes, while its own threads may
// still be in it: seen under ASan as a double free in grpc_cq_internal_unref. So one user of it is
// made and never released. Thread-safety: any thread, any number of times.
#pragma once

namespace alarmwire::link {

void keep_callback_queue();

}  // namespace alarmwire::link
