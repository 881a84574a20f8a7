/* The log parser: L2 (resume by whole second, full stamp, count), L3 (stamps as they come), L8 (gaps), L10, L11 (bytes
 * as they come), LOG-4 to LOG-7, M24 (a kubelet's complaints), X07 (any split gives the same lines), X32 (equal
 * stamps). Pure: no loop, no server. */
#include "base/limits.h"
#include "base/text.h"
#include "kube/logs.h"
#include "suite.h"
#include <check.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What came out, as text: "time|message\n" a line, time "-" when there was none. */
typedef struct seen {
  char *text;
  size_t len, room, blocks;
  bool gap;
} seen;

static void note(seen *s, const lpod_log_block *block, size_t prefix_len) {
  size_t at = 0;
  s->blocks += block->count > 0;
  s->gap |= block->gap;
  for (size_t i = 0; i < block->count; i++) {
    const lpod_log_line *line = &block->lines[i];
    ck_assert_uint_eq(line->offset, at + prefix_len);
    at = line->offset + line->len + 1;
    ck_assert_int_eq(block->text[at - 1], '\n');
    char stamp[24] = "-";
    if (line->time != INT64_MIN) snprintf(stamp, sizeof stamp, "%lld", (long long)line->time);
    size_t need = strlen(stamp) + line->len + 2;
    if (s->len + need + 1 > s->room) s->text = realloc(s->text, s->room = 2 * (s->len + need) + 64);
    s->len += (size_t)sprintf(s->text + s->len, "%s|", stamp);
    memcpy(s->text + s->len, block->text + line->offset, line->len);
    s->len += line->len;
    s->text[s->len++] = '\n';
    s->text[s->len] = 0;
  }
  ck_assert_uint_eq(block->len, at);
  ck_assert(lpod_utf8_valid(block->text, block->len));
}

static void feed_bytes(lpod_log_parser *parser, const char *data, size_t len, seen *s) {
  lpod_log_block block;
  ck_assert_int_eq(lpod_log_parser_feed(parser, data, len, &block, NULL), LPOD_OK);
  note(s, &block, 0);
}
static void feed(lpod_log_parser *parser, const char *text, seen *s) { feed_bytes(parser, text, strlen(text), s); }
static void flush(lpod_log_parser *parser, seen *s) {
  lpod_log_block block;
  ck_assert_int_eq(lpod_log_parser_flush(parser, &block, NULL), LPOD_OK);
  note(s, &block, 0);
}
static const char *text_of(const seen *s) { return s->len ? s->text : ""; }
static void forget(seen *s) {
  free(s->text);
  *s = (seen){0};
}

#define T0 "1700000000" /* 2023-11-14T22:13:20Z */

