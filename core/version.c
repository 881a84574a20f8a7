/* The version and layout number the library was compiled with. */
#include <lunapod/version.h>

const char *lpod_version(void) { return LPOD_VERSION; }
unsigned lpod_abi(void) { return LPOD_ABI; }
