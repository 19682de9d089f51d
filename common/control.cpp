#include "common/control.hpp"
