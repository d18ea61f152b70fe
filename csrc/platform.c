/* SPDX-License-Identifier: Apache-2.0
 *
 * Linux first; other POSIX systems (macOS) take the plain branch. A port to a new system changes this file only.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "platform.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/eventfd.h>
#include <sys/syscall.h>
#ifndef F_SEAL_FUTURE_WRITE /* Linux 5.1, glibc 2.32 */
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#ifndef MFD_NOEXEC_SEAL /* Linux 6.3 */
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#endif

/* ---- Clock */

int64_t rta_clock_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void rta_sleep_until_ns(int64_t deadline_ns) {
#ifdef __linux__
    if (deadline_ns <= 0) return;
    const struct timespec deadline = {.tv_sec = deadline_ns / 1000000000, .tv_nsec = deadline_ns % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, NULL) == EINTR) {}
#else
    for (int64_t left = deadline_ns - rta_clock_ns(); left > 0; left = deadline_ns - rta_clock_ns()) {
        const struct timespec interval = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
        nanosleep(&interval, NULL);
    }
#endif
}

/* ---- Wake-up: an eventfd, elsewhere a pipe */

rta_status rta_wake_open(rta_wake *wake) {
    wake->read_fd = wake->write_fd = -1;
#ifdef __linux__
    const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0) return RTA_SYSTEM;
    wake->read_fd = wake->write_fd = fd;
#else
    int ends[2];
    if (pipe(ends) != 0) return RTA_SYSTEM;
    for (int i = 0; i < 2; i++) {
        fcntl(ends[i], F_SETFD, FD_CLOEXEC);
        fcntl(ends[i], F_SETFL, O_NONBLOCK);
    }
    wake->read_fd = ends[0];
    wake->write_fd = ends[1];
#endif
    return RTA_OK;
}

void rta_wake_close(rta_wake *wake) {
    if (wake->write_fd >= 0 && wake->write_fd != wake->read_fd) close(wake->write_fd);
    if (wake->read_fd >= 0) close(wake->read_fd);
    wake->read_fd = wake->write_fd = -1;
}

void rta_wake_signal(int write_fd) {
    const uint64_t one = 1;
    ssize_t written;
    do written = write(write_fd, &one, sizeof one);
    while (written < 0 && errno == EINTR);
    /* EAGAIN: full, hence readable already. Any other error leaves a reader that polls, too. */
}

bool rta_wake_drain(int read_fd) {
    uint64_t buffer[64];
    bool signalled = false;
    for (;;) {
        const ssize_t got = read(read_fd, buffer, sizeof buffer);
        if (got > 0) signalled = true;
        else if (got == 0 || errno != EINTR) return signalled;
#ifdef __linux__
        if (got > 0) return true; /* one read empties an eventfd */
#endif
    }
}

/* ---- Regions */

static size_t round_to_pages(size_t bytes) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (bytes + page - 1) / page * page;
}

/* Pages are brought in at once: a page fault on the audio path may wait for the kernel's allocator. */
static void *map(size_t bytes, int protection, int flags, int fd) {
#ifdef MAP_POPULATE
    flags |= MAP_POPULATE;
#endif
    void *base = mmap(NULL, bytes, protection, flags, fd, 0);
    return base == MAP_FAILED ? NULL : base;
}

static rta_status bad_size(size_t bytes) { return bytes == 0 || bytes > SIZE_MAX / 4 ? RTA_INVALID : RTA_OK; }

rta_status rta_region_private(rta_region *region, size_t bytes) {
    *region = (rta_region){.fd = -1};
    if (bad_size(bytes)) return RTA_INVALID;
    bytes = round_to_pages(bytes);
    void *base = map(bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    if (!base) return RTA_NOMEM;
    *region = (rta_region){.base = base, .bytes = bytes, .fd = -1, .writable = true};
    return RTA_OK;
}

#ifdef __linux__
enum { SEALS_KEPT = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL };

static int open_memory(const char *name) {
    const int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (fd >= 0 || errno != EINVAL) return fd;
    return memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING); /* older than 6.3 */
}