START_TEST(stamps_of_every_form_L3) {
  static const struct {
    const char *line, *expected;
  } rows[] = {
      {"2023-11-14T22:13:20.123456789Z hello\n", T0 "123456789|hello\n"},
      {"2023-11-14T22:13:20.1Z hello\n", T0 "100000000|hello\n"},
      {"2023-11-14T22:13:20Z hello\n", T0 "000000000|hello\n"},
      {"2023-11-15T00:13:20.123456789+02:00 hello\n", T0 "123456789|hello\n"},
      {"2023-11-14T16:43:20.5-05:30 hello\n", T0 "500000000|hello\n"},
      {"2023-11-14T22:13:20.123456789Z \n", T0 "123456789|\n"},
      {"2023-11-14T22:13:20.123456789Z\n", T0 "123456789|\n"},
      {"2023-11-14T22:13:20.123456789Z  two blanks\n", T0 "123456789| two blanks\n"},
      {"2023-11-14T22:13:20.123456789Z carriage return\r\n", T0 "123456789|carriage return\r\n"},
      {"2023-11-14T22:13:20.123456789Z 2023-11-14T22:13:20.5Z inner stamp\n",
       T0 "123456789|2023-11-14T22:13:20.5Z inner stamp\n"},
      /* L10: no stamp: flagged, kept whole */
      {"failed to say: no stamp\n", "-|failed to say: no stamp\n"},
      {"\n", "-|\n"},
      {"2023\n", "-|2023\n"},
      {"2023-11-14T22:13:20.123456789Zebra crossing\n", "-|2023-11-14T22:13:20.123456789Zebra crossing\n"},
      {"2023-13-14T22:13:20.123456789Z no such month\n", "-|2023-13-14T22:13:20.123456789Z no such month\n"},
      {"2023-11-14T22:13:2x.123456789Z no digit\n", "-|2023-11-14T22:13:2x.123456789Z no digit\n"},
      {" 2023-11-14T22:13:20.123456789Z blank first\n", "-| 2023-11-14T22:13:20.123456789Z blank first\n"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    for (int warm = 0; warm < 2; warm++) { /* with the minute cached and without */
      lpod_log_parser *parser = lpod_log_parser_new(NULL, true);
      seen s = {0};
      if (warm) feed(parser, "2023-11-14T22:13:19.000000000Z first\n", &s);
      forget(&s);
      feed(parser, rows[i].line, &s);
      ck_assert_str_eq(text_of(&s), rows[i].expected);
      forget(&s);
      lpod_log_parser_free(parser);
    }
  }
}
END_TEST

START_TEST(cached_minute_agrees_with_the_slow_road_L3) {
  lpod_log_parser *parser = lpod_log_parser_new(NULL, true);
  for (int i = 0; i < 20000; i++) { /* over minutes, hours, days, a leap day, and back */
    int64_t step = (int64_t)i * 7919 % 20000;
    int64_t time = INT64_C(1709150000) * 1000000000 + step * INT64_C(13987654321);
    char line[80], expected[80];
    lpod_time_format(time, 9, line);
    strcat(line, " x\n");
    snprintf(expected, sizeof expected, "%lld|x\n", (long long)time);
    seen s = {0};
    feed(parser, line, &s);
    ck_assert_str_eq(text_of(&s), expected);
    forget(&s);
  }
  lpod_log_parser_free(parser);
}
END_TEST

START_TEST(bytes_that_are_not_text_LOG6_L11) {
  static const char in[] = "2023-11-14T22:13:20.1Z a\0b\n"
                           "2023-11-14T22:13:20.2Z caf\xc3\xa9\n"
                           "2023-11-14T22:13:20.3Z caf\xe9 latin\n"
                           "2023-11-14T22:13:20.4Z half \xe2\x82\n"
                           "caf\xe9\n";
  static const char out[] = T0 "100000000|a\0b\n" T0 "200000000|caf\xc3\xa9\n" T0 "300000000|caf\\xe9 latin\n" T0
                               "400000000|half \\xe2\\x82\n-|caf\\xe9\n";
  lpod_log_parser *parser = lpod_log_parser_new(NULL, true);
  seen s = {0};
  feed_bytes(parser, in, sizeof in - 1, &s);
  ck_assert_uint_eq(s.len, sizeof out - 1);
  for (size_t i = 0; i < s.len; i++)
    ck_assert_int_eq(tolower((unsigned char)s.text[i]), tolower((unsigned char)out[i]));
  forget(&s);
  lpod_log_parser_free(parser);
}
END_TEST

START_TEST(prefix_is_in_front_of_each_line) {
  lpod_log_parser *parser = lpod_log_parser_new("[base] ", true);
  lpod_log_block block;
  static const char in[] = "2023-11-14T22:13:20.1Z one\n2023-11-14T22:13:20.2Z \xff\n2023-11-14T22:13:20.3Z \n";
  ck_assert_int_eq(lpod_log_parser_feed(parser, in, sizeof in - 1, &block, NULL), LPOD_OK);
  ck_assert_uint_eq(block.count, 3);
  ck_assert_uint_eq(block.lines[0].offset, 7);
  ck_assert_uint_eq(block.lines[0].len, 3);
  ck_assert(memcmp(block.text, "[base] one\n[base] ", 18) == 0);
  ck_assert_uint_eq(block.lines[1].len, 4);
  ck_assert_uint_eq(block.lines[2].len, 0);
  ck_assert_uint_eq(block.len, 11 + 12 + 8);
  lpod_log_parser_free(parser);
}
END_TEST

START_TEST(incomplete_last_line_is_flushed_once_LOG6) {
  lpod_log_parser *parser = lpod_log_parser_new(NULL, true);
  seen s = {0};
  feed(parser, "2023-11-14T22:13:20.1Z one\n2023-11-14T22:13:20.2Z tw", &s);
  ck_assert_str_eq(text_of(&s), T0 "100000000|one\n");
  flush(parser, &s);
  flush(parser, &s);
  ck_assert_str_eq(text_of(&s), T0 "100000000|one\n" T0 "200000000|tw\n");
  ck_assert_uint_eq(lpod_log_parser_marks(parser)->lines, 2);
  forget(&s);
  lpod_log_parser_free(parser);
}
END_TEST

/* X07: the same lines for every way to split the stream in two, and byte by byte; UTF-8, stamps and newlines are split
 * as well. */
START_TEST(any_split_gives_the_same_lines_X07) {
  static const char in[] = "2023-11-14T22:13:20.1Z one \xe2\x82\xac\n\n2023-11-14T22:13:20.2Z \xff\xfe\nno stamp\r\n"
                           "2023-11-14T22:13:20.3Z a\0b\n2023-11-14T22:13:21+00:00 last";
  size_t len = sizeof in - 1;
  seen whole = {0};
  lpod_log_parser *parser = lpod_log_parser_new(NULL, true);
  feed_bytes(parser, in, len, &whole);
  flush(parser, &whole);
  lpod_log_parser_free(parser);
  for (size_t cut = 0; cut <= len + 1; cut++) {
    seen s = {0};
    parser = lpod_log_parser_new(NULL, true);
    if (cut <= len) {
      feed_bytes(parser, in, cut, &s);
      feed_bytes(parser, in + cut, len - cut, &s);
    } else {
      for (size_t i = 0; i < len; i++) feed_bytes(parser, in + i, 1, &s);
    }
    flush(parser, &s);
    ck_assert_uint_eq(s.len, whole.len);
    ck_assert(memcmp(s.text, whole.text, s.len) == 0);
    forget(&s);
    lpod_log_parser_free(parser);
  }
  forget(&whole);
}
END_TEST

/* A line of n bytes of message, its newline, and one more line behind it. */
static size_t make_long(char *out, size_t n, const char *fill) {
  size_t len = (size_t)sprintf(out, "2023-11-14T22:13:20.1Z "), fill_len = strlen(fill);
  for (size_t i = 0; i < n; i++) out[len++] = fill[i % fill_len];
  return len + (size_t)sprintf(out + len, "\n2023-11-14T22:13:20.2Z next\n");
}

START_TEST(a_line_beyond_the_ceiling_is_cut_and_counted_X28) {
  enum { STAMP = 23 };
  static const size_t pieces[] = {16384, 999999, LPOD_LIMIT_LOG_LINE, LPOD_LIMIT_LOG_LINE + 1, 8u * LPOD_MIB};
  char *in = malloc(4u * LPOD_MIB);
  for (size_t more = 0; more < 3; more++) {
    size_t message = LPOD_LIMIT_LOG_LINE - STAMP + (more < 2 ? more : LPOD_MIB);
    for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
      size_t len = make_long(in, message, "x");
      lpod_log_parser *parser = lpod_log_parser_new(NULL, true);
      seen s = {0};
      for (size_t at = 0; at < len; at += pieces[p])
        feed_bytes(parser, in + at, len - at < pieces[p] ? len - at : pieces[p], &s);
      ck_assert_uint_eq(s.len, strlen(T0 "100000000|\n" T0 "200000000|next\n") + LPOD_LIMIT_LOG_LINE - STAMP);
      ck_assert_uint_eq(lpod_log_parser_marks(parser)->cut, more > 0);
      ck_assert_uint_eq(lpod_log_parser_marks(parser)->lines, 2);
      forget(&s);
      lpod_log_parser_free(parser);
    }
  }
  /* The cut does not go through a character. */
  size_t len = make_long(in, LPOD_MIB, "\xe2\x82\xac");
  lpod_log_parser *parser = lpod_log_parser_new(NULL, true);
  seen s = {0};
  feed_bytes(parser, in, len, &s);
  ck_assert_ptr_null(strstr(s.text, "\\x"));
  ck_assert_uint_eq(lpod_log_parser_marks(parser)->cut, 1);
  forget(&s);
  lpod_log_parser_free(parser);
  free(in);
}
END_TEST

