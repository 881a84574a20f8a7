/* The incremental JSON reader: a state machine without recursion. What a chunk boundary cuts waits in the arena (text,
 * digits) or in `pending` (half an escape or character), so every split gives the same answer. While a container is
 * open, its `next` is the container around it, and its `line` the base of its keys. Scalars are json_escape.c's and
 * number.c's; twice the same key is found by keys.c. */
#include "json.h"
#include "../base/limits.h"
#include "json_escape.h"
#include "keys.h"
#include "number.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEFT_OUT 255 /* type of an entry that is checked but not delivered: it goes when its map ends */

typedef enum state { /* what comes next */
                     AT_VALUE,
                     AT_FIRST_ITEM, /* or ] */
                     AT_FIRST_KEY,  /* or } */
                     AT_KEY,
                     AT_COLON,
                     AT_COMMA, /* or the end of the container */
                     AT_END,
                     IN_STRING,
                     IN_NUMBER,
                     IN_WORD,
} state;

struct lpod_json_reader {
  lpod_json_options options;
  size_t items_len, skip_len;
  state state;
  bool string_is_key;
  bool failed;
  unsigned depth;
  lpod_doc *doc;   /* of the value that is being read */
  lpod_doc *outer; /* of the top-level map, while its items are read */
  lpod_doc *spare;
  lpod_value *open;        /* innermost open container */
  lpod_value *items_map;   /* the top-level map, while its items are read */
  lpod_value *skipped;     /* the outermost value that is being thrown away ... */
  lpod_doc_mark skip_mark; /* ... and where its memory begins */
  const char *key;
  uint32_t key_len;
  uint64_t key_at; /* offsets are from the first byte ever read */
  char *text;      /* start of the open text, which ends at doc->at */
  uint64_t text_at;
  char pending[LPOD_JSON_ESCAPE_MAX];
  size_t pending_len;
  const char *word;
  size_t word_at;
  const char *chunk; /* the bytes being read, and the offset of the first one */
  uint64_t chunk_at;
  uint64_t line, line_at;
  lpod_keys keys;
  lpod_error failure;
};

/* ---- errors ---- */

static uint64_t offset_of(const lpod_json_reader *reader, const char *at) {
  return reader->chunk_at + (uint64_t)(at - reader->chunk);
}

static lpod_rc fail_at(const lpod_json_reader *reader, uint64_t at, lpod_rc rc, const char *what, lpod_error *err) {
  return lpod_fail(err, rc, "line %" PRIu64 ", column %" PRIu64 ": %s", reader->line, at - reader->line_at + 1, what);
}

static lpod_rc unexpected(const lpod_json_reader *reader, uint64_t at, const char *found, const char *expected,
                          lpod_error *err) {
  char what[160];
  snprintf(what, sizeof what, "found %s, expected %s", found, expected);
  return fail_at(reader, at, LPOD_E_PARSE, what, err);
}

/* byte: what is there, NULL for the end of the input. */
static lpod_rc unexpected_here(const lpod_json_reader *reader, uint64_t at, const char *byte, const char *expected,
                               lpod_error *err) {
  char found[24];
  unsigned code = byte ? (unsigned char)*byte : 0;
  snprintf(found, sizeof found, !byte ? "the end" : code > 0x20 && code < 0x7F ? "'%c'" : "byte 0x%02x", code);
  return unexpected(reader, at, found, expected, err);
}

static lpod_rc unexpected_byte(const lpod_json_reader *reader, const char *at, const char *expected, lpod_error *err) {
  return unexpected_here(reader, offset_of(reader, at), at, expected, err);
}

/* Room in the arena, with open text before it or not; the ceiling is told with its place. */
static lpod_rc make_room(lpod_json_reader *reader, size_t open, size_t room, lpod_error *err) {
  lpod_error cause = LPOD_ERROR_INIT;
  lpod_rc rc = lpod_doc_grow(reader->doc, open, room, &cause);
  if (rc == LPOD_E_LIMIT) return fail_at(reader, reader->text_at, rc, cause.text, err);
  return rc ? lpod_nomem(err) : LPOD_OK;
}

/* ---- the tree ---- */

static bool same_text(const char *a, size_t a_len, const char *b, size_t b_len) {
  return a_len == b_len && memcmp(a, b, a_len) == 0;
}

