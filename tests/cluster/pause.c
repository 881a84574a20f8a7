/* The process of a pod's sandbox in the test cluster: holds the pod's namespaces and ends on SIGTERM. It stands in for
 * the usual pause image because no registry is reachable. It reaps nothing: no test shares a process namespace. */
#include <signal.h>
#include <unistd.h>

static void quit(int signal_number) {
  (void)signal_number;
  _exit(0);
}

int main(void) {
  signal(SIGTERM, quit);
  signal(SIGINT, quit);
  for (;;) {
    pause();
  }
}