/* The log of a container, and a server that gives it again from a whole second on, whole or up to a byte. */
typedef struct file {
  char text[64 * 1200];
  size_t len, lines;
  size_t starts[1300];
  int64_t times[1300];
} file;

static void append(file *f, int64_t time) {
  f->starts[f->lines] = f->len;
  f->times[f->lines] = time;
  char stamp[LPOD_TIME_TEXT];
  lpod_time_format(time, 9, stamp);
  f->len += (size_t)sprintf(f->text + f->len, "%s line %zu\n", stamp, f->lines);
  f->starts[++f->lines] = f->len;
}

/* Feed what the server sends for sinceTime = the marker's second, until `stop` bytes of the file; from = first line
 * still there. */
static void serve(const file *f, lpod_log_parser *parser, size_t from, size_t stop, seen *s) {
  int64_t last = lpod_log_parser_marks(parser)->last;
  int64_t since = last == INT64_MIN ? INT64_MIN : last / 1000000000 * 1000000000;
  lpod_log_parser_resume(parser);
  for (size_t i = from; i < f->lines && f->starts[i] < stop; i++) {
    if (f->times[i] < since) continue;
    size_t end = f->starts[i + 1] < stop ? f->starts[i + 1] : stop;
    feed_bytes(parser, f->text + f->starts[i], end - f->starts[i], s);
  }
}

