/* The hashed stack of keys. Entries leave in the reverse order of their coming, so the newest entry is always the head
 * of its bucket, and taking it off is one assignment. */
#include "keys.h"
#include "../base/random.h"
#include <stdlib.h>
#include <string.h>

#define COMPARED 16u
#define FIRST_ROOM 256u

void lpod_keys_free(lpod_keys *keys) {
  free(keys->entries);
  free(keys->buckets);
  *keys = (lpod_keys){0};
}

static uint64_t mix(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
  return hash ^ hash >> 32;
}

static uint64_t hash_key(uint64_t seed, const char *key, size_t len) {
  uint64_t hash = mix(seed, len), word;
  for (; len >= sizeof word; key += sizeof word, len -= sizeof word) {
    memcpy(&word, key, sizeof word);
    hash = mix(hash, word);
  }
  word = 0;
  memcpy(&word, key, len);
  return mix(mix(hash, word), seed);
}

static void put_in_bucket(lpod_keys *keys, uint32_t index) {
  uint32_t *bucket = &keys->buckets[keys->entries[index].hash & (keys->room - 1)];
  keys->entries[index].older = *bucket;
  *bucket = index + 1;
}

static lpod_rc make_room(lpod_keys *keys, lpod_error *err) {
  if (keys->count < keys->room) return LPOD_OK;
  uint32_t room = keys->room ? keys->room * 2 : FIRST_ROOM;
  if (!keys->room) {
    lpod_rc rc = lpod_random_bytes(&keys->seed, sizeof keys->seed, err);
    if (rc) return rc;
  }
  if (room > UINT32_MAX / sizeof *keys->entries) return lpod_nomem(err);
  lpod_key_entry *entries = realloc(keys->entries, room * sizeof *entries);
  if (!entries) return lpod_nomem(err);
  keys->entries = entries;
  uint32_t *buckets = calloc(room, sizeof *buckets);
  if (!buckets) return lpod_nomem(err);
  free(keys->buckets);
  keys->buckets = buckets;
  keys->room = room;
  for (uint32_t i = 0; i < keys->count; i++) put_in_bucket(keys, i);
  return LPOD_OK;
}

static bool same_key(const lpod_value *a, const lpod_value *b) {
  return a->key_len == b->key_len && memcmp(a->key, b->key, a->key_len) == 0;
}

/* Entries below base belong to maps further out. */
static lpod_rc push(lpod_keys *keys, const lpod_value *value, uint32_t base, bool *duplicate, lpod_error *err) {
  lpod_rc rc = make_room(keys, err);
  if (rc) return rc;
  uint64_t hash = hash_key(keys->seed, value->key, value->key_len);
  uint32_t index = keys->buckets[hash & (keys->room - 1)];
  for (; index > base; index = keys->entries[index - 1].older) {
    const lpod_key_entry *entry = &keys->entries[index - 1];
    if (entry->hash == hash && same_key(entry->value, value)) *duplicate = true;
  }
  keys->entries[keys->count] = (lpod_key_entry){hash, value, 0};
  put_in_bucket(keys, keys->count++);
  return LPOD_OK;
}

lpod_rc lpod_keys_add(lpod_keys *keys, const lpod_value *map, uint32_t *base, bool *duplicate, lpod_error *err) {
  const lpod_value *added = map->as.children.last;
  *duplicate = false;
  if (map->count <= COMPARED) {
    for (const lpod_value *entry = map->as.children.first; entry != added; entry = entry->next) {
      if (same_key(entry, added)) *duplicate = true;
    }
    return LPOD_OK;
  }
  if (*base) return push(keys, added, *base - 1, duplicate, err);
  *base = keys->count + 1;
  lpod_rc rc = LPOD_OK;
  for (const lpod_value *entry = map->as.children.first; entry && !rc; entry = entry->next) {
    rc = push(keys, entry, *base - 1, duplicate, err);
  }
  return rc;
}

void lpod_keys_close(lpod_keys *keys, uint32_t base) {
  if (!base) return;
  while (keys->count >= base) {
    const lpod_key_entry *entry = &keys->entries[--keys->count];
    keys->buckets[entry->hash & (keys->room - 1)] = entry->older;
  }
}
