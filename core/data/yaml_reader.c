/* YAML documents from libyaml's events. Nesting is kept in a fixed stack and not in recursion; an alias is a copy of
 * what it names, counted against a budget, so that a small file cannot become a large tree (K26). A merge key (<<) adds
 * what its map lacks when that map ends. Places in errors are those of the text: name:line:column. */
#include "../base/limits.h"
#include "doc.h"
#include "keys.h"
#include "yaml_scalar.h"
#include <string.h>
#include <yaml.h>

typedef struct frame { /* an open list or map */
  lpod_value *container;
  yaml_mark_t key_mark;
  uint32_t base; /* of its keys */
  bool merges;   /* there is a merge key in it */
} frame;

typedef struct anchor {
  struct anchor *older;
  const char *name;
  const lpod_value *value;
} anchor;

typedef struct builder {
  const char *name;
  lpod_doc *doc;
  lpod_value *documents;
  frame frames[LPOD_LIMIT_YAML_DEPTH];
  unsigned depth;
  const char *key; /* of the value to come, in the innermost map; NULL: a key is to come */
  uint32_t key_len;
  anchor *anchors;
  size_t added; /* values that aliases and merge keys added */
  lpod_keys keys;
  lpod_error *err;
} builder;

/* ---- errors and room ---- */

static lpod_rc fail_at(const builder *build, yaml_mark_t mark, lpod_rc rc, const char *what) {
  return lpod_fail(build->err, rc, "%s:%zu:%zu: %s", build->name, mark.line + 1, mark.column + 1, what);
}

static lpod_rc wrap_at(const builder *build, yaml_mark_t mark, lpod_rc rc) {
  if (rc && rc != LPOD_E_NOMEM) lpod_wrap(build->err, "%s:%zu:%zu", build->name, mark.line + 1, mark.column + 1);
  return rc;
}

/* What is made next of `values` values and `bytes` of text cannot fail. */
static lpod_rc reserve(const builder *build, yaml_mark_t mark, size_t values, size_t bytes) {
  size_t each = sizeof(lpod_value) + _Alignof(lpod_value) + 2; /* and the closing NULs of text and key */
  return wrap_at(build, mark, lpod_doc_grow(build->doc, 0, values * each + bytes, build->err));
}

/* ---- anchors ---- */

static lpod_rc name_anchor(builder *build, const yaml_char_t *name, const lpod_value *value, yaml_mark_t mark) {
  if (!name) return LPOD_OK;
  size_t len = strlen((const char *)name);
  lpod_rc rc = reserve(build, mark, 1, sizeof(anchor) + len);
  if (rc) return rc;
  anchor *made = lpod_doc_alloc(build->doc, sizeof *made);
  *made = (anchor){build->anchors, lpod_doc_text(build->doc, (const char *)name, len), value};
  build->anchors = made;
  return LPOD_OK;
}

typedef struct size {
  size_t values, bytes;
  unsigned height;
} size;

static void measure(const lpod_value *value, unsigned height, size *out) {
  out->values++;
  out->bytes += value->key_len + (value->type == LPOD_STRING ? value->count : 0);
  unsigned own = height + (value->type == LPOD_ARRAY || value->type == LPOD_OBJECT);
  if (own > out->height) out->height = own;
  for (const lpod_value *child = lpod_value_first(value); child; child = lpod_value_next(child)) {
    measure(child, own, out);
  }
}

static lpod_rc copy_value(builder *build, const lpod_value *from, yaml_mark_t mark, lpod_value **out) {
  size total = {0, 0, 0};
  measure(from, 0, &total);
  build->added += total.values;
  if (build->added > LPOD_LIMIT_YAML_ALIASES) {
    return fail_at(build, mark, LPOD_E_LIMIT, "aliases and merge keys add too many values");
  }
  if (build->depth + total.height > LPOD_LIMIT_YAML_DEPTH) {
    return fail_at(build, mark, LPOD_E_LIMIT, "nested too deep");
  }
  lpod_rc rc = reserve(build, mark, total.values, total.bytes);
  if (rc) return rc;
  *out = lpod_value_copy(build->doc, from);
  return *out ? LPOD_OK : lpod_nomem(build->err);
}