static void check_whole(const file *f, const seen *s) {
  char expected[64];
  const char *at = text_of(s);
  for (size_t i = 0; i < f->lines; i++) {
    snprintf(expected, sizeof expected, "%lld|line %zu\n", (long long)f->times[i], i);
    ck_assert_msg(strncmp(at, expected, strlen(expected)) == 0, "line %zu: found \"%.40s\"", i, at);
    at += strlen(expected);
  }
  ck_assert_str_eq(at, "");
}

#define SECOND INT64_C(1000000000)
#define BEGIN (INT64_C(1700000000) * SECOND)

/* X32: 1,000 lines in equal seconds, 10 with equal stamps; the follow ends 50 times anywhere, in the middle of a line,
 * too. */
START_TEST(resume_neither_doubles_nor_loses_X32_L2_LOG4) {
  static file f;
  f = (file){0};
  for (int i = 0; i < 1000; i++) append(&f, BEGIN + (i / 500) * SECOND + (i % 500 / 10) * 7);
  for (unsigned seed = 1; seed <= 10; seed++) {
    lpod_log_parser *parser = lpod_log_parser_new(NULL, true);
    seen s = {0};
    unsigned random = seed;
    for (size_t round = 1; round <= 50; round++) {
      random = random * 1103515245u + 12345u;
      size_t stop = f.len * round / 50 - (random >> 8) % (f.len / 50);
      serve(&f, parser, 0, round == 50 ? f.len : stop, &s);
      ck_assert(!lpod_log_parser_marks(parser)->gap);
    }
    check_whole(&f, &s);
    ck_assert(!s.gap);
    ck_assert_uint_eq(lpod_log_parser_marks(parser)->lines, 1000);
    forget(&s);
    lpod_log_parser_free(parser);
  }
}
END_TEST

/* L3: stdout and stderr race, so neighbours may be out of order; a clock may step back. Cut behind every line. */
START_TEST(resume_with_stamps_out_of_order_L3) {
  static file f;
  for (int kind = 0; kind < 3; kind++) {
    f = (file){0};
    for (int i = 0; i < 60; i++) {
      int64_t ordered = BEGIN + i * INT64_C(90000000);
      if (kind == 0) append(&f, ordered + (i % 2 ? -2 : 2) * INT64_C(40000000) + 400000000);
      if (kind == 1) append(&f, i < 20 ? ordered : ordered - 15 * SECOND);
      if (kind == 2) append(&f, BEGIN + (i * 37 % 5) * 3);
    }
    for (size_t cut = 0; cut <= f.lines; cut++) {
      if (kind == 1 && cut > 32) break; /* beyond what is remembered of the time before the step, lines may double */
      lpod_log_parser *parser = lpod_log_parser_new(NULL, true);
      seen s = {0};
      serve(&f, parser, 0, f.starts[cut], &s);
      /* The line behind may be stamped before the marker's second, and the server leaves it out then. */
      int64_t since = cut ? f.times[cut - 1] / SECOND * SECOND : 0;
      bool reachable = true;
      for (size_t i = cut; i < f.lines; i++) reachable &= f.times[i] >= since;
      serve(&f, parser, 0, f.len, &s);
      if (reachable) check_whole(&f, &s);
      forget(&s);
      lpod_log_parser_free(parser);
    }
  }
}
END_TEST

