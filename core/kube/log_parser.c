/* Bytes of a log stream → blocks of lines (L2, L3, L8, L10, L11, LOG-5, LOG-6, LOG-7). Pure, and built for speed (TG6):
 * one memchr and one memcpy a line, the stamp's minute and the check for ASCII are cached or done eight bytes at a
 * time. Leaves requests to logs.c. Invariants: what comes out does not depend on how the bytes were split; memory is
 * bounded by the ceiling of a line and the chunk.
 *
 * Where to go on after a resume: a server sends again all lines from a whole second on, in the order of its file, so
 * what was seen is the beginning of what comes. Stamps are not quite in that order (stdout and stderr race, clocks
 * step: L3), so not the last stamp alone is kept but the last RECENT ones, each with its count of lines (L2). The first
 * line that is not among them is new, and so is all behind it. */
#include "logs.h"
#include "../base/clock.h"
#include "../base/limits.h"
#include "../base/text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECENT 32u                   /* power of two */
#define MINUTE_TEXT 17u              /* "2006-01-02T15:04:" */
#define STAMP_MOST 64u               /* no stamp is longer */
#define COMPLAINT_MOST 512u          /* bytes told of a kubelet's error text */
#define KEPT_MEMORY (64u * LPOD_KIB) /* a buffer that one long line made larger is given back */

typedef struct seen_stamp {
  int64_t time;
  uint32_t count;  /* lines that bore it */
  uint32_t unseen; /* of them, not yet seen again after the resume */
} seen_stamp;

struct lpod_log_parser {
  bool keep_empty;
  bool skipping;                     /* the rest of a cut line */
  bool resuming, overlap, fresh_gap; /* overlap: the last line was seen again; fresh_gap: not yet told in a block */
  lpod_log_marks marks;
  int64_t since;
  char minute[MINUTE_TEXT]; /* text of the cached minute, and its start */
  int64_t minute_start;
  seen_stamp recent[RECENT];    /* a ring of different stamps */
  uint32_t newest, known, last; /* last: where the last line's is */
  int64_t high;                 /* no line's stamp was later */
  uint64_t unseen;              /* sum over recent */
  size_t prefix_len;
  char *prefix;
  lpod_buf carry; /* a line whose end has not come yet */
  lpod_buf out;
  lpod_log_line *lines;
  size_t count, room;
};

lpod_log_parser *lpod_log_parser_new(const char *prefix, bool keep_empty) {
  lpod_log_parser *parser = calloc(1, sizeof *parser);
  if (!parser) return NULL;
  parser->keep_empty = keep_empty;
  parser->marks.last = INT64_MIN;
  parser->since = INT64_MIN;
  parser->prefix = lpod_text_copy(prefix ? prefix : "");
  if (!parser->prefix) {
    free(parser);
    return NULL;
  }
  parser->prefix_len = strlen(parser->prefix);
  lpod_buf_init(&parser->carry, LPOD_LIMIT_LOG_LINE + 1); /* one more tells a cut line from a full one */
  lpod_buf_init(&parser->out, LPOD_LIMIT_LOG_ENGINE);
  return parser;
}

void lpod_log_parser_free(lpod_log_parser *parser) {
  if (!parser) return;
  free(parser->prefix);
  free(parser->lines);
  lpod_buf_free(&parser->carry);
  lpod_buf_free(&parser->out);
  free(parser);
}

const lpod_log_marks *lpod_log_parser_marks(const lpod_log_parser *parser) { return &parser->marks; }
void lpod_log_parser_doubt(lpod_log_parser *parser) { parser->marks.gap = parser->fresh_gap = true; }
void lpod_log_parser_since(lpod_log_parser *parser, int64_t since) { parser->since = since; }

/* ---- what was seen ---- */

static int64_t second_of(int64_t time) {
  int64_t rest = time % LPOD_NS_PER_S;
  return time - (rest < 0 ? rest + LPOD_NS_PER_S : rest);
}

