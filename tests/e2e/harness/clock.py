"""A daemon whose wall clock is wrong: a library before the C library's own shifts it, and the steady
clock stays (Linux' time namespaces can do neither)."""

import subprocess

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  const int failed = real(clock, now);
  if (!failed && clock == CLOCK_REALTIME) now->tv_sec += SHIFT_S;
  return failed;
}
"""


def shift_wall_clock(program, folder, seconds):
    """From its next start on; the library is made in `folder`."""
    source, library = folder / "shifted_clock.c", folder / "shifted_clock.so"
    source.write_text(SOURCE)
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", f"-DSHIFT_S=({seconds})", "-o", str(library),
                    str(source)], check=True, timeout=60)
    # A sanitized build insists on being loaded first, without need.
    program.environment = {**program.environment, "LD_PRELOAD": str(library),
                           "ASAN_OPTIONS": "verify_asan_link_order=0"}
