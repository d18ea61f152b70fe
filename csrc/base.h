/* SPDX-License-Identifier: Apache-2.0
 *
 * base.h: what every module of the streaming core shares: result codes, the clock's unit, real-time markers.
 *
 * Vocabulary (docs/architecture.md): all positions and durations are samples of a media clock, unsigned 64 bit and
 * free running; wall time is `int64_t ..._ns` of the monotonic clock and is always passed in (the core is sans-IO).
 */
#ifndef RTA_BASE_H
#define RTA_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RTA_CACHE_LINE 64

/* Result of every call that can fail. Negative is never used; counts are returned through pointers. */
typedef enum rta_status {
    RTA_OK = 0,
    RTA_FULL = 1,     /* no room now: back-pressure, try again later */
    RTA_EMPTY = 2,    /* nothing (or not enough) to read */
    RTA_CLOSED = 3,   /* the object or its other side is closed */
    RTA_CUT = 4,      /* the segment was cut by a flush; nothing was taken */
    RTA_ORDER = 5,    /* an earlier segment is still open: end it first */
    RTA_INVALID = 6,  /* an argument is out of its range */
    RTA_BUSY = 7,     /* somebody else holds the role (second consumer, background in use) */
    RTA_NOMEM = 8,    /* allocation failed (never on the audio path) */
    RTA_SYSTEM = 9,   /* the operating system refused; errno is set */
    RTA_LOST = 10,    /* what was asked for has been overwritten */
    RTA_CORRUPT = 11, /* the other side wrote something impossible; it was not acted on */
    RTA_TIMEOUT = 12,
} rta_status;

const char *rta_status_name(rta_status status);

/* Zeroed memory whose pages are there, so that the audio path takes no page fault; cache-aligned; free() takes it. NULL:
 * none. Not calloc, which leaves the pages to whoever comes first, nor malloc and memset, of which compilers make calloc. */
static inline void *rta_zeroed(size_t bytes) {
    const size_t whole = bytes ? (bytes + RTA_CACHE_LINE - 1) / RTA_CACHE_LINE * RTA_CACHE_LINE : RTA_CACHE_LINE;
    void *memory = aligned_alloc(RTA_CACHE_LINE, whole);
    if (memory) memset(memory, 0, whole);
    return memory;
}

/* Markers of the audio path. Between enter and leave, the thread must not allocate, lock or make a system call other
 * than those listed in docs/architecture.md. They cost nothing in normal builds; in a build with RTA_TRAP defined
 * they call rta_trap_enter/leave (csrc/trap/), and an allocation or a lock in between aborts the process. */
#ifdef RTA_TRAP
void rta_trap_enter(void) __attribute__((weak));
void rta_trap_leave(void) __attribute__((weak));
#define RTA_RT_ENTER()                                                                                                 \
    do {                                                                                                               \
        if (rta_trap_enter) rta_trap_enter();                                                                          \
    } while (0)
#define RTA_RT_LEAVE()                                                                                                 \
    do {                                                                                                               \
        if (rta_trap_leave) rta_trap_leave();                                                                          \
    } while (0)
#else
#define RTA_RT_ENTER() ((void)0)
#define RTA_RT_LEAVE() ((void)0)
#endif

#ifdef __cplusplus
}
#endif
#endif