/* The first of a document's values takes a document, too. */
static lpod_rc take_doc(lpod_json_reader *reader, lpod_error *err) {
  if (reader->doc) return LPOD_OK;
  reader->doc = reader->spare ? reader->spare : lpod_doc_new(reader->options.ceiling);
  reader->spare = NULL;
  return reader->doc ? LPOD_OK : lpod_nomem(err);
}

static lpod_rc note_key(lpod_json_reader *reader, lpod_error *err) {
  bool duplicate;
  lpod_rc rc = lpod_keys_add(&reader->keys, reader->open, &reader->open->line, &duplicate, err);
  if (rc || !duplicate) return rc;
  char what[160];
  snprintf(what, sizeof what, "key \"%.80s\" is there twice", reader->key);
  return fail_at(reader, reader->key_at, LPOD_E_PARSE, what, err);
}

/* A new value in the place that is being read. */
static lpod_rc add(lpod_json_reader *reader, uint8_t type, lpod_value **out, lpod_error *err) {
  const size_t room = sizeof(lpod_value) + _Alignof(lpod_value);
  if ((size_t)(reader->doc->end - reader->doc->at) < room) {
    lpod_rc rc = make_room(reader, 0, room, err);
    if (rc) return rc;
  }
  lpod_value *value = lpod_doc_alloc(reader->doc, sizeof *value);
  *value = (lpod_value){.type = type};
  *out = value;
  lpod_value *parent = reader->open;
  if (!parent) {
    reader->doc->root = value;
    return LPOD_OK;
  }
  lpod_value_link(parent, value);
  if (parent->type != LPOD_OBJECT) return LPOD_OK;
  value->key = reader->key;
  value->key_len = reader->key_len;
  if (reader->options.skip && !reader->skipped &&
      same_text(reader->key, reader->key_len, reader->options.skip, reader->skip_len)) {
    reader->skipped = value;
    reader->skip_mark = lpod_doc_here(reader->doc);
  }
  return note_key(reader, err);
}

/* A value is complete. */
static void complete(lpod_json_reader *reader, lpod_value *value) {
  if (value == reader->skipped) {
    lpod_doc_rewind(reader->doc, reader->skip_mark);
    reader->skipped = NULL;
    value->type = LEFT_OUT;
    reader->open->boolean = true;
  }
  reader->state = AT_COMMA;
}

static lpod_rc open_container(lpod_json_reader *reader, const char *at, uint8_t type, lpod_error *err) {
  if (reader->depth == LPOD_LIMIT_JSON_DEPTH) {
    char what[64];
    snprintf(what, sizeof what, "nested deeper than %u levels", LPOD_LIMIT_JSON_DEPTH);
    return fail_at(reader, offset_of(reader, at), LPOD_E_LIMIT, what, err);
  }
  lpod_value *value;
  lpod_rc rc = add(reader, type, &value, err);
  if (rc) return rc;
  reader->depth++;
  value->next = reader->open;
  reader->open = value;
  reader->state = type == LPOD_ARRAY ? AT_FIRST_ITEM : AT_FIRST_KEY;
  return LPOD_OK;
}

static void remove_left_out(lpod_value *map) {
  lpod_value *previous = NULL, *entry = map->as.children.first;
  while (entry) {
    lpod_value *next = entry->next;
    if (entry->type == LEFT_OUT) {
      lpod_value_unlink(map, previous, entry);
    } else {
      previous = entry;
    }
    entry = next;
  }
  map->boolean = false;
}

static void close_container(lpod_json_reader *reader) {
  lpod_value *value = reader->open;
  reader->open = value->next;
  value->next = NULL;
  lpod_keys_close(&reader->keys, value->line);
  value->line = 0;
  if (value->boolean) remove_left_out(value);
  reader->depth--;
  complete(reader, value);
}

/* ---- items of the top-level map ---- */

static bool is_items(const lpod_json_reader *reader) {
  return reader->options.items && reader->depth == 1 && !reader->items_map && reader->open->type == LPOD_OBJECT &&
         same_text(reader->key, reader->key_len, reader->options.items, reader->items_len);
}

