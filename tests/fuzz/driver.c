/* Runs a fuzz target without libFuzzer: `driver SECONDS [FILE...]` tries the files, then changes of them and of a few
 * seeds of its own until the time is over. The seed of its choices is printed, and LUNAPOD_FUZZ_SEED repeats a run. The
 * input being tried is kept in a file when LUNAPOD_FUZZ_KEEP names one, so that a crash leaves it behind. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define INPUT_MAX 65536u
#define CORPUS_MAX 256u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint8_t *corpus[CORPUS_MAX];
static size_t lengths[CORPUS_MAX];
static unsigned corpus_count;
static uint64_t state;

static uint32_t below(uint32_t limit) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return limit ? (uint32_t)((state >> 16) % limit) : 0;
}

static void keep(const uint8_t *data, size_t len) {
  unsigned place = corpus_count < CORPUS_MAX ? corpus_count++ : below(CORPUS_MAX);
  uint8_t *copy = malloc(len ? len : 1);
  if (!copy) exit(2);
  memcpy(copy, data, len);
  free(corpus[place]);
  corpus[place] = copy;
  lengths[place] = len;
}

static void try(const uint8_t *data, size_t len) {
  const char *path = getenv("LUNAPOD_FUZZ_KEEP");
  FILE *file = path ? fopen(path, "wb") : NULL;
  if (file) {
    fwrite(data, 1, len, file);
    fclose(file);
  }
  uint8_t *exact = malloc(len ? len : 1); /* reading past the end is seen */
  if (!exact) exit(2);
  memcpy(exact, data, len);
  LLVMFuzzerTestOneInput(exact, len);
  free(exact);
}

static void load(const char *path) {
  static uint8_t data[INPUT_MAX];
  FILE *file = fopen(path, "rb");
  if (!file) {
    fprintf(stderr, "fuzz: %s: cannot be opened\n", path);
    exit(2);
  }
  size_t len = fread(data, 1, sizeof data, file);
  fclose(file);
  try(data, len);
  keep(data, len);
}

static const char *const WORDS[] = {"{",
                                    "}",
                                    "[",
                                    "]",
                                    ",",
                                    ":",
                                    "\"",
                                    "\\",
                                    "\\u",
                                    "\\ud83d\\ude00",
                                    "\\n",
                                    "true",
                                    "false",
                                    "null",
                                    "-",
                                    "0",
                                    "1",
                                    "9223372036854775807",
                                    "1e999",
                                    "0.1",
                                    "e+",
                                    "\"a\":",
                                    "\"i\":[",
                                    "\"m\":{",
                                    "\n",
                                    " ",
                                    "\r\n",
                                    "\xC3\xA9",
                                    "\xF0\x9F\x98\x80",
                                    "\xFF",
                                    "- ",
                                    "? ",
                                    "&a ",
                                    "*a",
                                    "<<: ",
                                    "|\n ",
                                    ">-\n ",
                                    "'",
                                    "#",
                                    "---\n",
                                    "...\n",
                                    "!!str ",
                                    "!x ",
                                    "%YAML 1.1\n",
                                    "\t",
                                    "key: ",
                                    "~",
                                    "yes",
                                    "0x1f",
                                    "1_0"};

/* One change: insert a word, remove or repeat a part, change a byte, or join with another input. */
static size_t change(uint8_t *data, size_t len) {
  size_t at = below((uint32_t)len + 1), left = len - at;
  switch (below(5)) {
  case 0: {
    const char *word = WORDS[below(sizeof WORDS / sizeof *WORDS)];
    size_t count = strlen(word);
    if (len + count > INPUT_MAX) return len;
    memmove(data + at + count, data + at, left);
    memcpy(data + at, word, count);
    return len + count;
  }
  case 1: {
    size_t count = below((uint32_t)(left < 16 ? left : 16) + 1);
    memmove(data + at, data + at + count, left - count);
    return len - count;
  }
  case 2: {
    size_t count = below((uint32_t)(left < 64 ? left : 64) + 1);
    if (len + count > INPUT_MAX) return len;
    memmove(data + at + count, data + at, left);
    return len + count;
  }
  case 3:
    if (left) data[at] = (uint8_t)below(256);
    return len;
  default: {
    unsigned other = below(corpus_count);
    size_t from = below((uint32_t)lengths[other] + 1), count = lengths[other] - from;
    if (at + count > INPUT_MAX) return len;
    memcpy(data + at, corpus[other] + from, count);
    return at + count;
  }
  }
}

int main(int argc, char **argv) {
  static const char *const SEEDS[] = {"\x01{\"a\":[1,2.5,-3e-7,\"x\\u00e9\\n\",true,false,null,{}]}\n{\"b\":[]}",
                                      "\x32{\"k\":1,\"i\":[{\"m\":[1]},2],\"z\":{}}",
                                      "a: 1\nb:\n- x\n- y: &a [1, 2]\n  z: *a\n",
                                      "a: |\n  text\n  more\nb: \"q\\n\"\n---\nc\n"};
  static uint8_t data[INPUT_MAX];
  double seconds = argc > 1 ? atof(argv[1]) : 10;
  const char *seed = getenv("LUNAPOD_FUZZ_SEED");
  state = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
  if (!state) state = 1;
  printf("fuzz: seed %llu\n", (unsigned long long)state);
  fflush(stdout);
  for (size_t i = 0; i < sizeof SEEDS / sizeof *SEEDS; i++) {
    try((const uint8_t *)SEEDS[i], strlen(SEEDS[i]));
    keep((const uint8_t *)SEEDS[i], strlen(SEEDS[i]));
  }
  for (int i = 2; i < argc; i++) load(argv[i]);
  unsigned long long count = 0;
  for (time_t end = time(NULL) + (time_t)seconds; time(NULL) < end;) {
    for (int i = 0; i < 500; i++, count++) {
      unsigned chosen = below(corpus_count);
      size_t len = lengths[chosen];
      memcpy(data, corpus[chosen], len);
      for (uint32_t changes = below(6) + 1; changes; changes--) len = change(data, len);
      try(data, len);
      if (len < 4096 && below(50) == 0) keep(data, len);
    }
  }
  for (unsigned i = 0; i < corpus_count; i++) free(corpus[i]);
  printf("fuzz: %llu inputs, no fault\n", count);
  return 0;
}