START_TEST(a_gap_is_told_where_it_is_L8_LOG12) {
  static file f;
  f = (file){0};
  for (int i = 0; i < 100; i++) append(&f, BEGIN + i * (SECOND / 10));
  lpod_log_parser *parser = lpod_log_parser_new(NULL, true);
  seen s = {0};
  serve(&f, parser, 0, f.starts[40], &s);
  ck_assert(!s.gap);                       /* the beginning is no gap */
  serve(&f, parser, 45, f.starts[50], &s); /* rotated away: lines 40 to 44 and the marker's */
  ck_assert(s.gap);
  ck_assert(lpod_log_parser_marks(parser)->gap);
  s.gap = false;
  feed_bytes(parser, f.text + f.starts[50], f.starts[60] - f.starts[50], &s);
  ck_assert_msg(!s.gap, "told twice");
  serve(&f, parser, 59, f.len, &s); /* the marker's line is there: nothing is missing */
  ck_assert(!s.gap);
  ck_assert(!lpod_log_parser_marks(parser)->gap);
  ck_assert_uint_eq(lpod_log_parser_marks(parser)->lines, 95);
  /* Nothing new: no gap either. */
  serve(&f, parser, 100, f.len, &s);
  ck_assert(!lpod_log_parser_marks(parser)->gap);
  forget(&s);
  lpod_log_parser_free(parser);
}
END_TEST

/* The marker's own line is missing although older ones came again. */
START_TEST(an_overlap_without_the_markers_line_is_a_gap_L8) {
  lpod_log_parser *parser = lpod_log_parser_new(NULL, true);
  seen s = {0};
  feed(parser, "2023-11-14T22:13:20.1Z one\n2023-11-14T22:13:20.2Z two\n2023-11-14T22:13:20.3Z three\n", &s);
  lpod_log_parser_resume(parser);
  feed(parser, "2023-11-14T22:13:20.1Z one\n2023-11-14T22:13:20.2Z two\n2023-11-14T22:13:20.5Z five\n", &s);
  ck_assert(s.gap && lpod_log_parser_marks(parser)->gap);
  ck_assert_str_eq(text_of(&s), T0 "100000000|one\n" T0 "200000000|two\n" T0 "300000000|three\n" T0 "500000000|five\n");
  forget(&s);
  lpod_log_parser_free(parser);
}
END_TEST

START_TEST(lines_without_stamp_are_kept_over_a_resume_L10) {
  lpod_log_parser *parser = lpod_log_parser_new(NULL, true);
  seen s = {0};
  feed(parser, "2023-11-14T22:13:20.1Z one\n", &s);
  lpod_log_parser_resume(parser);
  feed(parser, "2023-11-14T22:13:20.1Z one\ntoo many open files\n2023-11-14T22:13:20.2Z two\n", &s);
  ck_assert_str_eq(text_of(&s), T0 "100000000|one\n-|too many open files\n" T0 "200000000|two\n");
  forget(&s);
  lpod_log_parser_free(parser);
}
END_TEST

