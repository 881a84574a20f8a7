/* The log of one container as records: lines with their stamps, cut out of the byte stream, each once (L1–L12, LOG-5,
 * LOG-6). Opens when told, keeps a marker (last stamp and how many lines bore it), and when opened again resumes from
 * that second and drops what was seen (L2). What an end of the stream means is decided by its owner, who knows the
 * watch (L7, M11). */
#ifndef LPOD_KUBE_LOGS_H
#define LPOD_KUBE_LOGS_H

#include "client.h"

typedef struct lpod_log lpod_log;

typedef struct lpod_log_line {
  int64_t time;         /* ns since 1970; INT64_MIN: the line had no stamp (L10) */
  uint32_t offset, len; /* of the text in the block, without its newline */
} lpod_log_line;

typedef struct lpod_log_block {
  /* Lines one behind the other, each with its closing '\n' and the prefix in front of it, but for group marks (LOG-7);
   * valid UTF-8. */
  const char *text;
  size_t len;
  lpod_log_line *lines; /* offset is that of the message, after the prefix */
  size_t count;
  bool gap; /* lines may be missing for good in front of this block (L8, LOG-12) */
} lpod_log_block;

typedef struct lpod_log_options {
  const char *ns, *pod, *container;
  const char *prefix; /* put in front of each line: "[base] "; NULL: none */
  bool keep_empty;    /* lines without a message are given out, too; else they only move the marker (LOG-5) */
  bool follow, previous;
  int64_t since;      /* ns since 1970: not before; 0 = from the beginning */
  int64_t tail_lines; /* last lines only; negative = all */
  /* Seconds; a stream that is silent for so long ends with LPOD_E_TIMEOUT, so that its owner opens it again and sees
   * whether only the kubelet had stopped sending (L9); 0: never. */
  double silence;
  /* Once held, it goes on on a connection of its own, where a further hold gives up nothing. For a reader of few logs
   * who keeps holding: what was written within the last line's second comes again with each new stream. */
  bool own;
  /* The log can be read: its first lines are there, or its end. A 200 alone says nothing: a kubelet that finds no file
   * answers 200 and a complaint (M24). May be NULL. */
  void (*on_open)(void *arg);
  void (*on_block)(void *arg, const lpod_log_block *block); /* lines that became whole; borrowed */
  /* The stream ended. error NULL: a clean EOF, which says nothing about the container (M11). A kubelet's complaint
   * within the stream is an error: LPOD_E_CUT, reason LogUnreadable. The log stays and may be opened again. */
  void (*on_end)(void *arg, const lpod_error *error);
  void *arg;
} lpod_log_options;

lpod_log *lpod_log_new(lpod_kube *kube, const lpod_log_options *options, lpod_error *err);
void lpod_log_free(lpod_log *log); /* closes; no callback follows */
/* Open, or open again from the marker. follow may differ from the options' (a last tail read: L7). */
lpod_rc lpod_log_open(lpod_log *log, bool follow, lpod_error *err);
/* on_end does not follow; the marker stays. Close and free are fine in every callback. */
void lpod_log_close(lpod_log *log);
/* A reader that cannot keep up (L15, M2): the stream is given up, and opened again from the marker when it can. A log
 * that is opened meanwhile waits. _release: not from inside a callback; when it fails, on_end has not been called. */
void lpod_log_hold(lpod_log *log);
lpod_rc lpod_log_release(lpod_log *log, lpod_error *err);
/* It was held and went on on a connection of its own: a kubelet that has fallen behind with a file ends such a stream
 * cleanly when the container has ended, newer files or not. A tail read tells (L7, L8). */
bool lpod_log_lagged(const lpod_log *log);
void lpod_log_flush(lpod_log *log); /* hand over an incomplete last line (LOG-6) */
uint64_t lpod_log_lines(const lpod_log *log);
/* Lines may be missing for good: the first stamp after the last resume lay beyond the marker without overlap (L8). */
bool lpod_log_gap(const lpod_log *log);
int64_t lpod_log_last(const lpod_log *log); /* stamp of the last line; 0 = none */
/* Lines longer than LPOD_LIMIT_LOG_LINE: their first part was given, the rest dropped. */
uint64_t lpod_log_cut(const lpod_log *log);

/* The pure part, for tests and for other streams: bytes in, blocks out. The same lines however the bytes are split
 * (X07). A line (its stamp included) longer than LPOD_LIMIT_LOG_LINE is cut there, at the edge of a character, and
 * counted. */
typedef struct lpod_log_parser lpod_log_parser;
typedef struct lpod_log_marks {
  int64_t last;   /* stamp of the last line; INT64_MIN: none yet */
  uint64_t lines; /* given out */
  uint64_t cut;   /* of them, cut at the ceiling */
  bool gap;       /* since the last resume: see lpod_log_gap */
  bool began;     /* since the last resume: a line of the container came, new or not */
} lpod_log_marks;
lpod_log_parser *lpod_log_parser_new(const char *prefix, bool keep_empty);
void lpod_log_parser_free(lpod_log_parser *parser);
/* A new stream begins: drop what was seen, throw a partial line away. */
void lpod_log_parser_resume(lpod_log_parser *parser);
/* Parse on. After each call the block holds what became whole, also when it fails; valid until the next call. A line
 * without a stamp that is a kubelet's complaint is LPOD_E_CUT with its text (M24). */
lpod_rc lpod_log_parser_feed(lpod_log_parser *parser, const char *data, size_t len, lpod_log_block *block,
                             lpod_error *err);
lpod_rc lpod_log_parser_flush(lpod_log_parser *parser, lpod_log_block *block, lpod_error *err);
/* The stream ended: an incomplete line that is a kubelet's complaint is an error as well, and gone; any other waits for
 * the flush. */
lpod_rc lpod_log_parser_end(lpod_log_parser *parser, lpod_error *err);
/* A gap may be in front of the next line for a reason that stamps do not tell. */
void lpod_log_parser_doubt(lpod_log_parser *parser);
/* Drop lines stamped before (sinceTime knows seconds only: L2). */
void lpod_log_parser_since(lpod_log_parser *parser, int64_t since);
const lpod_log_marks *lpod_log_parser_marks(const lpod_log_parser *parser);

#endif