void lpod_log_parser_resume(lpod_log_parser *parser) {
  lpod_buf_clear(&parser->carry);
  parser->skipping = parser->overlap = parser->fresh_gap = false;
  parser->marks.gap = parser->marks.began = false;
  parser->unseen = 0;
  parser->resuming = parser->known > 0;
  for (uint32_t i = 0; i < parser->known; i++) {
    parser->recent[i].unseen = parser->recent[i].count;
    parser->unseen += parser->recent[i].count;
  }
}

static void remember(lpod_log_parser *parser, int64_t time) {
  parser->marks.last = time;
  if (parser->known && time <= parser->high) { /* equal stamps, or out of order: it may be there already */
    for (uint32_t i = 0; i < parser->known; i++) {
      uint32_t at = (parser->newest + RECENT - i) % RECENT;
      if (parser->recent[at].time != time) continue;
      parser->recent[at].count++;
      parser->last = at;
      return;
    }
  }
  if (time > parser->high || !parser->known) parser->high = time;
  if (parser->known) parser->newest = (parser->newest + 1) % RECENT;
  if (parser->known < RECENT) parser->known++;
  parser->recent[parser->newest] = (seen_stamp){time, 1, 0};
  parser->last = parser->newest;
}

/* After a resume: was this line given out before? The first that was not ends the question. */
static bool seen_before(lpod_log_parser *parser, int64_t time) {
  int64_t oldest = INT64_MAX;
  for (uint32_t i = 0; i < parser->known; i++) {
    seen_stamp *stamp = &parser->recent[i];
    if (stamp->time < oldest) oldest = stamp->time;
    if (stamp->time != time || !stamp->unseen) continue;
    stamp->unseen--;
    if (i == parser->last) parser->overlap = true;
    if (!--parser->unseen) parser->resuming = false;
    return true;
  }
  if (time < oldest) return true;
  parser->resuming = false;
  parser->marks.gap = parser->fresh_gap = !parser->overlap;
  return false;
}

/* ---- one line ---- */

static bool digits(const char *text, size_t count, int64_t *value) {
  int64_t sum = 0;
  for (size_t i = 0; i < count; i++) {
    unsigned digit = (unsigned)(unsigned char)text[i] - '0';
    if (digit > 9) return false;
    sum = sum * 10 + (int64_t)digit;
  }
  *value = sum;
  return true;
}

/* "SS.nnnnnnnnnZ" behind the cached minute: how nearly every line begins. *used = bytes of the stamp; 0: not of this
 * form. */
static int64_t stamp_in_minute(const lpod_log_parser *parser, const char *text, size_t len, size_t *used) {
  enum { SECOND = MINUTE_TEXT, POINT = SECOND + 2, FRACTION = POINT + 1, ZULU = FRACTION + 9, WHOLE = ZULU + 1 };
  int64_t seconds, fraction;
  *used = 0;
  if (len < WHOLE || text[POINT] != '.' || text[ZULU] != 'Z' || memcmp(text, parser->minute, MINUTE_TEXT) != 0)
    return 0;
  if (!digits(text + SECOND, 2, &seconds) || seconds > 59 || !digits(text + FRACTION, 9, &fraction)) return 0;
  *used = WHOLE;
  return parser->minute_start + seconds * LPOD_NS_PER_S + fraction;
}

/* The stamp in front of a line; INT64_MIN: none (L10). *used counts the blank behind it, too. */
static int64_t read_stamp(lpod_log_parser *parser, const char *text, size_t len, size_t *used) {
  int64_t time = stamp_in_minute(parser, text, len, used);
  if (!*used) {
    if (!len || (unsigned)(unsigned char)text[0] - '0' > 9 ||
        !lpod_time_parse(text, len < STAMP_MOST ? len : STAMP_MOST, &time, used)) {
      *used = 0;
      return INT64_MIN;
    }
    int64_t seconds;
    if (text[*used - 1] == 'Z' && digits(text + MINUTE_TEXT, 2, &seconds) && seconds <= 59) {
      memcpy(parser->minute, text, MINUTE_TEXT);
      parser->minute_start = second_of(time) - seconds * LPOD_NS_PER_S;
    }
  }
  if (*used < len && text[*used] != ' ') { /* a longer word that only begins like a stamp */
    *used = 0;
    return INT64_MIN;
  }
  if (*used < len) ++*used;
  return time;
}