/* LOG-7, O44: group marks are read by what stands at the beginning of a line. */
START_TEST(group_marks_pass_without_the_prefix_LOG7) {
  static const char in[] = "2023-11-14T22:13:20.1Z ::group::one\n2023-11-14T22:13:20.2Z two\n"
                           "2023-11-14T22:13:20.3Z ::endgroup::\n2023-11-14T22:13:20.4Z  ::group::\n"
                           "2023-11-14T22:13:20.5Z ::groups\n";
  lpod_log_parser *parser = lpod_log_parser_new("[base] ", false);
  lpod_log_block block;
  ck_assert_int_eq(lpod_log_parser_feed(parser, in, sizeof in - 1, &block, NULL), LPOD_OK);
  ck_assert_uint_eq(block.count, 5);
  ck_assert_msg(memcmp(block.text, "::group::one\n[base] two\n::endgroup::\n[base]  ::group::\n[base] ::groups\n",
                       block.len) == 0,
                "%.*s", (int)block.len, block.text);
  ck_assert_uint_eq(block.lines[0].offset, 0);
  ck_assert_uint_eq(block.lines[0].len, 12);
  lpod_log_parser_free(parser);
}
END_TEST

/* LOG-5, O47: given to nobody, counted for the resume. */
START_TEST(empty_lines_only_move_the_marker_LOG5) {
  static const char first[] = "2023-11-14T22:13:20.1Z one\n2023-11-14T22:13:20.2Z \n2023-11-14T22:13:20.2Z \n"
                              "2023-11-14T22:13:20.2Z\n";
  static const char again[] = "2023-11-14T22:13:20.2Z \n2023-11-14T22:13:20.2Z two\n\n2023-11-14T22:13:20.3Z \r\n";
  lpod_log_parser *parser = lpod_log_parser_new(NULL, false);
  const lpod_log_marks *marks = lpod_log_parser_marks(parser);
  seen s = {0};
  feed(parser, first, &s);
  ck_assert_str_eq(text_of(&s), T0 "100000000|one\n");
  ck_assert_uint_eq(marks->lines, 1);
  ck_assert_int_eq(marks->last % 1000000000, 200000000);
  lpod_log_parser_resume(parser);
  feed(parser, first, &s);
  ck_assert(marks->began && !s.gap);
  feed(parser, again, &s); /* the fourth empty line of that stamp, and a line of the same stamp */
  ck_assert_str_eq(text_of(&s), T0 "100000000|one\n" T0 "200000000|two\n" T0 "300000000|\r\n");
  ck_assert_uint_eq(marks->lines, 3);
  lpod_log_parser_resume(parser);
  feed(parser, "2023-11-14T22:13:29.1Z \n", &s); /* a gap in front of an empty line is told with the next */
  ck_assert(!s.gap);
  feed(parser, "2023-11-14T22:13:29.2Z three\n", &s);
  ck_assert(s.gap);
  forget(&s);
  lpod_log_parser_free(parser);
}
END_TEST

/* M24, L10: what a kubelet writes where lines should be. Split anywhere, with a newline behind it or none. */
START_TEST(a_complaint_of_the_kubelet_is_an_error_M24) {
  static const char *const complaints[] = {
      "unable to retrieve container logs for containerd://6e2396b58f81",
      "failed to try resolving symlinks in path \"/var/log/pods/x_p_1/base/0.log\": lstat: no such file or directory",
      "failed to create fsnotify watcher: too many open files",
      "rpc error: code = NotFound desc = an error occurred",
  };
  for (size_t i = 0; i < sizeof complaints / sizeof *complaints; i++) {
    for (int kind = 0; kind < 6; kind++) {
      bool newline = kind & 1, behind = kind >= 2, bytewise = kind >= 4;
      char in[512];
      int len = snprintf(in, sizeof in, "%s%s%s", behind ? "2023-11-14T22:13:20.1Z failed to watch us\n" : "",
                         complaints[i], newline ? "\n" : "");
      lpod_log_parser *parser = lpod_log_parser_new("[base] ", false);
      lpod_error err = LPOD_ERROR_INIT;
      lpod_log_block block;
      lpod_rc rc = LPOD_OK;
      size_t lines = 0;
      for (int at = 0; !rc && at < len; at += bytewise ? 1 : len) {
        rc = lpod_log_parser_feed(parser, in + at, bytewise ? 1 : (size_t)len, &block, &err);
        lines += block.count;
      }
      ck_assert_int_eq(rc, newline ? LPOD_E_CUT : LPOD_OK);
      if (!rc) rc = lpod_log_parser_end(parser, &err);
      ck_assert_int_eq(rc, LPOD_E_CUT);
      ck_assert_msg(strstr(err.text, complaints[i]) && !strchr(err.text, '\n'), "%s", err.text);
      ck_assert_str_eq(err.reason, "LogUnreadable");
      ck_assert(err.retryable);
      ck_assert_uint_eq(lines, behind);
      ck_assert(lpod_log_parser_marks(parser)->began == behind);
      ck_assert_int_eq(lpod_log_parser_flush(parser, &block, NULL), LPOD_OK);
      ck_assert_uint_eq(block.count, 0);
      lpod_log_parser_free(parser);
    }
  }
  lpod_log_parser *parser = lpod_log_parser_new(NULL, false); /* the end of any other stream says nothing */
  seen s = {0};
  feed(parser, "2023-11-14T22:13:20.1Z failed to watch ", &s);
  ck_assert_int_eq(lpod_log_parser_end(parser, NULL), LPOD_OK);
  flush(parser, &s);
  ck_assert_str_eq(text_of(&s), T0 "100000000|failed to watch \n");
  forget(&s);
  lpod_log_parser_free(parser);
}
END_TEST

