#include "common/daemon.hpp"
