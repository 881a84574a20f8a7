/* usage FILE COMMAND…: run a command and append one JSON line to FILE: what it used, its children included, by the
 * kernel's own account of the finished process. Its output goes where ours goes; its exit status is ours. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(struct timeval t) { return (double)t.tv_sec + (double)t.tv_usec / 1e6; }

int main(int argc, char **argv) {
  struct timespec begin, end;
  struct rusage used;
  int status;
  if (argc < 3) return fprintf(stderr, "usage: usage FILE COMMAND...\n"), 2;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  pid_t pid = fork();
  if (pid == 0) {
    execvp(argv[2], argv + 2);
    perror(argv[2]);
    _exit(127);
  }
  if (pid < 0 || wait4(pid, &status, 0, &used) != pid) return perror("usage"), 2;
  clock_gettime(CLOCK_MONOTONIC, &end);
  double wall = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
  FILE *out = fopen(argv[1], "a");
  if (!out) return perror(argv[1]), 2;
  int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  fprintf(out, "{\"wall\":%.4f,\"user\":%.4f,\"system\":%.4f,\"rss_kib\":%ld,\"status\":%d}\n", wall,
          seconds(used.ru_utime), seconds(used.ru_stime), used.ru_maxrss, code);
  fclose(out);
  return code;
}
