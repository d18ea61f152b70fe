/* SPDX-License-Identifier: Apache-2.0
 *
 * platform.h: all that differs between operating systems: monotonic clock, sleeping until a deadline, memory that two
 * processes share, a wake-up descriptor for a select loop, thread start and priority, shared libraries. No other file of the core
 * includes an operating-system header.
 */
#ifndef RTA_PLATFORM_H
#define RTA_PLATFORM_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Monotonic clock in ns. Any thread; a vDSO call, no system call on Linux. */
int64_t rta_clock_ns(void);

/* Sleeps until the monotonic clock reads deadline_ns (absolute). The one sleep the engine thread makes. */
void rta_sleep_until_ns(int64_t deadline_ns);

/* ---- Wake-up: a descriptor that becomes readable. One per process; one write per tick, never one per message. */
typedef struct rta_wake {
    int read_fd, write_fd;
} rta_wake;
rta_status rta_wake_open(rta_wake *wake);
void rta_wake_close(rta_wake *wake);
/* Audio path: one non-blocking write of 8 bytes; a full pipe counts as already signalled. */
void rta_wake_signal(int write_fd);
/* Reader: empties it; returns true if it had been signalled. */
bool rta_wake_drain(int read_fd);

/* ---- Regions: page-aligned, zeroed memory without pointers. */
typedef struct rta_region {
    void *base;
    size_t bytes;
    int fd;        /* -1: private memory */
    bool writable; /* false: mapped read-only */
} rta_region;

rta_status rta_region_private(rta_region *region, size_t bytes);
/* Makes shareable memory, maps it writable here, then seals it: nobody may resize it, and no later mapping may be
 * writable (memfd + F_SEAL_FUTURE_WRITE on Linux). The descriptor is region->fd. */
rta_status rta_region_create(rta_region *region, size_t bytes, const char *name);
/* Maps somebody else's descriptor read-only, after checking its size and that it cannot shrink. The descriptor is
 * duplicated. RTA_INVALID: too small or not sealed. */
rta_status rta_region_attach(rta_region *region, int fd, size_t min_bytes);
/* A zeroed or closed region may be closed again. */
void rta_region_close(rta_region *region);

/* ---- Threads (used by engine only). */
typedef struct rta_thread rta_thread;
rta_status rta_thread_start(rta_thread **thread, void (*main)(void *), void *arg, const char *name, bool realtime);
void rta_thread_join(rta_thread *thread); /* frees it */
/* Keeps the calling thread on the nth of the processors it may use (0 is the first); false: there is none, or the
 * system does not offer it. For measurements only. */
bool rta_thread_pin(unsigned nth);
/* Lets another thread of this processor run. For measurements only: a system call. */
void rta_thread_yield(void);
/* Kernel id of the calling thread (Linux tid), for tracing tests. */
int64_t rta_thread_id(void);

/* ---- Shared libraries, found when things are set up. All of the library's names are bound as it is opened: a first call
 * on the audio path must not go through the dynamic linker. NULL: not opened; `why` (ends in 0) says why. */
void *rta_library_open(const char *path, char *why, size_t why_bytes);
void *rta_library_symbol(void *library, const char *name); /* NULL: it has none of this name */
void rta_library_close(void *library);

#ifdef __cplusplus
}
#endif
#endif