rta_status rta_region_create(rta_region *region, size_t bytes, const char *name) {
    *region = (rta_region){.fd = -1};
    if (bad_size(bytes)) return RTA_INVALID;
    bytes = round_to_pages(bytes);
    const int fd = open_memory(name);
    if (fd < 0) return RTA_SYSTEM;
    void *base = NULL;
    if (ftruncate(fd, (off_t)bytes) == 0) base = map(bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
    if (!base || fcntl(fd, F_ADD_SEALS, SEALS_KEPT) != 0) {
        const int error = errno;
        if (base) munmap(base, bytes);
        close(fd);
        errno = error;
        return RTA_SYSTEM;
    }
    *region = (rta_region){.base = base, .bytes = bytes, .fd = fd, .writable = true};
    return RTA_OK;
}

/* A descriptor that could shrink would turn a read of ours into SIGBUS. */
static bool cannot_shrink(int fd) {
    const int seals = fcntl(fd, F_GET_SEALS);
    return seals >= 0 && (seals & F_SEAL_SHRINK);
}
#else
/* No seals: the name is gone before anybody could open it, and what is handed on is a read-only descriptor. */
rta_status rta_region_create(rta_region *region, size_t bytes, const char *name) {
    static unsigned counter;
    *region = (rta_region){.fd = -1};
    (void)name; /* the system's limit on names is 31 characters */
    if (bad_size(bytes)) return RTA_INVALID;
    bytes = round_to_pages(bytes);
    char path[32];
    snprintf(path, sizeof path, "/rta-%lx-%x", (unsigned long)getpid(),
             __atomic_fetch_add(&counter, 1u, __ATOMIC_RELAXED));
    const int fd = shm_open(path, O_CREAT | O_EXCL | O_RDWR, 0600);
    if (fd < 0) return RTA_SYSTEM;
    const int read_only = shm_open(path, O_RDONLY, 0600);
    shm_unlink(path);
    void *base = NULL;
    if (read_only >= 0 && ftruncate(fd, (off_t)bytes) == 0) base = map(bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
    const int error = errno;
    close(fd);
    if (!base) {
        if (read_only >= 0) close(read_only);
        errno = error;
        return RTA_SYSTEM;
    }
    fcntl(read_only, F_SETFD, FD_CLOEXEC);
    *region = (rta_region){.base = base, .bytes = bytes, .fd = read_only, .writable = true};
    return RTA_OK;
}

/* Here: shared memory whose size is set once; nothing to ask for. */
static bool cannot_shrink(int fd) { return fd >= 0; }
#endif

rta_status rta_region_attach(rta_region *region, int fd, size_t min_bytes) {
    *region = (rta_region){.fd = -1};
    struct stat stat;
    if (fd < 0) return RTA_INVALID;
    if (fstat(fd, &stat) != 0) return RTA_SYSTEM;
    if (stat.st_size <= 0 || (uint64_t)stat.st_size < min_bytes || !cannot_shrink(fd)) return RTA_INVALID;
    const int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0) return RTA_SYSTEM;
    void *base = map((size_t)stat.st_size, PROT_READ, MAP_SHARED, own);
    if (!base) {
        const int error = errno;
        close(own);
        errno = error;
        return RTA_SYSTEM;
    }
    *region = (rta_region){.base = base, .bytes = (size_t)stat.st_size, .fd = own, .writable = false};
    return RTA_OK;
}

void rta_region_close(rta_region *region) {
    if (!region->base) return; /* a zeroed structure owns nothing, not even descriptor 0 */
    munmap(region->base, region->bytes);
    if (region->fd >= 0) close(region->fd);
    *region = (rta_region){.fd = -1};
}

/* ---- Threads */

struct rta_thread {
    pthread_t handle;
    void (*main)(void *);
    void *arg;
    char name[16]; /* Linux keeps 15 characters */
    bool realtime;
};

/* Above every ordinary thread, below the kernel's own; where it is not permitted the thread runs as it is. */
static void ask_for_realtime(void) {
#ifdef __linux__
    const struct sched_param param = {.sched_priority = 10};
    (void)sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param);
#elif defined(__APPLE__)
    (void)pthread_set_qos_class_self_np(QOS_CLASS_USER_INTERACTIVE, 0);
#endif
}

static void *thread_main(void *arg) {
    rta_thread *thread = arg;
#ifdef __linux__
    pthread_setname_np(pthread_self(), thread->name);
#elif defined(__APPLE__)
    pthread_setname_np(thread->name);
#endif
    if (thread->realtime) ask_for_realtime();
    thread->main(thread->arg);
    return NULL;
}