static lpod_rc find_anchor(const builder *build, const char *name, yaml_mark_t mark, const lpod_value **out) {
  const anchor *found = build->anchors;
  while (found && strcmp(found->name, name) != 0) found = found->older;
  if (!found) return fail_at(build, mark, LPOD_E_PARSE, "found an alias of nothing, expected an anchor before it");
  for (unsigned i = 0; i < build->depth; i++) {
    if (build->frames[i].container == found->value) {
      return fail_at(build, mark, LPOD_E_PARSE, "found an alias of what it is in");
    }
  }
  *out = found->value;
  return LPOD_OK;
}

/* ---- the tree ---- */

static bool in_map(const builder *build) {
  return build->depth && build->frames[build->depth - 1].container->type == LPOD_OBJECT;
}

/* Put a value where the innermost container, or the stream, has its next place. */
static lpod_rc place(builder *build, lpod_value *value, yaml_mark_t mark) {
  value->line = (uint32_t)mark.line + 1;
  if (!build->depth) {
    lpod_value_link(build->documents, value);
    return LPOD_OK;
  }
  frame *top = &build->frames[build->depth - 1];
  lpod_value_link(top->container, value);
  if (top->container->type != LPOD_OBJECT) return LPOD_OK;
  value->key = build->key;
  value->key_len = build->key_len;
  build->key = NULL;
  bool duplicate;
  lpod_rc rc = lpod_keys_add(&build->keys, top->container, &top->base, &duplicate, build->err);
  if (rc || !duplicate) return rc;
  return lpod_fail(build->err, LPOD_E_PARSE, "%s:%zu:%zu: key \"%.80s\" is there twice", build->name,
                   top->key_mark.line + 1, top->key_mark.column + 1, value->key);
}

static lpod_rc read_key(builder *build, const yaml_event_t *event) {
  if (event->type != YAML_SCALAR_EVENT) {
    return fail_at(build, event->start_mark, LPOD_E_PARSE, "found no text, expected a key that is text");
  }
  frame *top = &build->frames[build->depth - 1];
  const char *text = (const char *)event->data.scalar.value;
  size_t len = event->data.scalar.length;
  lpod_rc rc = reserve(build, event->start_mark, 1, len);
  if (rc) return rc;
  build->key = lpod_doc_text(build->doc, text, len);
  build->key_len = (uint32_t)len;
  top->key_mark = event->start_mark;
  bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !event->data.scalar.tag;
  if (plain && len == 2 && memcmp(text, "<<", 2) == 0) top->merges = true;
  return LPOD_OK;
}

/* ---- merge keys ---- */

static lpod_rc merge_map(builder *build, lpod_value *map, const lpod_value *from, yaml_mark_t mark) {
  if (lpod_value_type(from) != LPOD_OBJECT) {
    return fail_at(build, mark, LPOD_E_PARSE, "found no map under <<, expected a map or a list of maps");
  }
  for (const lpod_value *entry = lpod_value_first(from); entry; entry = lpod_value_next(entry)) {
    bool there = false;
    for (const lpod_value *own = map->as.children.first; own && !there; own = own->next) {
      there = own->key_len == entry->key_len && memcmp(own->key, entry->key, own->key_len) == 0;
    }
    if (there) continue;
    lpod_value *copy = NULL;
    lpod_rc rc = copy_value(build, entry, mark, &copy);
    if (rc || !copy) return rc;
    copy->key = entry->key;
    copy->key_len = entry->key_len;
    lpod_value_link(map, copy);
  }
  return LPOD_OK;
}

static lpod_rc merge(builder *build, lpod_value *map, yaml_mark_t mark) {
  lpod_value *previous = NULL, *source = map->as.children.first;
  while (source->key_len != 2 || memcmp(source->key, "<<", 2) != 0) {
    previous = source;
    source = source->next;
  }
  lpod_value_unlink(map, previous, source);
  if (source->type != LPOD_ARRAY) return merge_map(build, map, source, mark);
  lpod_rc rc = LPOD_OK;
  for (const lpod_value *item = lpod_value_first(source); item && !rc; item = lpod_value_next(item)) {
    rc = merge_map(build, map, item, mark);
  }
  return rc;
}

