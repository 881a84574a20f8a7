/* TG6a: the log parser from memory, with stamps and dedupe: nanoseconds a line of 110 bytes, fed in chunks of 16 KiB.
 * Prints one line: the best of several rounds with stamps, and with a prefix as well. */
#include "../../core/base/clock.h"
#include "../../core/base/text.h"
#include "../../core/kube/logs.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES = 100000, LINE = 110, CHUNK = 16 * 1024, ROUNDS = 7 };

static char *make_stream(void) {
  char *stream = malloc((size_t)LINES * LINE + 1);
  char *at = stream;
  for (int i = 0; stream && i < LINES; i++) {
    char stamp[LPOD_TIME_TEXT];
    lpod_time_format(INT64_C(1700000000) * LPOD_NS_PER_S + (int64_t)i * 1234567, 9, stamp);
    int used = snprintf(at, LINE, "%s line %d of a task that has something to say", stamp, i);
    memset(at + used, '.', (size_t)(LINE - 1 - used));
    at[LINE - 1] = '\n';
    at += LINE;
  }
  return stream;
}

static uint64_t feed(lpod_log_parser *parser, const char *stream) {
  uint64_t bytes = 0;
  for (size_t at = 0; at < (size_t)LINES * LINE; at += CHUNK) {
    size_t len = (size_t)LINES * LINE - at;
    lpod_log_block block;
    if (lpod_log_parser_feed(parser, stream + at, len < CHUNK ? len : CHUNK, &block, NULL)) exit(1);
    bytes += block.len;
  }
  return bytes;
}

static double best_of(const char *stream, const char *prefix) {
  double best = 1e9;
  for (int round = 0; round < ROUNDS; round++) {
    lpod_log_parser *parser = lpod_log_parser_new(prefix, false);
    if (!parser) exit(1);
    int64_t start = lpod_system_clock.monotonic(&lpod_system_clock);
    feed(parser, stream);
    double spent = (double)(lpod_system_clock.monotonic(&lpod_system_clock) - start) / LINES;
    if (lpod_log_parser_marks(parser)->lines != LINES) exit(1);
    if (spent < best) best = spent;
    lpod_log_parser_free(parser);
  }
  return best;
}

int main(void) {
  char *stream = make_stream();
  if (!stream) return 1;
  printf("log parser (TG6a), ns a line of %d bytes: stamps %.1f, with prefix %.1f (target 40)\n", LINE,
         best_of(stream, NULL), best_of(stream, "[base] "));
  free(stream);
  return 0;
}