rta_status rta_thread_start(rta_thread **thread, void (*main)(void *), void *arg, const char *name, bool realtime) {
    *thread = NULL;
    rta_thread *started = calloc(1, sizeof *started);
    if (!started) return RTA_NOMEM;
    started->main = main;
    started->arg = arg;
    started->realtime = realtime;
    snprintf(started->name, sizeof started->name, "%s", name);
    /* Signals are for the threads of the program, not for ours. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int error = pthread_create(&started->handle, NULL, thread_main, started);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        free(started);
        errno = error;
        return RTA_SYSTEM;
    }
    *thread = started;
    return RTA_OK;
}

void rta_thread_join(rta_thread *thread) {
    if (!thread) return;
    pthread_join(thread->handle, NULL);
    free(thread);
}

void rta_thread_yield(void) { sched_yield(); }

bool rta_thread_pin(unsigned nth) {
#ifdef __linux__
    cpu_set_t allowed, one;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return false;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed) || nth-- > 0) continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        return sched_setaffinity(0, sizeof one, &one) == 0;
    }
#else
    (void)nth;
#endif
    return false;
}

int64_t rta_thread_id(void) {
#ifdef __linux__
    return (int64_t)syscall(SYS_gettid);
#elif defined(__APPLE__)
    uint64_t id = 0;
    pthread_threadid_np(NULL, &id);
    return (int64_t)id;
#else
    return (int64_t)(intptr_t)pthread_self();
#endif
}

/* ---- UDP sockets */

_Static_assert(sizeof(struct sockaddr_in6) <= sizeof((rta_socket_address){0}.bytes), "an address fits");

rta_status rta_socket_address_parse(rta_socket_address *address, const char *host, uint16_t port) {
    char service[8];
    snprintf(service, sizeof service, "%u", (unsigned)port);
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    memset(address, 0, sizeof *address);
    if (getaddrinfo(host, service, &hints, &found) != 0 || found == NULL) return RTA_INVALID;
    const bool fits = found->ai_addrlen <= sizeof address->bytes;
    if (fits) {
        memcpy(address->bytes, found->ai_addr, found->ai_addrlen);
        address->length = (uint8_t)found->ai_addrlen;
    }
    freeaddrinfo(found);
    return fits ? RTA_OK : RTA_INVALID;
}

static void to_system(struct sockaddr_storage *out, const rta_socket_address *address) {
    memset(out, 0, sizeof *out);
    memcpy(out, address->bytes, address->length <= sizeof address->bytes ? address->length : 0);
}

void rta_socket_address_ip(const rta_socket_address *address, uint8_t ip[16], uint16_t *port) {
    struct sockaddr_storage system;
    to_system(&system, address);
    memset(ip, 0, 16);
    *port = 0;
    if (system.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&system;
        ip[10] = ip[11] = 0xff;
        memcpy(ip + 12, &v4->sin_addr, 4);
        *port = ntohs(v4->sin_port);
    } else if (system.ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&system;
        memcpy(ip, &v6->sin6_addr, 16);
        *port = ntohs(v6->sin6_port);
    }
}

rta_status rta_socket_address_text(const rta_socket_address *address, char *text, uint16_t *port) {
    struct sockaddr_storage system;
    char service[8];
    to_system(&system, address);
    if (getnameinfo((const struct sockaddr *)&system, address->length, text, 64, service, sizeof service,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return RTA_INVALID;
    *port = (uint16_t)atoi(service);
    return RTA_OK;
}

rta_status rta_socket_open(int *fd, const rta_socket_address *bind_to, uint32_t buffer_bytes,
                           rta_socket_address *bound) {
    struct sockaddr_storage system;
    to_system(&system, bind_to);
    *fd = socket(system.ss_family, SOCK_DGRAM, 0);
    if (*fd < 0) return RTA_SYSTEM;
    const int buffer = buffer_bytes > INT32_MAX ? INT32_MAX : (int)buffer_bytes;
    socklen_t length = sizeof system;
    if (fcntl(*fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(*fd, F_SETFL, O_NONBLOCK) < 0 ||
        setsockopt(*fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer) < 0 ||
        setsockopt(*fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer) < 0 ||
        bind(*fd, (const struct sockaddr *)&system, bind_to->length) < 0 ||
        getsockname(*fd, (struct sockaddr *)&system, &length) < 0) {
        const int error = errno;
        close(*fd);
        *fd = -1;
        errno = error;
        return RTA_SYSTEM;
    }
    memset(bound, 0, sizeof *bound);
    memcpy(bound->bytes, &system, length);
    bound->length = (uint8_t)length;
    return RTA_OK;
}

void rta_socket_close(int fd) {
    if (fd >= 0) close(fd);
}

rta_status rta_socket_send(int fd, const rta_socket_address *to, const void *data, size_t bytes) {
    struct sockaddr_storage system;
    to_system(&system, to);
    ssize_t sent;
    do sent = sendto(fd, data, bytes, MSG_DONTWAIT, (const struct sockaddr *)&system, to->length);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0) return RTA_OK;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS ? RTA_FULL : RTA_SYSTEM;
}

rta_status rta_socket_receive(int fd, void *data, size_t room, size_t *bytes, rta_socket_address *from) {
    struct sockaddr_storage system;
    struct iovec block = {.iov_base = data, .iov_len = room};
    struct msghdr message = {.msg_name = &system, .msg_namelen = sizeof system, .msg_iov = &block, .msg_iovlen = 1};
    int flags = MSG_DONTWAIT;
#ifdef __linux__
    flags |= MSG_TRUNC; /* the whole length is told */
#endif
    ssize_t got;
    do got = recvmsg(fd, &message, flags);
    while (got < 0 && errno == EINTR);
    *bytes = 0;
    if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? RTA_EMPTY : RTA_SYSTEM;
    *bytes = (size_t)got;
    if ((message.msg_flags & MSG_TRUNC) && *bytes <= room)
        *bytes = room + 1; /* elsewhere: longer, nobody says by how much */
    memset(from, 0, sizeof *from);
    if (message.msg_namelen <= sizeof from->bytes) {
        memcpy(from->bytes, &system, message.msg_namelen);
        from->length = (uint8_t)message.msg_namelen;
    }
    return RTA_OK;
}

/* ---- Shared libraries */

void *rta_library_open(const char *path, char *why, size_t why_bytes) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL && why_bytes > 0) {
        const char *error = dlerror();
        snprintf(why, why_bytes, "%s", error ? error : "it cannot be loaded");
    }
    return library;
}

void *rta_library_symbol(void *library, const char *name) { return dlsym(library, name); }

void rta_library_close(void *library) { dlclose(library); }
