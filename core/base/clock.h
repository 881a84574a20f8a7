/* Time behind one interface, so that tests put their own in its place. Deadlines use monotonic time alone;
 * wall time is for what people and servers read (X60). Nanoseconds. */
#ifndef LPOD_BASE_CLOCK_H
#define LPOD_BASE_CLOCK_H

#include <stdint.h>

#define LPOD_NS_PER_S INT64_C(1000000000)
#define LPOD_NS_PER_MS INT64_C(1000000)

typedef struct lpod_clock {
  int64_t (*monotonic)(const struct lpod_clock *clock);
  int64_t (*wall)(const struct lpod_clock *clock);
} lpod_clock;

/* The system's clocks. */
extern const lpod_clock lpod_system_clock;

/* A clock that stands still until it is told otherwise; embed or cast: the first member is the interface. */
typedef struct lpod_fake_clock {
  lpod_clock clock;
  int64_t monotonic_ns, wall_ns;
} lpod_fake_clock;
void lpod_fake_clock_init(lpod_fake_clock *fake, int64_t wall_ns);
void lpod_fake_clock_advance(lpod_fake_clock *fake, int64_t ns); /* both */

#endif
