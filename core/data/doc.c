/* Documents: the arena that owns every value of a tree. Blocks double from 4 KiB, so that a small document stays small
 * and a large one costs few allocations; the ceiling counts all of their memory. Freeing is per document only. */
#include "doc.h"
#include "../base/limits.h"
#include <stdlib.h>
#include <string.h>

#define FIRST_BLOCK (4u * LPOD_KIB)
#define LARGEST_STEP (1u * LPOD_MIB)
#define ALIGNMENT ((uintptr_t) _Alignof(lpod_value))

_Static_assert(offsetof(lpod_block, data) % _Alignof(lpod_value) == 0, "a block begins aligned");

lpod_doc *lpod_doc_new(size_t ceiling) {
  lpod_doc *doc = calloc(1, sizeof *doc);
  if (doc) doc->ceiling = ceiling ? ceiling : LPOD_LIMIT_DOC;
  return doc;
}

static void free_after(lpod_doc *doc, lpod_block **link) {
  while (*link) {
    lpod_block *block = *link;
    *link = block->next;
    doc->bytes -= sizeof *block + block->size;
    free(block);
  }
}

void lpod_doc_free(lpod_doc *doc) {
  if (!doc) return;
  free_after(doc, &doc->first);
  free(doc);
}

lpod_value *lpod_doc_root(const lpod_doc *doc) { return doc ? doc->root : NULL; }
void lpod_doc_set_root(lpod_doc *doc, lpod_value *root) { doc->root = root; }
size_t lpod_doc_bytes(const lpod_doc *doc) { return doc ? doc->bytes : 0; }

static void enter(lpod_doc *doc, lpod_block *block) {
  doc->current = block;
  doc->at = block ? block->data : NULL;
  doc->end = block ? block->data + block->size : NULL;
}

void lpod_doc_reset(lpod_doc *doc) {
  doc->root = NULL;
  enter(doc, doc->first);
}

/* Bytes of data for the next block, at least size; 0 when the ceiling does not allow it. */
static size_t next_size(const lpod_doc *doc, size_t size) {
  size_t left = doc->ceiling > doc->bytes ? doc->ceiling - doc->bytes : 0;
  if (left < sizeof(lpod_block) || left - sizeof(lpod_block) < size) return 0;
  left -= sizeof(lpod_block);
  size_t wish = doc->current ? 2 * (doc->current->size + sizeof(lpod_block)) : FIRST_BLOCK;
  if (wish > LARGEST_STEP) wish = LARGEST_STEP;
  wish -= sizeof(lpod_block);
  if (wish < size) wish = size;
  return wish < left ? wish : left;
}

/* The open text fills its block alone: the block itself grows, so that long text is in memory once. */
static lpod_rc grow_block(lpod_doc *doc, size_t open, size_t size, lpod_error *err) {
  lpod_block *old = doc->current, **link = &doc->first;
  free_after(doc, &old->next);
  size_t left = doc->ceiling > doc->bytes ? doc->ceiling - doc->bytes : 0;
  size_t more = old->size > size ? old->size : size;
  if (left < size) return lpod_fail(err, LPOD_E_LIMIT, "larger than the limit of %zu bytes", doc->ceiling);
  if (more > left) more = left;
  while (*link != old) link = &(*link)->next;
  lpod_block *block = realloc(old, sizeof *block + old->size + more);
  if (!block) return lpod_nomem(err);
  *link = block;
  block->size += more;
  doc->bytes += more;
  enter(doc, block);
  doc->at += open;
  return LPOD_OK;
}

lpod_rc lpod_doc_grow(lpod_doc *doc, size_t open, size_t size, lpod_error *err) {
  if ((size_t)(doc->end - doc->at) >= size) return LPOD_OK;
  if (size > SIZE_MAX / 2 - open) return lpod_nomem(err);
  const char *text = open ? doc->at - open : NULL;
  lpod_block **link = doc->current ? &doc->current->next : &doc->first;
  lpod_block *block = *link;
  if (!block || block->size < open + size) {
    if (open && text == doc->current->data) return grow_block(doc, open, size, err);
    size_t bytes = next_size(doc, open + size);
    if (!bytes && block) { /* kept memory stands in the way of new */
      free_after(doc, link);
      bytes = next_size(doc, open + size);
    }
    if (!bytes) return lpod_fail(err, LPOD_E_LIMIT, "larger than the limit of %zu bytes", doc->ceiling);
    block = malloc(sizeof *block + bytes);
    if (!block) return lpod_nomem(err);
    block->size = bytes;
    block->next = *link;
    *link = block;
    doc->bytes += sizeof *block + bytes;
  }
  if (open) memcpy(block->data, text, open);
  enter(doc, block);
  doc->at += open;
  return LPOD_OK;
}

void *lpod_doc_alloc(lpod_doc *doc, size_t size) {
  size_t pad = (size_t)(-(uintptr_t)doc->at & (ALIGNMENT - 1));
  if ((size_t)(doc->end - doc->at) < pad || (size_t)(doc->end - doc->at) - pad < size) {
    if (size > SIZE_MAX / 4) return NULL;
    if (lpod_doc_grow(doc, 0, size + pad, NULL)) return NULL;
    pad = 0; /* a new block begins aligned */
  }
  char *memory = doc->at + pad;
  doc->at = memory + size;
  return memory;
}

char *lpod_doc_text(lpod_doc *doc, const char *text, size_t len) {
  if (len >= UINT32_MAX || lpod_doc_grow(doc, 0, len + 1, NULL)) return NULL;
  char *copy = doc->at;
  if (len) memcpy(copy, text, len);
  copy[len] = '\0';
  doc->at = copy + len + 1;
  return copy;
}

lpod_doc_mark lpod_doc_here(const lpod_doc *doc) { return (lpod_doc_mark){doc->current, doc->at}; }

void lpod_doc_rewind(lpod_doc *doc, lpod_doc_mark mark) {
  enter(doc, mark.block ? mark.block : doc->first);
  if (mark.at) doc->at = mark.at;
}