static lpod_rc begin_items(lpod_json_reader *reader, lpod_error *err) {
  lpod_value *entry;
  lpod_rc rc = add(reader, LEFT_OUT, &entry, err);
  if (rc) return rc;
  reader->skipped = NULL;
  reader->open->boolean = true;
  reader->items_map = reader->open;
  reader->outer = reader->doc;
  reader->open = NULL;
  reader->doc = NULL;
  reader->depth++;
  reader->state = AT_FIRST_ITEM;
  return LPOD_OK;
}

static void end_items(lpod_json_reader *reader) {
  reader->open = reader->items_map;
  reader->doc = reader->outer;
  reader->items_map = NULL;
  reader->outer = NULL;
  reader->depth--;
  reader->state = AT_COMMA;
}

/* ---- strings ---- */

/* Eight bytes at a time: a bit is set in every byte up to the first that is a control, a quote, a backslash or not
 * ASCII. Above the first such byte a borrow may set more. */
static inline uint64_t special_bytes(uint64_t word) {
  const uint64_t ones = UINT64_C(0x0101010101010101);
  uint64_t quote = word ^ ones * '"', backslash = word ^ ones * '\\';
  return ((word - ones * 0x20) | (quote - ones) | (backslash - ones) | word) & ones * 0x80;
}

static inline bool is_plain(char c) { return (signed char)c >= 0x20 && c != '"' && c != '\\'; }

/* How many bytes below the first special one, as far as the byte order lets us see. */
static inline size_t plain_bytes(uint64_t special) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  return (size_t)__builtin_ctzll(special) / 8;
#else
  return special ? 0 : 8;
#endif
}

static lpod_rc grow_text(lpod_json_reader *reader, size_t room, lpod_error *err) {
  size_t open = reader->text ? (size_t)(reader->doc->at - reader->text) : 0;
  lpod_rc rc = make_room(reader, open, room, err);
  if (!rc) reader->text = reader->doc->at - open;
  return rc;
}

static void open_text(lpod_json_reader *reader, const char *at) {
  reader->text = reader->doc->at;
  reader->text_at = offset_of(reader, at);
}

static lpod_rc wrong_sequence(const lpod_json_reader *reader, uint64_t at, char first, const char *expected,
                              lpod_error *err) {
  char found[16];
  snprintf(found, sizeof found, first == '\\' ? "another escape" : "byte 0x%02x", (unsigned char)first);
  return unexpected(reader, at, found, expected, err);
}

/* An escape or character that began in an earlier chunk. */
static lpod_rc read_pending(lpod_json_reader *reader, const char **at, const char *end, lpod_error *err) {
  while (reader->pending_len && *at < end) {
    reader->pending[reader->pending_len++] = *(*at)++;
    const char *expected;
    size_t wrote;
    int used = lpod_json_unescape(reader->pending, reader->pending_len, reader->doc->at, &wrote, &expected);
    if (used < 0) {
      return wrong_sequence(reader, offset_of(reader, *at) - reader->pending_len, reader->pending[0], expected, err);
    }
    if (used) {
      reader->doc->at += wrote;
      reader->pending_len = 0;
    }
  }
  return LPOD_OK;
}

/* An escape, a character that is not ASCII, or a byte that may not be there. */
static lpod_rc read_special(lpod_json_reader *reader, const char **at, const char *end, lpod_error *err) {
  const char *expected;
  size_t wrote;
  if ((unsigned char)**at < 0x20) return unexpected_byte(reader, *at, "an escape or the end of the string", err);
  int used = lpod_json_unescape(*at, (size_t)(end - *at), reader->doc->at, &wrote, &expected);
  if (used < 0) return wrong_sequence(reader, offset_of(reader, *at), **at, expected, err);
  if (used) {
    reader->doc->at += wrote;
    *at += used;
  } else {
    reader->pending_len = (size_t)(end - *at);
    memcpy(reader->pending, *at, reader->pending_len);
    *at = end;
  }
  return LPOD_OK;
}

static lpod_rc end_string(lpod_json_reader *reader, lpod_error *err) {
  const char *text = reader->text;
  size_t len = (size_t)(reader->doc->at - text);
  *reader->doc->at++ = '\0';
  if (len >= UINT32_MAX) return fail_at(reader, reader->text_at, LPOD_E_LIMIT, "text of more than 4 GiB", err);
  if (reader->string_is_key) {
    reader->key = text;
    reader->key_len = (uint32_t)len;
    reader->key_at = reader->text_at;
    reader->state = AT_COLON;
    return LPOD_OK;
  }
  lpod_value *value;
  lpod_rc rc = add(reader, LPOD_STRING, &value, err);
  if (rc) return rc;
  value->as.text = text;
  value->count = (uint32_t)len;
  complete(reader, value);
  return LPOD_OK;
}

