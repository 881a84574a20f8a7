/* The version and layout number the library was compiled with. */
#include <lunapod/version.h>

const char *lpod_version(void) { return LPOD_VERSION; }

#ifndef LPOD_LAYOUT /* a checksum of the headers: a host and a module of different builds share no engine */
#define LPOD_LAYOUT 0u
#endif
unsigned lpod_abi(void) { return LPOD_ABI + LPOD_LAYOUT; }
