/* How every Check program here ends: its one suite is run, as loud as CK_VERBOSITY says, and the program's exit status
 * tells whether a test failed. What must be set up before and taken down after is the program's own. */
#ifndef TESTS_CORE_SUITE_H
#define TESTS_CORE_SUITE_H

#include <check.h>
#include <stdlib.h>

/* Runs and frees the suite. */
static inline int run_suite(Suite *suite) {
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