START_TEST(lines_before_since_are_dropped_L2) {
  lpod_log_parser *parser = lpod_log_parser_new(NULL, true);
  lpod_log_parser_since(parser, BEGIN + 150000000);
  seen s = {0};
  feed(parser, "2023-11-14T22:13:20.1Z one\n2023-11-14T22:13:20.15Z two\n2023-11-14T22:13:20.2Z three\n", &s);
  ck_assert_str_eq(text_of(&s), T0 "150000000|two\n" T0 "200000000|three\n");
  forget(&s);
  lpod_log_parser_free(parser);
}
END_TEST

START_TEST(a_block_is_bounded_by_its_chunk_LOG6) {
  char newlines[16384];
  memset(newlines, '\n', sizeof newlines);
  lpod_log_parser *parser = lpod_log_parser_new("[a-container] ", true);
  lpod_log_block block;
  ck_assert_int_eq(lpod_log_parser_feed(parser, newlines, sizeof newlines, &block, NULL), LPOD_OK);
  ck_assert_uint_eq(block.count, sizeof newlines);
  ck_assert_uint_eq(block.len, sizeof newlines * 15);
  ck_assert_int_eq(lpod_log_parser_feed(parser, "", 0, &block, NULL), LPOD_OK);
  ck_assert_uint_eq(block.count, 0);
  ck_assert_uint_eq(block.len, 0);
  lpod_log_parser_free(parser);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("log_parser");
  TCase *tests = tcase_create("core");
  tcase_set_timeout(tests, 120);
  tcase_add_test(tests, stamps_of_every_form_L3);
  tcase_add_test(tests, cached_minute_agrees_with_the_slow_road_L3);
  tcase_add_test(tests, bytes_that_are_not_text_LOG6_L11);
  tcase_add_test(tests, prefix_is_in_front_of_each_line);
  tcase_add_test(tests, incomplete_last_line_is_flushed_once_LOG6);
  tcase_add_test(tests, any_split_gives_the_same_lines_X07);
  tcase_add_test(tests, a_line_beyond_the_ceiling_is_cut_and_counted_X28);
  tcase_add_test(tests, resume_neither_doubles_nor_loses_X32_L2_LOG4);
  tcase_add_test(tests, resume_with_stamps_out_of_order_L3);
  tcase_add_test(tests, a_gap_is_told_where_it_is_L8_LOG12);
  tcase_add_test(tests, an_overlap_without_the_markers_line_is_a_gap_L8);
  tcase_add_test(tests, lines_without_stamp_are_kept_over_a_resume_L10);
  tcase_add_test(tests, group_marks_pass_without_the_prefix_LOG7);
  tcase_add_test(tests, empty_lines_only_move_the_marker_LOG5);
  tcase_add_test(tests, a_complaint_of_the_kubelet_is_an_error_M24);
  tcase_add_test(tests, lines_before_since_are_dropped_L2);
  tcase_add_test(tests, a_block_is_bounded_by_its_chunk_LOG6);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
