/* Fuzzing the JSON reader: the first byte chooses options and the size of the chunks. Whole and in chunks must answer
 * alike; what is accepted must be written, read back and be equal. A broken promise ends in abort(). */
#include "data/json.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void promise(int kept) {
  if (!kept) abort();
}

static void read_back(const lpod_value *value) {
  char *text, *again;
  size_t len, again_len;
  lpod_doc *doc;
  promise(lpod_json_write(value, 0, &text, &len, NULL) == LPOD_OK);
  promise(lpod_json_parse(text, len, &doc, NULL) == LPOD_OK);
  promise(lpod_value_equal(value, lpod_doc_root(doc)));
  promise(lpod_json_write(lpod_doc_root(doc), 0, &again, &again_len, NULL) == LPOD_OK);
  promise(len == again_len && memcmp(text, again, len) == 0);
  lpod_doc_free(doc);
  lpod_text_free(text);
  lpod_text_free(again);
}

/* All that a reader delivers and says, as one text. */
static void read_chunks(const lpod_json_options *options, const char *text, size_t len, size_t chunk, lpod_buf *out) {
  lpod_json_reader *reader = lpod_json_reader_new(options);
  lpod_error err = LPOD_ERROR_INIT;
  lpod_rc rc = LPOD_OK;
  lpod_doc *doc = NULL;
  for (size_t at = 0; at < len && !rc;) {
    size_t part = len - at < chunk ? len - at : chunk, used;
    bool is_item;
    rc = lpod_json_reader_feed(reader, text + at, part, &used, &doc, &is_item, &err);
    promise(used <= part && (rc || doc || used == part) && !(rc && doc));
    at += used;
    if (!doc) continue;
    lpod_buf_addc(out, is_item ? 'i' : 'v', NULL);
    promise(lpod_json_append(out, lpod_doc_root(doc), 0, NULL) == LPOD_OK);
    read_back(lpod_doc_root(doc));
    lpod_json_reader_reuse(reader, doc);
  }
  if (!rc) rc = lpod_json_reader_end(reader, &doc, &err);
  if (!rc && doc) {
    lpod_buf_addc(out, 'v', NULL);
    promise(lpod_json_append(out, lpod_doc_root(doc), 0, NULL) == LPOD_OK);
    lpod_doc_free(doc);
  }
  if (rc) lpod_buf_adds(out, err.text, NULL);
  lpod_json_reader_free(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  if (!len) return 0;
  lpod_json_options options = {.ceiling = data[0] & 8 ? 3000 : 0,
                               .stream = data[0] & 1,
                               .items = data[0] & 2 ? "i" : NULL,
                               .skip = data[0] & 4 ? "m" : NULL};
  size_t chunk = (size_t)(data[0] >> 4) + 1;
  const char *text = (const char *)data + 1;
  lpod_buf whole = LPOD_BUF_INIT(SIZE_MAX), parts = LPOD_BUF_INIT(SIZE_MAX);
  read_chunks(&options, text, len - 1, SIZE_MAX, &whole);
  read_chunks(&options, text, len - 1, chunk, &parts);
  promise(options.ceiling ||
          (whole.len == parts.len && (!whole.len || memcmp(whole.data, parts.data, whole.len) == 0)));
  lpod_buf_free(&whole);
  lpod_buf_free(&parts);
  return 0;
}