/* ---- events ---- */

#define TAG_PREFIX "tag:yaml.org,2002:"

/* The tag of YAML's own without its prefix; "" when there is none; NULL for one of another kind. */
static const char *own_tag(const yaml_char_t *tag) {
  const char *text = (const char *)tag;
  if (!text) return "";
  if (strcmp(text, "!") == 0) return "str";
  return strncmp(text, TAG_PREFIX, strlen(TAG_PREFIX)) == 0 ? text + strlen(TAG_PREFIX) : NULL;
}

static lpod_rc wrong_tag(const builder *build, const yaml_event_t *event, const yaml_char_t *tag) {
  return lpod_fail(build->err, LPOD_E_PARSE, "%s:%zu:%zu: found the tag %.80s, expected none or one that fits",
                   build->name, event->start_mark.line + 1, event->start_mark.column + 1, (const char *)tag);
}

/* Does a resolved value agree with its explicit tag? A whole number may be meant as a float. */
static bool fit_tag(const char *tag, lpod_value *value) {
  if (strcmp(tag, "float") == 0 && value->type == LPOD_INT) {
    value->as.number = (double)value->as.integer;
    value->type = LPOD_DOUBLE;
  }
  static const char *const TAGS[] = {"null", "bool", "int", "float", "str", "seq", "map"};
  return strcmp(tag, TAGS[value->type]) == 0;
}

static lpod_rc read_scalar(builder *build, const yaml_event_t *event) {
  const char *text = (const char *)event->data.scalar.value;
  size_t len = event->data.scalar.length;
  const char *tag = own_tag(event->data.scalar.tag);
  lpod_rc rc = reserve(build, event->start_mark, 1, len);
  if (rc) return rc;
  lpod_value *value = lpod_value_new(build->doc, LPOD_STRING);
  bool plain = !event->data.scalar.tag && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
  bool is_text = !tag || strcmp(tag, "str") == 0 || strcmp(tag, "timestamp") == 0;
  if (plain || (*(tag ? tag : "") && !is_text)) {
    rc = wrap_at(build, event->start_mark, lpod_yaml_resolve(text, len, value, build->err));
    if (rc) return rc;
  }
  if (!tag || (*tag && !is_text && !fit_tag(tag, value))) return wrong_tag(build, event, event->data.scalar.tag);
  if (value->type == LPOD_STRING) {
    value->as.text = lpod_doc_text(build->doc, text, len);
    value->count = (uint32_t)len;
  }
  rc = name_anchor(build, event->data.scalar.anchor, value, event->start_mark);
  return rc ? rc : place(build, value, event->start_mark);
}

static lpod_rc open_container(builder *build, const yaml_event_t *event, lpod_type type, const yaml_char_t *name,
                              const yaml_char_t *tag) {
  const char *own = own_tag(tag);
  if (!own || (*own && strcmp(own, "str") != 0 && strcmp(own, type == LPOD_ARRAY ? "seq" : "map") != 0)) {
    return wrong_tag(build, event, tag);
  }
  if (build->depth == LPOD_LIMIT_YAML_DEPTH) return fail_at(build, event->start_mark, LPOD_E_LIMIT, "nested too deep");
  lpod_rc rc = reserve(build, event->start_mark, 1, 0);
  if (rc) return rc;
  lpod_value *value = lpod_value_new(build->doc, type);
  rc = name_anchor(build, name, value, event->start_mark);
  if (!rc) rc = place(build, value, event->start_mark);
  if (!rc) build->frames[build->depth++] = (frame){.container = value};
  return rc;
}

static lpod_rc close_container(builder *build) {
  frame *top = &build->frames[--build->depth];
  lpod_keys_close(&build->keys, top->base);
  return top->merges ? merge(build, top->container, top->key_mark) : LPOD_OK;
}

