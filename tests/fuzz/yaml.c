/* Fuzzing the YAML reader and writer: what is accepted must be written as YAML and as JSON, read back and be equal. A
 * broken promise ends in abort(). */
#include "data/yaml.h"
#include "base/limits.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void promise(int kept) {
  if (!kept) abort();
}

static void read_back(const lpod_value *value) {
  char *text;
  size_t len;
  lpod_doc *doc;
  promise(lpod_yaml_write(value, &text, &len, NULL) == LPOD_OK);
  if (len <= LPOD_LIMIT_YAML_BYTES) {
    promise(lpod_yaml_parse(text, len, "written", &doc, NULL) == LPOD_OK);
    promise(lpod_value_equal(value, lpod_value_at(lpod_doc_root(doc), 0)));
    lpod_doc_free(doc);
  }
  lpod_text_free(text);
  promise(lpod_json_write(value, 0, &text, &len, NULL) == LPOD_OK);
  promise(lpod_json_parse(text, len, &doc, NULL) == LPOD_OK);
  promise(lpod_value_equal(value, lpod_doc_root(doc)));
  lpod_doc_free(doc);
  lpod_text_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  lpod_doc *doc;
  if (lpod_yaml_parse((const char *)data, len, "fuzz", &doc, NULL)) return 0;
  const lpod_value *value = lpod_value_first(lpod_doc_root(doc));
  for (; value; value = lpod_value_next(value)) read_back(value);
  lpod_doc_free(doc);
  return 0;
}
