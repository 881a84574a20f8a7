/* A doubly linked list through a member of its elements: no allocation, O(1) removal. An element is in at most
 * one list per link; a link that is in no list points to itself or is zero. */
#ifndef LPOD_BASE_LIST_H
#define LPOD_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct lpod_link {
  struct lpod_link *prev, *next;
} lpod_link;

#define LPOD_CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void lpod_list_init(lpod_link *head) { head->prev = head->next = head; }
static inline bool lpod_list_empty(const lpod_link *head) { return head->next == head || !head->next; }
static inline void lpod_list_add(lpod_link *head, lpod_link *link) { /* at the end */
  link->prev = head->prev;
  link->next = head;
  head->prev->next = link;
  head->prev = link;
}
static inline bool lpod_list_linked(const lpod_link *link) { return link->next && link->next != link; }
static inline void lpod_list_remove(lpod_link *link) { /* fine when not linked */
  if (!link->next) return;
  link->prev->next = link->next;
  link->next->prev = link->prev;
  link->prev = link->next = link;
}
static inline lpod_link *lpod_list_take(lpod_link *head) { /* first one, removed; NULL when empty */
  if (lpod_list_empty(head)) return NULL;
  lpod_link *first = head->next;
  lpod_list_remove(first);
  return first;
}

#endif
