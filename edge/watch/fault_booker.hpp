// Books the box's faults in the spool's fault lane.
// Thread-safety: as the spool; the answer comes on the spool's thread.
#pragma once

#include "common/fault_desk.hpp"
#include "edge/spool/spool.hpp"

namespace alarmwire::watch {

// `spool` must outlive the desk's close().
FaultDesk::Booker spool_booker(spool::Spool& spool);

}  // namespace alarmwire::watch