static lpod_rc read_alias(builder *build, const yaml_event_t *event) {
  const lpod_value *named = NULL;
  lpod_value *value;
  lpod_rc rc = find_anchor(build, (const char *)event->data.alias.anchor, event->start_mark, &named);
  if (!rc) rc = copy_value(build, named, event->start_mark, &value);
  return rc ? rc : place(build, value, event->start_mark);
}

static lpod_rc read_event(builder *build, const yaml_event_t *event) {
  bool begins = event->type == YAML_SCALAR_EVENT || event->type == YAML_ALIAS_EVENT ||
                event->type == YAML_SEQUENCE_START_EVENT || event->type == YAML_MAPPING_START_EVENT;
  if (begins && in_map(build) && !build->key) return read_key(build, event);
  switch (event->type) {
  case YAML_DOCUMENT_START_EVENT: build->anchors = NULL; return LPOD_OK;
  case YAML_SCALAR_EVENT: return read_scalar(build, event);
  case YAML_ALIAS_EVENT: return read_alias(build, event);
  case YAML_SEQUENCE_START_EVENT:
    return open_container(build, event, LPOD_ARRAY, event->data.sequence_start.anchor, event->data.sequence_start.tag);
  case YAML_MAPPING_START_EVENT:
    return open_container(build, event, LPOD_OBJECT, event->data.mapping_start.anchor, event->data.mapping_start.tag);
  case YAML_SEQUENCE_END_EVENT:
  case YAML_MAPPING_END_EVENT: return close_container(build);
  default: return LPOD_OK;
  }
}

/* ---- the stream ---- */

/* What libyaml did not like. A byte that is no character has an offset only. */
static lpod_rc parser_failure(const builder *build, const yaml_parser_t *parser, const char *text, size_t len) {
  if (parser->error == YAML_MEMORY_ERROR) return lpod_nomem(build->err);
  yaml_mark_t mark = parser->problem_mark;
  if (parser->error == YAML_READER_ERROR) {
    mark = (yaml_mark_t){0, 0, 0};
    for (size_t at = 0; at < parser->problem_offset && at < len; at++) {
      mark.column = text[at] == '\n' ? 0 : mark.column + 1;
      mark.line += text[at] == '\n';
    }
  }
  return fail_at(build, mark, LPOD_E_PARSE, parser->problem ? parser->problem : "this is not YAML");
}

static lpod_rc read_stream(builder *build, yaml_parser_t *parser, const char *text, size_t len) {
  lpod_rc rc = LPOD_OK;
  bool end = false;
  while (!rc && !end) {
    yaml_event_t event;
    if (!yaml_parser_parse(parser, &event)) return parser_failure(build, parser, text, len);
    end = event.type == YAML_STREAM_END_EVENT;
    rc = read_event(build, &event);
    yaml_event_delete(&event);
  }
  return rc;
}

static lpod_rc parse(builder *build, const char *text, size_t len) {
  yaml_parser_t parser;
  if (!yaml_parser_initialize(&parser)) return lpod_nomem(build->err);
  yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
  lpod_rc rc = read_stream(build, &parser, text, len);
  yaml_parser_delete(&parser);
  return rc;
}

lpod_rc lpod_yaml_parse(const char *text, size_t len, const char *name, lpod_doc **out, lpod_error *err) {
  lpod_error own = LPOD_ERROR_INIT;
  builder build = {.name = name ? name : "yaml", .err = err ? err : &own};
  *out = NULL;
  if (len > LPOD_LIMIT_YAML_BYTES) {
    return lpod_fail(err, LPOD_E_LIMIT, "%s: larger than the limit of %u bytes", build.name, LPOD_LIMIT_YAML_BYTES);
  }
  build.doc = lpod_doc_new(0);
  build.documents = build.doc ? lpod_value_new(build.doc, LPOD_ARRAY) : NULL;
  lpod_rc rc = build.documents ? parse(&build, text, len) : lpod_nomem(err);
  lpod_keys_free(&build.keys);
  if (rc) {
    lpod_doc_free(build.doc);
    return rc;
  }
  lpod_doc_set_root(build.doc, build.documents);
  *out = build.doc;
  return LPOD_OK;
}
