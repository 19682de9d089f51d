// The list of system calls (seccomp(2), by libseccomp). Private to confine.
// Thread-safety: the calling thread, and all it will make.
#pragma once

#include "common/confine.hpp"

namespace alarmwire::confine {

#ifndef __has_feature
#define __has_feature(feature) 0
#endif
// The leak check at the end of a run stops all threads by a traced copy of the process: such builds
// refuse less.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool is_instrumented = true;
#else
inline constexpr bool is_instrumented = false;
#endif

// How the crash note of a call that ended the process begins; the call's name follows.
inline constexpr const char* intruder_words = "ended itself: tried a system call it never makes: ";

// no_new_privs must be set. Errc::unsupported: this kernel has no filters.
Status restrict_calls(const Policy& policy);

}  // namespace alarmwire::confine
