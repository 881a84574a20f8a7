/* Help for the data tests: text of a value, splits of an input, and random values from a seed. */
#ifndef CHECK_VALUES_H
#define CHECK_VALUES_H

#include "data/json.h"
#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline char *to_json(const lpod_value *value) {
  char *text;
  size_t len;
  lpod_error err = LPOD_ERROR_INIT;
  ck_assert_msg(lpod_json_write(value, 0, &text, &len, &err) == LPOD_OK, "%s", err.text);
  return text;
}

/* A small generator, so that a failure repeats. */
static uint64_t random_state = 88172645463325252u;
static inline uint32_t random_below(uint32_t limit) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (uint32_t)((random_state >> 16) % limit);
}

static inline lpod_value *random_string(lpod_doc *doc) {
  static const char *const PARTS[] = {"a",
                                      "b",
                                      "plain",
                                      " ",
                                      "  ",
                                      "\n",
                                      "\n\n",
                                      "\t",
                                      "\r",
                                      ":",
                                      ": ",
                                      "#",
                                      " #",
                                      "-",
                                      "- ",
                                      "?",
                                      "!",
                                      "&x",
                                      "*x",
                                      "|",
                                      ">",
                                      "'",
                                      "\"",
                                      "\\",
                                      "%",
                                      "@",
                                      "`",
                                      "{",
                                      "}",
                                      "[",
                                      "]",
                                      ",",
                                      "true",
                                      "null",
                                      "~",
                                      "yes",
                                      "No",
                                      "on",
                                      "1",
                                      "0x1f",
                                      "1e3",
                                      "1.5",
                                      ".5",
                                      "+1",
                                      "1_000",
                                      "0o7",
                                      "12:30",
                                      "2001-01-01",
                                      "2001-12-14t21:59:43.10-05:00",
                                      "<<",
                                      "=",
                                      "---",
                                      "...",
                                      ".inf",
                                      "\xC3\xA9",
                                      "\xE2\x82\xAC",
                                      "\xF0\x9F\x98\x80",
                                      "\xC2\x85",
                                      "\xE2\x80\xA8",
                                      "\xEF\xBB\xBF",
                                      "\x7F",
                                      "\x01",
                                      "0",
                                      "y"};
  char text[200] = "";
  for (uint32_t count = random_below(5); count; count--)
    strcat(text, PARTS[random_below(sizeof PARTS / sizeof *PARTS)]);
  size_t len = strlen(text);
  if (random_below(40) == 0) text[len++] = '\0'; /* a NUL at the end */
  return lpod_value_new_string(doc, text, len);
}

static inline lpod_value *random_value(lpod_doc *doc, unsigned depth) {
  static const int64_t INTEGERS[] = {0, 1, -1, 42, 255, INT64_MAX, INT64_MIN, 9007199254740993};
  switch (random_below(depth ? 10 : 7)) {
  case 0: return lpod_value_new(doc, LPOD_NULL);
  case 1: return lpod_value_new_bool(doc, random_below(2));
  case 2: return lpod_value_new_int(doc, INTEGERS[random_below(8)]);
  case 3: {
    union {
      uint64_t bits;
      double number;
    } any = {((uint64_t)random_below(UINT32_MAX) << 32) | random_below(UINT32_MAX)};
    lpod_value *value = lpod_value_new_double(doc, any.number);
    return value ? value : lpod_value_new_double(doc, random_below(1000) / 8.0);
  }
  case 7:
  case 8: {
    lpod_value *map = lpod_value_new(doc, LPOD_OBJECT);
    for (uint32_t count = random_below(random_below(30) ? 6 : 40); count; count--) {
      size_t len;
      const char *key = lpod_value_string(random_string(doc), &len);
      lpod_value_set(doc, map, key, len, random_value(doc, depth - 1));
    }
    return map;
  }
  case 9: {
    lpod_value *list = lpod_value_new(doc, LPOD_ARRAY);
    for (uint32_t count = random_below(6); count; count--) lpod_value_push(list, random_value(doc, depth - 1));
    return list;
  }
  default: return random_string(doc);
  }
}

#endif