/* Scans and copies in one pass. A word is copied whole while 24 bytes are free, which leaves room for the rest of a
 * chunk (7), a character (4) and the closing NUL. */
static lpod_rc read_string(lpod_json_reader *reader, const char **at, const char *end, lpod_error *err) {
  const size_t room = 24;
  const char *from = *at;
  lpod_rc rc = LPOD_OK;
  reader->state = IN_STRING;
  while (!rc) {
    if ((size_t)(reader->doc->end - reader->doc->at) < room && (rc = grow_text(reader, room, err))) break;
    if (reader->pending_len) {
      rc = read_pending(reader, &from, end, err);
      if (rc || reader->pending_len) break;
      continue;
    }
    char *to = reader->doc->at, *last = reader->doc->end - room;
    uint64_t special = 0;
    for (uint64_t word; end - from >= 8 && to <= last; from += 8, to += 8) {
      memcpy(&word, from, 8);
      memcpy(to, &word, 8);
      special = special_bytes(word);
      if (special) break;
    }
    if (special) {
      from += plain_bytes(special);
      to += plain_bytes(special);
    }
    bool full = !special && end - from >= 8;
    while (!full && from < end && is_plain(*from)) *to++ = *from++;
    reader->doc->at = to;
    if (full) continue;
    if (from == end) break;
    if (*from == '"') {
      from++;
      rc = end_string(reader, err);
      break;
    }
    rc = read_special(reader, &from, end, err);
  }
  *at = from;
  return rc;
}

static lpod_rc begin_string(lpod_json_reader *reader, const char **at, const char *end, bool is_key, lpod_error *err) {
  open_text(reader, *at);
  reader->string_is_key = is_key;
  (*at)++;
  return read_string(reader, at, end, err);
}

/* ---- numbers and words ---- */