static bool is_ascii(const char *text, size_t len) {
  uint64_t high = 0, word;
  size_t i = 0;
  for (; i + sizeof word <= len; i += sizeof word) {
    memcpy(&word, text + i, sizeof word);
    high |= word;
  }
  for (; i < len; i++) high |= (uint64_t)(unsigned char)text[i];
  return !(high & UINT64_C(0x8080808080808080));
}

static bool starts(const char *text, size_t len, const char *with) {
  size_t with_len = strlen(with);
  return len >= with_len && memcmp(text, with, with_len) == 0;
}

/* Folding marks that a reader looks for at the beginning of a line (LOG-7). */
static bool is_group_mark(const char *text, size_t len) {
  return len && text[0] == ':' && (starts(text, len, "::group::") || starts(text, len, "::endgroup::"));
}

/* A line without a stamp: what a kubelet writes into the stream behind its 200 when it cannot read, or read on (L10,
 * M24)? The container's own lines all bear stamps. */
static bool is_complaint(const char *text, size_t len) {
  static const char *const beginnings[] = {
      "unable to retrieve container logs for ", "failed to try resolving symlinks in path ",
      "failed to open log file ",               "failed to tail ",
      "failed to seek ",                        "failed to reset seek in log file ",
      "failed to read log file ",               "failed to get parse function",
      "failed to create fsnotify watcher",      "failed to watch ",
      "rpc error: code = ", /* of the container runtime */
  };
  for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
    if (starts(text, len, beginnings[i])) return true;
  return false;
}

static lpod_rc complain(const char *text, size_t len, lpod_error *err) {
  while (len && (text[len - 1] == '\n' || text[len - 1] == '\r')) len--;
  lpod_fail(err, LPOD_E_CUT, "the kubelet says: %.*s", (int)(len < COMPLAINT_MOST ? len : COMPLAINT_MOST), text);
  if (err) {
    snprintf(err->reason, sizeof err->reason, "LogUnreadable");
    err->retryable = true;
  }
  return LPOD_E_CUT;
}

static lpod_rc more_lines(lpod_log_parser *parser, lpod_error *err) {
  size_t room = parser->room ? parser->room * 2 : 64;
  lpod_log_line *lines = realloc(parser->lines, room * sizeof *lines);
  if (!lines) return lpod_nomem(err);
  parser->lines = lines;
  parser->room = room;
  return LPOD_OK;
}

static lpod_rc put(lpod_log_parser *parser, int64_t time, const char *text, size_t len, lpod_error *err) {
  lpod_buf *out = &parser->out;
  lpod_rc rc;
  if (parser->count == parser->room && (rc = more_lines(parser, err))) return rc;
  size_t most = parser->prefix_len + len + 1;
  if (out->cap - out->len <= most && (rc = lpod_buf_reserve(out, most, err))) return rc;
  size_t before = out->len;
  if (!is_group_mark(text, len)) {
    memcpy(out->data + out->len, parser->prefix, parser->prefix_len);
    out->len += parser->prefix_len;
  }
  size_t offset = out->len;
  if (is_ascii(text, len) || lpod_utf8_valid(text, len)) {
    if (len) memcpy(out->data + out->len, text, len);
    out->len += len;
    out->data[out->len++] = '\n';
  } else if ((rc = lpod_utf8_escape(out, text, len, err)) || (rc = lpod_buf_addc(out, '\n', err))) {
    out->len = before;
    return rc;
  }
  parser->lines[parser->count++] = (lpod_log_line){time, (uint32_t)offset, (uint32_t)(out->len - offset - 1)};
  parser->marks.lines++;
  return LPOD_OK;
}

