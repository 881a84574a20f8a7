/* The system's clocks and the fake one of the tests. clock_gettime cannot fail for these two clocks. */
#include "clock.h"
#include <time.h>

static int64_t read_clock(clockid_t id) {
  struct timespec now = {0, 0};
  clock_gettime(id, &now);
  return (int64_t)now.tv_sec * LPOD_NS_PER_S + now.tv_nsec;
}

static int64_t system_monotonic(const lpod_clock *clock) {
  (void)clock;
  return read_clock(CLOCK_MONOTONIC);
}

static int64_t system_wall(const lpod_clock *clock) {
  (void)clock;
  return read_clock(CLOCK_REALTIME);
}

const lpod_clock lpod_system_clock = {system_monotonic, system_wall};

static int64_t fake_monotonic(const lpod_clock *clock) {
  return ((const lpod_fake_clock *)(const void *)clock)->monotonic_ns;
}

static int64_t fake_wall(const lpod_clock *clock) { return ((const lpod_fake_clock *)(const void *)clock)->wall_ns; }

/* The monotonic side starts at one second, so that 0 stays free to mean "never". */
void lpod_fake_clock_init(lpod_fake_clock *fake, int64_t wall_ns) {
  *fake = (lpod_fake_clock){{fake_monotonic, fake_wall}, LPOD_NS_PER_S, wall_ns};
}

void lpod_fake_clock_advance(lpod_fake_clock *fake, int64_t ns) {
  fake->monotonic_ns += ns;
  fake->wall_ns += ns;
}
