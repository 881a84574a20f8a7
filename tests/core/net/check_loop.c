/* The loop: its descriptor is readable whenever a step has work (design §4), timers in order (heap property, fake
 * clock), tasks, waking from another thread, interruption, re-entry, SIGPIPE, watched signals. */
#include "server.h"

#include "net/heap.h"
#include "net/loop.h"
#include "net/poll.h"

#include <errno.h>
#include <sys/time.h>

static bool readable(const lpod_loop *loop) {
  struct pollfd fd = {lpod_loop_fd(loop), POLLIN, 0};
  return poll(&fd, 1, 0) == 1;
}
static bool becomes_readable(const lpod_loop *loop) {
  struct pollfd fd = {lpod_loop_fd(loop), POLLIN, 0};
  return poll(&fd, 1, 5000) == 1;
}
static void step(lpod_loop *loop) {
  lpod_error err = LPOD_ERROR_INIT;
  ck_assert_msg(!lpod_loop_step(loop, 0, NULL, &err), "%s", err.text);
}

static lpod_fake_clock fake;
static lpod_loop *loop;
static int descriptors;
static void set_up(void) {
  descriptors = count_descriptors();
  lpod_fake_clock_init(&fake, 0);
  loop = lpod_loop_new(&fake.clock, NULL);
  ck_assert(loop != NULL);
}
static void set_up_real(void) {
  descriptors = count_descriptors();
  loop = lpod_loop_new(NULL, NULL);
  ck_assert(loop != NULL);
}
static void tear_down(void) {
  lpod_loop_free(loop);
  expect_descriptors(descriptors);
}

/* ---- the heap ---- */

START_TEST(test_heap_gives_timers_in_order) {
  lpod_heap heap = {NULL, 0, 0};
  static lpod_timer timers[500];
  srand(7);
  memset(timers, 0, sizeof timers);
  for (int round = 0; round < 5000; round++) {
    lpod_timer *timer = &timers[rand() % 500];
    int64_t due = rand() % 1000;
    switch (rand() % 3) {
    case 0:
      if (timer->place) break;
      timer->due = due;
      if (lpod_heap_add(&heap, timer, NULL)) ck_abort_msg("no memory");
      break;
    case 1:
      if (!timer->place) break;
      timer->due = due;
      lpod_heap_move(&heap, timer);
      break;
    default: lpod_heap_remove(&heap, timer);
    }
    bool sound = true; /* one assertion a round: they are slow */
    for (size_t i = 0; i < heap.count; i++)
      sound = sound && heap.items[i]->place == i + 1 && (!i || heap.items[(i - 1) / 2]->due <= heap.items[i]->due);
    if (!sound) ck_abort_msg("the heap is broken after round %d", round);
  }
  int64_t last = -1;
  while (heap.count) {
    lpod_timer *first = lpod_heap_first(&heap);
    ck_assert_int_ge(first->due, last);
    last = first->due;
    lpod_heap_remove(&heap, first);
    ck_assert_uint_eq(first->place, 0);
  }
  ck_assert(!lpod_heap_first(&heap));
  lpod_heap_free(&heap);
}
END_TEST

/* ---- timers on a clock that stands still ---- */

static char order[64];
static void note(void *arg) { strcat(order, arg); }
static lpod_timer timer_of(const char *name) { return (lpod_timer){.fire = note, .arg = (void *)name}; }

START_TEST(test_timers_fire_when_due_and_not_before) {
  lpod_timer a = timer_of("a"), b = timer_of("b"), c = timer_of("c"), d = timer_of("d");
  order[0] = '\0';
  lpod_timer_start(loop, &a, 30, NULL);
  lpod_timer_start(loop, &b, 10, NULL);
  lpod_timer_start(loop, &c, 20, NULL);
  lpod_timer_start(loop, &d, 20, NULL);
  lpod_timer_stop(loop, &d);
  lpod_timer_stop(loop, &d); /* not armed: fine */
  step(loop);
  ck_assert_str_eq(order, "");
  lpod_fake_clock_advance(&fake, 9);
  step(loop);
  ck_assert_str_eq(order, "");
  lpod_fake_clock_advance(&fake, 11);
  step(loop);
  ck_assert_str_eq(order, "bc");
  lpod_timer_start(loop, &b, 100, NULL);
  lpod_timer_start(loop, &b, 5, NULL); /* re-armed: once */
  lpod_fake_clock_advance(&fake, 1000);
  step(loop);
  ck_assert_str_eq(order, "bcba");
  ck_assert_int_eq(lpod_loop_timeout(loop), -1);
}
END_TEST

START_TEST(test_timeout_rounds_up) {
  lpod_timer a = timer_of("a");
  ck_assert_int_eq(lpod_loop_timeout(loop), -1);
  lpod_timer_start(loop, &a, 1500000, NULL);
  ck_assert_int_eq(lpod_loop_timeout(loop), 0); /* a step must arm it */
  step(loop);
  ck_assert_int_eq(lpod_loop_timeout(loop), 2);
  lpod_fake_clock_advance(&fake, 1500000);
  ck_assert_int_eq(lpod_loop_timeout(loop), 0);
  lpod_timer_stop(loop, &a);
}
END_TEST