static lpod_rc take_line(lpod_log_parser *parser, const char *text, size_t len, lpod_error *err) {
  size_t used;
  int64_t time = read_stamp(parser, text, len, &used);
  if (time != INT64_MIN) {
    parser->marks.began = true;
    if (parser->resuming && seen_before(parser, time)) return LPOD_OK;
    if (time < parser->since) return LPOD_OK;
  } else if (is_complaint(text, len)) {
    return complain(text, len, err);
  }
  lpod_rc rc = len > used || parser->keep_empty ? put(parser, time, text + used, len - used, err) : LPOD_OK;
  if (!rc && time != INT64_MIN) remember(parser, time);
  return rc;
}

/* The first part of a line beyond the ceiling; a character that the ceiling splits goes with the rest. */
static lpod_rc take_cut_line(lpod_log_parser *parser, const char *text, lpod_error *err) {
  size_t len = LPOD_LIMIT_LOG_LINE;
  for (int back = 0; back < 3 && ((unsigned char)text[len] & 0xC0) == 0x80; back++) len--;
  uint64_t before = parser->marks.lines;
  lpod_rc rc = take_line(parser, text, len, err);
  parser->marks.cut += parser->marks.lines - before;
  return rc;
}

/* ---- bytes ---- */

static void empty(lpod_buf *buf) {
  if (buf->cap > KEPT_MEMORY) lpod_buf_free(buf);
  lpod_buf_clear(buf);
}

static void begin_block(lpod_log_parser *parser) {
  empty(&parser->out);
  parser->count = 0;
}

static lpod_rc end_block(lpod_log_parser *parser, lpod_rc rc, lpod_log_block *block) {
  *block =
      (lpod_log_block){parser->out.len ? parser->out.data : "", parser->out.len, parser->lines, parser->count, false};
  if (parser->count) {
    block->gap = parser->fresh_gap;
    parser->fresh_gap = false;
  }
  return rc;
}

static lpod_rc take_carry(lpod_log_parser *parser, lpod_error *err) {
  parser->skipping = parser->carry.len > LPOD_LIMIT_LOG_LINE;
  lpod_rc rc = parser->skipping ? take_cut_line(parser, parser->carry.data, err)
                                : take_line(parser, parser->carry.data, parser->carry.len, err);
  empty(&parser->carry);
  return rc;
}

static lpod_rc take_bytes(lpod_log_parser *parser, const char *data, size_t len, lpod_error *err) {
  const char *end = data + len;
  lpod_rc rc = LPOD_OK;
  while (!rc && data < end) {
    const char *newline = memchr(data, '\n', (size_t)(end - data));
    size_t part = (size_t)((newline ? newline : end) - data);
    if (parser->skipping) {
      parser->skipping = !newline;
    } else if (newline && !parser->carry.len) {
      rc = part > LPOD_LIMIT_LOG_LINE ? take_cut_line(parser, data, err) : take_line(parser, data, part, err);
    } else {
      size_t room = LPOD_LIMIT_LOG_LINE + 1 - parser->carry.len;
      rc = lpod_buf_add(&parser->carry, data, part < room ? part : room, err);
      if (!rc && (newline || parser->carry.len > LPOD_LIMIT_LOG_LINE)) rc = take_carry(parser, err);
      if (newline) parser->skipping = false;
    }
    data = newline ? newline + 1 : end;
  }
  return rc;
}

lpod_rc lpod_log_parser_feed(lpod_log_parser *parser, const char *data, size_t len, lpod_log_block *block,
                             lpod_error *err) {
  begin_block(parser);
  return end_block(parser, take_bytes(parser, data, len, err), block);
}

lpod_rc lpod_log_parser_flush(lpod_log_parser *parser, lpod_log_block *block, lpod_error *err) {
  begin_block(parser);
  return end_block(parser, parser->carry.len ? take_carry(parser, err) : LPOD_OK, block);
}

lpod_rc lpod_log_parser_end(lpod_log_parser *parser, lpod_error *err) {
  lpod_buf *carry = &parser->carry;
  if (parser->skipping || !carry->len || !is_complaint(carry->data, carry->len)) return LPOD_OK;
  lpod_rc rc = complain(carry->data, carry->len, err);
  empty(carry);
  return rc;
}
