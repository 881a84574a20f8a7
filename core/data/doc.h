/* The tree behind lunapod/value.h, for the readers of this layer: the layout of a value and the arena it lives in.
 * The arena is a chain of blocks filled one after the other; what is behind the current block is memory kept from
 * earlier documents. */
#ifndef LPOD_DATA_DOC_H
#define LPOD_DATA_DOC_H

#include <lunapod/value.h>

struct lpod_value {
  uint8_t type;
  bool boolean;
  uint32_t line;  /* from 1; 0 = not known */
  uint32_t count; /* children, or bytes of a string */
  uint32_t key_len;
  const char *key; /* in a map: closed by NUL, in the arena */
  struct lpod_value *next;
  union {
    int64_t integer;
    double number;
    const char *text; /* closed by NUL, in the arena */
    struct {
      struct lpod_value *first, *last;
    } children;
  } as;
};

typedef struct lpod_block {
  struct lpod_block *next;
  size_t size; /* bytes of data */
  char data[];
} lpod_block;

struct lpod_doc {
  char *at, *end; /* free memory of the current block */
  lpod_block *first, *current;
  size_t bytes, ceiling; /* of all blocks, heads included */
  lpod_value *root;
};

void *lpod_doc_alloc(lpod_doc *doc, size_t size); /* aligned for any value; NULL on no memory or ceiling */
char *lpod_doc_text(lpod_doc *doc, const char *text, size_t len); /* copy with closing NUL */

/* Make the free memory of the current block at least size bytes. The last `open` bytes before doc->at are text still
 * being written: they move along, and doc->at with them. LPOD_E_LIMIT at the ceiling. */
lpod_rc lpod_doc_grow(lpod_doc *doc, size_t open, size_t size, lpod_error *err);

/* Give back what was taken since mark. */
typedef struct lpod_doc_mark {
  lpod_block *block;
  char *at;
} lpod_doc_mark;
lpod_doc_mark lpod_doc_here(const lpod_doc *doc);
void lpod_doc_rewind(lpod_doc *doc, lpod_doc_mark mark);

/* Append a child that is in no container yet. */
static inline void lpod_value_link(lpod_value *parent, lpod_value *child) {
  if (parent->as.children.last) {
    parent->as.children.last->next = child;
  } else {
    parent->as.children.first = child;
  }
  parent->as.children.last = child;
  parent->count++;
}
/* Take a child out; previous is the one before it or NULL. */
void lpod_value_unlink(lpod_value *parent, lpod_value *previous, lpod_value *child);

#endif
