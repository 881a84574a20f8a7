/* Version of lunapod, and the check that a module and a host were built against the same layout. */
#ifndef LUNAPOD_VERSION_H
#define LUNAPOD_VERSION_H

#define LPOD_VERSION_MAJOR 0
#define LPOD_VERSION_MINOR 1
#define LPOD_VERSION_PATCH 0
#define LPOD_VERSION "0.1.0"

/* Raised whenever a public struct or the meaning of a public call changes. */
#define LPOD_ABI 1

#if defined(__GNUC__)
#define LPOD_API __attribute__((visibility("default")))
#define LPOD_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define LPOD_API
#define LPOD_PRINTF(f, a)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* LPOD_VERSION as the library was compiled; and LPOD_ABI with a checksum of the library's inner layout, which is equal
 * only between builds of one version. */
LPOD_API const char *lpod_version(void);
LPOD_API unsigned lpod_abi(void);

#ifdef __cplusplus
}
#endif
#endif