static lpod_timer again_timer;
static int again_left;
static void again(void *arg) {
  (void)arg;
  if (--again_left) lpod_timer_start(loop, &again_timer, 0, NULL);
}
START_TEST(test_timer_without_delay_runs_in_the_next_round) {
  again_timer = (lpod_timer){.fire = again};
  again_left = 5;
  lpod_timer_start(loop, &again_timer, -1, NULL);
  step(loop);
  ck_assert_int_eq(again_left, 0);
}
END_TEST

/* ---- the descriptor ---- */

START_TEST(test_descriptor_readable_iff_work) {
  lpod_timer timer = timer_of("t");
  order[0] = '\0';
  ck_assert(!readable(loop));
  step(loop);
  ck_assert(!readable(loop));
  lpod_loop_touch(loop);
  ck_assert(readable(loop));
  step(loop);
  ck_assert(!readable(loop));
  lpod_timer_start(loop, &timer, 20 * LPOD_NS_PER_MS, NULL);
  ck_assert(readable(loop)); /* a step must arm it */
  step(loop);
  ck_assert(!readable(loop));
  ck_assert(becomes_readable(loop)); /* the timer */
  step(loop);
  ck_assert_str_eq(order, "t");
  ck_assert(!readable(loop));
}
END_TEST

static void *wake(void *arg) {
  lpod_loop_wake(arg);
  return NULL;
}
START_TEST(test_wake_from_another_thread) {
  pthread_t thread;
  bool interrupted = true;
  pthread_create(&thread, NULL, wake, loop);
  ck_assert(!lpod_loop_step(loop, 10000, &interrupted, NULL)); /* would fail by the suite's time limit */
  ck_assert(!interrupted);
  pthread_join(thread, NULL);
  step(loop);
  ck_assert(!readable(loop));
}
END_TEST

static int bytes;
static void read_pipe(void *arg, int events) {
  char c;
  ck_assert_int_eq(events, LPOD_POLL_IN);
  if (read(*(int *)arg, &c, 1) == 1) bytes++;
}
START_TEST(test_polls_and_descriptors_used_anew) {
  int ends[2];
  for (int i = 0; i < 3; i++) { /* the same numbers, each time closed directly after the poll was freed */
    ck_assert(pipe(ends) == 0);
    bytes = 0;
    lpod_poll *poll = lpod_poll_new(loop, ends[0], read_pipe, &ends[0], NULL);
    lpod_poll_watch(poll, LPOD_POLL_IN, NULL);
    ck_assert(readable(loop));
    step(loop);
    ck_assert(!readable(loop));
    ck_assert(write(ends[1], "xy", 2) == 2);
    ck_assert(becomes_readable(loop));
    step(loop);
    step(loop);
    ck_assert_int_eq(bytes, 2);
    lpod_poll_free(poll);
    close(ends[0]);
    close(ends[1]);
  }
  step(loop);
}
END_TEST

/* ---- tasks ---- */

static lpod_task first_task, second_task;
static void run_first(void *arg) {
  strcat(order, arg);
  lpod_task_cancel(&second_task);
  if (strlen(order) < 3) lpod_loop_defer(loop, &first_task);
}
START_TEST(test_tasks_run_once_and_can_be_cancelled) {
  order[0] = '\0';
  first_task = (lpod_task){.run = run_first, .arg = "1"};
  second_task = (lpod_task){.run = note, .arg = "2"};
  lpod_loop_defer(loop, &first_task);
  lpod_loop_defer(loop, &first_task);
  lpod_loop_defer(loop, &second_task);
  ck_assert(readable(loop));
  step(loop);
  ck_assert_str_eq(order, "111");
  ck_assert(!readable(loop));
}
END_TEST

static void run_long(void *arg) {
  int64_t until = lpod_system_clock.monotonic(&lpod_system_clock) + LPOD_NS_PER_MS;
  while (lpod_system_clock.monotonic(&lpod_system_clock) < until) {
  }
  ++*(int *)arg;
}
START_TEST(test_step_is_bounded_and_comes_back) {
  static lpod_task tasks[100];
  int ran = 0, steps = 0;
  for (int i = 0; i < 100; i++) {
    tasks[i] = (lpod_task){.run = run_long, .arg = &ran};
    lpod_loop_defer(loop, &tasks[i]);
  }
  for (; ran < 100; steps++) {
    int before = ran;
    ck_assert(readable(loop)); /* what is left keeps it so */
    step(loop);
    ck_assert_int_gt(ran, before);
    ck_assert_int_le(ran - before, 9);
  }
  ck_assert_int_ge(steps, 11);
  step(loop);
  ck_assert(!readable(loop));
}
END_TEST