static bool is_number_byte(char c) {
  return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* All of a number is there; next is the byte behind it, NULL at the end of the input. */
static lpod_rc end_number(lpod_json_reader *reader, const char *text, size_t len, const char *next, lpod_error *err) {
  lpod_json_number number;
  lpod_rc rc = lpod_json_number_read(text, len, &number, err);
  if (rc) return rc;
  if (number.expected) {
    uint64_t at = reader->text_at + number.bad_at;
    if (!number.bad_at) return unexpected(reader, at, "a larger one", number.expected, err);
    return unexpected_here(reader, at, number.bad_at < len ? text + number.bad_at : next, number.expected, err);
  }
  lpod_value *value;
  rc = add(reader, number.is_double ? LPOD_DOUBLE : LPOD_INT, &value, err);
  if (rc) return rc;
  if (number.is_double) {
    value->as.number = number.number;
  } else {
    value->as.integer = number.integer;
  }
  complete(reader, value);
  return LPOD_OK;
}

/* A number of which a part came with an earlier chunk; its text in the arena is not needed any more. */
static lpod_rc end_cut_number(lpod_json_reader *reader, const char *next, lpod_error *err) {
  char *text = reader->text;
  size_t len = (size_t)(reader->doc->at - text);
  reader->doc->at = text; /* the value overwrites it only after it was read */
  return end_number(reader, text, len, next, err);
}

static lpod_rc read_number(lpod_json_reader *reader, const char **at, const char *end, lpod_error *err) {
  const char *from = *at;
  while (*at < end && is_number_byte(**at)) (*at)++;
  size_t len = (size_t)(*at - from);
  bool resumed = reader->state == IN_NUMBER;
  if (*at < end && !resumed) return end_number(reader, from, len, *at, err);
  lpod_rc rc = grow_text(reader, len + 1, err);
  if (rc) return rc;
  if (len) memcpy(reader->doc->at, from, len);
  reader->doc->at += len;
  reader->state = IN_NUMBER;
  if (*at == end) return LPOD_OK;
  return end_cut_number(reader, *at, err);
}

static lpod_rc begin_word(lpod_json_reader *reader, const char *at, const char *word) {
  reader->text_at = offset_of(reader, at);
  reader->word = word;
  reader->word_at = 0;
  reader->state = IN_WORD;
  return LPOD_OK;
}

static lpod_rc read_word(lpod_json_reader *reader, const char **at, const char *end, lpod_error *err) {
  for (; *at < end && reader->word[reader->word_at]; (*at)++, reader->word_at++) {
    if (**at != reader->word[reader->word_at]) return unexpected_byte(reader, *at, reader->word, err);
  }
  if (reader->word[reader->word_at]) return LPOD_OK;
  lpod_value *value;
  lpod_rc rc = add(reader, reader->word[0] == 'n' ? LPOD_NULL : LPOD_BOOL, &value, err);
  if (rc) return rc;
  bool truth = reader->word[0] == 't';
  complete(reader, value);
  if (value->type == LPOD_BOOL) value->boolean = truth;
  return LPOD_OK;
}

/* ---- the machine ---- */

static lpod_rc read_value(lpod_json_reader *reader, const char **at, const char *end, lpod_error *err) {
  lpod_rc rc = take_doc(reader, err);
  if (rc) return rc;
  char c = **at;
  switch (c) {
  case '"': return begin_string(reader, at, end, false, err);
  case '{':
  case '[':
    if (c == '[' && is_items(reader)) {
      rc = begin_items(reader, err);
    } else {
      rc = open_container(reader, *at, c == '[' ? LPOD_ARRAY : LPOD_OBJECT, err);
    }
    (*at)++;
    return rc;
  case 't': return begin_word(reader, *at, "true");
  case 'f': return begin_word(reader, *at, "false");
  case 'n': return begin_word(reader, *at, "null");
  default:
    if (c != '-' && (c < '0' || c > '9')) return unexpected_byte(reader, *at, "a value", err);
    open_text(reader, *at);
    return read_number(reader, at, end, err);
  }
}

/* Behind a value: a comma or the end of what holds it. */
static lpod_rc read_comma(lpod_json_reader *reader, const char **at, lpod_error *err) {
  bool in_map = reader->open && reader->open->type == LPOD_OBJECT;
  char c = **at;
  if (c == ',') {
    reader->state = in_map ? AT_KEY : AT_VALUE;
  } else if (c == (in_map ? '}' : ']')) {
    if (reader->open) {
      close_container(reader);
    } else {
      end_items(reader);
    }
  } else {
    return unexpected_byte(reader, *at, in_map ? "',' or '}'" : "',' or ']'", err);
  }
  (*at)++;
  return LPOD_OK;
}

/* One token, or as much of it as there is; at < end, and *at is no white space unless inside a token. */
static lpod_rc read_token(lpod_json_reader *reader, const char **at, const char *end, lpod_error *err) {
  char c = **at;
  switch (reader->state) {
  case AT_FIRST_ITEM:
    if (c == ']') return read_comma(reader, at, err);
    return read_value(reader, at, end, err);
  case AT_VALUE: return read_value(reader, at, end, err);
  case AT_FIRST_KEY:
    if (c == '}') return read_comma(reader, at, err);
    if (c != '"') return unexpected_byte(reader, *at, "a key or '}'", err);
    return begin_string(reader, at, end, true, err);
  case AT_KEY:
    if (c != '"') return unexpected_byte(reader, *at, "a key", err);
    return begin_string(reader, at, end, true, err);
  case AT_COLON:
    if (c != ':') return unexpected_byte(reader, *at, "':'", err);
    (*at)++;
    reader->state = AT_VALUE;
    return LPOD_OK;
  case AT_COMMA: return read_comma(reader, at, err);
  case AT_END: return unexpected_byte(reader, *at, "the end", err);
  case IN_STRING: return read_string(reader, at, end, err);
  case IN_NUMBER: return read_number(reader, at, end, err);
  case IN_WORD: return read_word(reader, at, end, err);
  }
  return LPOD_OK;
}

/* White space may also end a number that an earlier chunk began. */
static const char *skip_space(lpod_json_reader *reader, const char *at, const char *end) {
  for (; at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'); at++) {
    if (*at == '\n') {
      reader->line++;
      reader->line_at = offset_of(reader, at) + 1;
    }
  }
  return at;
}

/* A document is whole when nothing is open and its value ended. */
static lpod_doc *deliver(lpod_json_reader *reader, bool *is_item) {
  if (reader->open || reader->state != AT_COMMA || !reader->doc) return NULL;
  lpod_doc *doc = reader->doc;
  reader->doc = NULL;
  if (is_item) *is_item = reader->items_map != NULL;
  if (!reader->items_map) reader->state = reader->options.stream ? AT_VALUE : AT_END;
  return doc;
}

static lpod_rc keep_failure(lpod_json_reader *reader, const lpod_error *failure, lpod_error *err) {
  reader->failed = true;
  reader->failure = *failure;
  if (err) *err = *failure;
  return failure->rc;
}

lpod_rc lpod_json_reader_feed(lpod_json_reader *reader, const char *data, size_t len, size_t *used, lpod_doc **out,
                              bool *is_item, lpod_error *err) {
  const char *at = data, *end = len ? data + len : data;
  lpod_error failure;
  lpod_rc rc = LPOD_OK;
  *out = NULL;
  *used = 0;
  if (is_item) *is_item = false;
  if (reader->failed) return keep_failure(reader, &reader->failure, err);
  reader->chunk = data;
  while (!rc && !*out) {
    if (reader->state < IN_STRING) at = skip_space(reader, at, end);
    if (at == end) break;
    rc = read_token(reader, &at, end, &failure);
    if (!rc && !reader->open) *out = deliver(reader, is_item);
  }
  *used = (size_t)(at - data);
  if (rc) return keep_failure(reader, &failure, err);
  reader->chunk_at += *used;
  return LPOD_OK;
}

lpod_rc lpod_json_reader_end(lpod_json_reader *reader, lpod_doc **out, lpod_error *err) {
  lpod_error failure;
  *out = NULL;
  if (reader->failed) return keep_failure(reader, &reader->failure, err);
  reader->chunk = NULL;
  if (reader->state == IN_NUMBER && !reader->open && !reader->items_map) {
    if (end_cut_number(reader, NULL, &failure)) return keep_failure(reader, &failure, err);
    *out = deliver(reader, NULL);
  }
  bool partial = lpod_json_reader_partial(reader);
  bool empty = !partial && reader->state == AT_VALUE && !reader->options.stream;
  if (!partial && !empty) return LPOD_OK;
  const char *what = empty ? "unexpected end, expected a value" : "unexpected end";
  fail_at(reader, reader->chunk_at, LPOD_E_PARSE, what, &failure);
  return keep_failure(reader, &failure, err);
}

bool lpod_json_reader_partial(const lpod_json_reader *reader) { return reader->doc || reader->outer; }

void lpod_json_reader_reuse(lpod_json_reader *reader, lpod_doc *doc) {
  if (!doc) return;
  if (reader->spare) {
    lpod_doc_free(doc);
    return;
  }
  lpod_doc_reset(doc);
  reader->spare = doc;
}

static void begin(lpod_json_reader *reader, const lpod_json_options *options) {
  if (options) reader->options = *options;
  if (reader->options.items) reader->items_len = strlen(reader->options.items);
  if (reader->options.skip) reader->skip_len = strlen(reader->options.skip);
  reader->line = 1;
}

static void release(lpod_json_reader *reader) {
  lpod_doc_free(reader->doc);
  lpod_doc_free(reader->outer);
  lpod_doc_free(reader->spare);
  lpod_keys_free(&reader->keys);
}

lpod_json_reader *lpod_json_reader_new(const lpod_json_options *options) {
  lpod_json_reader *reader = calloc(1, sizeof *reader);
  if (reader) begin(reader, options);
  return reader;
}

void lpod_json_reader_free(lpod_json_reader *reader) {
  if (!reader) return;
  release(reader);
  free(reader);
}

lpod_rc lpod_json_parse(const char *text, size_t len, lpod_doc **out, lpod_error *err) {
  lpod_json_reader reader = {0};
  lpod_doc *rest = NULL;
  size_t used = 0, more;
  begin(&reader, NULL);
  lpod_rc rc = lpod_json_reader_feed(&reader, text, len, &used, out, NULL, err);
  if (!rc && *out) rc = lpod_json_reader_feed(&reader, text + used, len - used, &more, &rest, NULL, err);
  if (!rc) rc = lpod_json_reader_end(&reader, &rest, err);
  if (!rc && !*out) *out = rest;
  if (rc) {
    lpod_doc_free(*out);
    *out = NULL;
  }
  release(&reader);
  return rc;
}
