/* Is a key twice in a map that is being read? Maps of up to 16 entries are compared one by one; the keys of larger ones
 * go onto a hashed stack, where those of the innermost open map lie on top. */
#ifndef LPOD_DATA_KEYS_H
#define LPOD_DATA_KEYS_H

#include "doc.h"

typedef struct lpod_key_entry {
  uint64_t hash;
  const lpod_value *value; /* whose key this is */
  uint32_t older;          /* index + 1 of the next entry in the same bucket */
} lpod_key_entry;

typedef struct lpod_keys {
  lpod_key_entry *entries;
  uint32_t *buckets; /* index + 1 of the newest entry; as many as there is room for entries */
  uint32_t count, room;
  uint64_t seed; /* so that nobody can send keys that all fall into one bucket */
} lpod_keys;

void lpod_keys_free(lpod_keys *keys);
/* The newest child of map has a key: note it. *duplicate tells that the map had it before. *base belongs to the map:
 * 0 at first, and given to lpod_keys_close when the map ends. */
lpod_rc lpod_keys_add(lpod_keys *keys, const lpod_value *map, uint32_t *base, bool *duplicate, lpod_error *err);
void lpod_keys_close(lpod_keys *keys, uint32_t base);

#endif