static void enter(void *arg) {
  lpod_error err = LPOD_ERROR_INIT;
  *(bool *)arg = lpod_loop_step(loop, 0, NULL, &err) == LPOD_E_USAGE && err.rc == LPOD_E_USAGE;
}
START_TEST(test_step_refuses_reentry) {
  bool refused = false;
  lpod_task task = {.run = enter, .arg = &refused};
  lpod_loop_defer(loop, &task);
  step(loop);
  ck_assert(refused);
}
END_TEST

/* ---- signals ---- */

static bool same_mask(const sigset_t *a, const sigset_t *b) {
  for (int i = 1; i < NSIG; i++)
    if (sigismember(a, i) != sigismember(b, i)) return false;
  return true;
}
static void ignore(int signal) { (void)signal; }
START_TEST(test_signal_interrupts_the_wait) {
  struct sigaction action = {.sa_handler = ignore}, before;
  struct itimerval soon = {{0, 0}, {0, 20000}};
  bool interrupted = false;
  sigaction(SIGALRM, &action, &before);
  setitimer(ITIMER_REAL, &soon, NULL);
  ck_assert(!lpod_loop_step(loop, 10000, &interrupted, NULL));
  ck_assert(interrupted);
  sigaction(SIGALRM, &before, NULL);
}
END_TEST

static void break_pipe(void *arg) { ck_assert(write(*(int *)arg, "x", 1) == -1 && errno == EPIPE); }
START_TEST(test_sigpipe_is_blocked_and_consumed) {
  int ends[2];
  sigset_t before, after, pending;
  ck_assert(pipe(ends) == 0);
  close(ends[0]);
  lpod_task task = {.run = break_pipe, .arg = &ends[1]};
  pthread_sigmask(SIG_SETMASK, NULL, &before);
  lpod_loop_defer(loop, &task);
  step(loop); /* SIGPIPE's default would end the program */
  pthread_sigmask(SIG_SETMASK, NULL, &after);
  sigpending(&pending);
  ck_assert(same_mask(&before, &after));
  ck_assert(!sigismember(&pending, SIGPIPE));
  close(ends[1]);
}
END_TEST

static int got;
static void on_signal(void *arg, int signal) {
  got = signal;
  if (arg) lpod_loop_watch_signals(loop, NULL, 0, NULL, NULL, NULL);
}
START_TEST(test_watched_signals) {
  sigset_t before, after;
  int both[] = {SIGUSR1, SIGUSR2}, wrong[] = {SIGUSR1, 1000};
  lpod_error err = LPOD_ERROR_INIT;
  pthread_sigmask(SIG_SETMASK, NULL, &before);
  ck_assert(!lpod_loop_watch_signals(loop, both, 2, on_signal, NULL, NULL));
  pthread_kill(pthread_self(), SIGUSR2);
  ck_assert(becomes_readable(loop));
  step(loop);
  ck_assert_int_eq(got, SIGUSR2);
  pthread_kill(pthread_self(), SIGUSR1); /* stays pending over the replacement, is not lost and does not kill */
  ck_assert(!lpod_loop_watch_signals(loop, both, 1, on_signal, "end it within", NULL));
  step(loop);
  ck_assert_int_eq(got, SIGUSR1);
  pthread_sigmask(SIG_SETMASK, NULL, &after);
  ck_assert(same_mask(&before, &after));
  ck_assert_int_eq(lpod_loop_watch_signals(loop, wrong, 2, on_signal, NULL, &err), LPOD_E_USAGE);
  step(loop);
}
END_TEST

int main(void) {
  lpod_loop_free(lpod_loop_new(NULL, NULL)); /* libuv keeps a pipe for the process */
  Suite *suite = suite_create("loop");
  TCase *still = tcase_create("clock that stands still"), *real = tcase_create("system clock");
  tcase_add_checked_fixture(still, set_up, tear_down);
  tcase_add_checked_fixture(real, set_up_real, tear_down);
  tcase_add_test(still, test_heap_gives_timers_in_order);
  tcase_add_test(still, test_timers_fire_when_due_and_not_before);
  tcase_add_test(still, test_timeout_rounds_up);
  tcase_add_test(still, test_timer_without_delay_runs_in_the_next_round);
  tcase_add_test(real, test_descriptor_readable_iff_work);
  tcase_add_test(real, test_wake_from_another_thread);
  tcase_add_test(real, test_polls_and_descriptors_used_anew);
  tcase_add_test(real, test_tasks_run_once_and_can_be_cancelled);
  tcase_add_test(real, test_step_is_bounded_and_comes_back);
  tcase_add_test(real, test_step_refuses_reentry);
  tcase_add_test(real, test_signal_interrupts_the_wait);
  tcase_add_test(real, test_sigpipe_is_blocked_and_consumed);
  tcase_add_test(real, test_watched_signals);
  suite_add_tcase(suite, still);
  suite_add_tcase(suite, real);
  return run_suite(suite);
}
