/* SPDX-License-Identifier: Apache-2.0
 *
 * platform.h: all that differs between operating systems: monotonic clock, sleeping until a deadline, memory that two
 * processes share, a wake-up descriptor for a select loop, thread start and priority, sockets,
 * shared libraries. No other file of the core includes an operating-system header.
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

/* ---- UDP sockets that never block. udp.h is their face; nothing else calls these. */
typedef struct rta_socket_address {
    uint8_t bytes[28]; /* a sockaddr_in or sockaddr_in6 */
    uint8_t length;    /* 0: none */
} rta_socket_address;

/* A numeric IPv4 or IPv6 address (with %scope) and a port. RTA_INVALID: it is none. Not on the audio path. */
rta_status rta_socket_address_parse(rta_socket_address *address, const char *host, uint16_t port);
/* AUDIO PATH. The address as IPv6, IPv4 mapped into it, and the port. */
void rta_socket_address_ip(const rta_socket_address *address, uint8_t ip[16], uint16_t *port);
/* The other way; text: at least 64 bytes. */
rta_status rta_socket_address_text(const rta_socket_address *address, char *text, uint16_t *port);
/* Opened and bound; its own address (the port that the system chose) in `bound`. RTA_SYSTEM: errno says why. */
rta_status rta_socket_open(int *fd, const rta_socket_address *bind_to, uint32_t buffer_bytes,
                           rta_socket_address *bound);
void rta_socket_close(int fd);
/* AUDIO PATH, one system call that does not wait. RTA_OK: given to the system; RTA_FULL: its buffer is full; RTA_SYSTEM:
 * refused (an error of an earlier packet's way, too). */
rta_status rta_socket_send(int fd, const rta_socket_address *to, const void *data, size_t bytes);
/* AUDIO PATH, one system call that does not wait. *bytes is the whole length of the datagram: beyond `room` it was cut.
 * RTA_EMPTY: nothing there; RTA_SYSTEM: an error, as above. */
rta_status rta_socket_receive(int fd, void *data, size_t room, size_t *bytes, rta_socket_address *from);

/* ---- Shared libraries, found when things are set up. All of the library's names are bound as it is opened: a first call
 * on the audio path must not go through the dynamic linker. NULL: not opened; `why` (ends in 0) says why. */
void *rta_library_open(const char *path, char *why, size_t why_bytes);
void *rta_library_symbol(void *library, const char *name); /* NULL: it has none of this name */
void rta_library_close(void *library);

#ifdef __cplusplus
}
#endif
#endif
