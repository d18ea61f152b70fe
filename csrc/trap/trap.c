/* SPDX-License-Identifier: Apache-2.0
 *
 * trap.c: proof that the audio path neither allocates nor locks nor waits (law 4). A library to be preloaded, for the
 * build in which csrc/base.h's RTA_RT_ENTER/LEAVE call rta_trap_enter/leave:
 *
 *     RTAUDIO_BUILD=trap python setup.py build ...          the core with markers that call
 *     cc -shared -fPIC -o librtatrap.so csrc/trap/trap.c    this
 *     LD_PRELOAD=./librtatrap.so python -m pytest ...
 *
 * It stands before the C library's allocator, locks, waits and the system calls that have no business on an audio
 * thread. While the calling thread is between enter and leave (they nest), any of these writes one line that names the
 * call, then the stack, and aborts. Outside it is one thread-local comparison.
 *
 * Let through: clock_nanosleep (the engine's sleep), write (the wake-up) and clock_gettime. The thread's own system
 * calls are listed by a trace in tests/core/test_engine_syscalls.py; a trap cannot see those made inside libc.
 *
 * Everything here is safe where malloc is what was trapped: messages go out by write(2), and backtrace(3), which
 * allocates on its first call, is called once at load.
 *
 * Linux with glibc only: the allocator is reached by glibc's __libc_* names, because dlsym itself may allocate.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
/* initial-exec: reading a thread-local must not itself call the allocator. */
#define THREAD_LOCAL static __thread __attribute__((tls_model("initial-exec")))

enum { FRAMES = 48 };

THREAD_LOCAL unsigned depth;
static atomic_ullong entries;

EXPORT void rta_trap_enter(void);
EXPORT void rta_trap_leave(void);
EXPORT unsigned long long rta_trap_entries(void);

void rta_trap_enter(void) {
    depth++;
    atomic_fetch_add_explicit(&entries, 1, memory_order_relaxed);
}

void rta_trap_leave(void) {
    static const char unbalanced[] = "rta_trap: leave without enter\n";
    if (depth == 0) {
        (void)!write(STDERR_FILENO, unbalanced, sizeof unbalanced - 1);
        abort();
    }
    depth--;
}

/* How often the audio path was entered in this process: a test that never enters it proves nothing. */
unsigned long long rta_trap_entries(void) { return atomic_load_explicit(&entries, memory_order_relaxed); }

static __attribute__((noinline, cold)) void caught(const char *what) {
    depth = 0; /* what follows may do as it likes */
    static const char head[] = "rta_trap: ", tail[] = " on the audio path\n";
    (void)!write(STDERR_FILENO, head, sizeof head - 1);
    (void)!write(STDERR_FILENO, what, strlen(what));
    (void)!write(STDERR_FILENO, tail, sizeof tail - 1);
    void *frames[FRAMES];
    backtrace_symbols_fd(frames, backtrace(frames, FRAMES), STDERR_FILENO);
    abort();
}

#define CHECK(name)                                                                                                    \
    do {                                                                                                               \
        if (__builtin_expect(depth != 0, 0)) caught(#name);                                                            \
    } while (0)

static __attribute__((constructor)) void prepare(void) {
    void *frames[1];
    backtrace(frames, 1);
}

/* ---- The allocator. */

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *block);

EXPORT void *malloc(size_t size) {
    CHECK(malloc);
    return __libc_malloc(size);
}

EXPORT void *calloc(size_t count, size_t size) {
    CHECK(calloc);
    return __libc_calloc(count, size);
}

EXPORT void *realloc(void *block, size_t size) {
    CHECK(realloc);
    return __libc_realloc(block, size);
}

EXPORT void *reallocarray(void *block, size_t count, size_t size) {
    CHECK(reallocarray);
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_realloc(block, bytes);
}

EXPORT void free(void *block) {
    if (block) CHECK(free); /* free(NULL) does nothing, on any thread */
    __libc_free(block);
}

EXPORT void *memalign(size_t alignment, size_t size) {
    CHECK(memalign);
    return __libc_memalign(alignment, size);
}

EXPORT void *aligned_alloc(size_t alignment, size_t size) {
    CHECK(aligned_alloc);
    return __libc_memalign(alignment, size);
}

EXPORT int posix_memalign(void **block, size_t alignment, size_t size) {
    CHECK(posix_memalign);
    if (alignment % sizeof(void *) || (alignment & (alignment - 1)) || alignment == 0) return EINVAL;
    void *made = __libc_memalign(alignment, size);
    if (!made) return ENOMEM;
    *block = made;
    return 0;
}

/* ---- All the rest goes on to the next library that has the name. Two threads may look it up at once: they find the
 * same address, and the store of a pointer is atomic. */

/* Condition variables came in two layouts, and dlsym may give the old one: the new is asked for by its version first. */
static void *next_symbol(const char *name) {
    void *found = strncmp(name, "pthread_cond_", 13) == 0 ? dlvsym(RTLD_NEXT, name, "GLIBC_2.3.2") : NULL;
    return found ? found : dlsym(RTLD_NEXT, name);
}

#define NEXT(name)                                                                                                     \
    static __typeof__(name) *_Atomic next_##name;                                                                      \
    __typeof__(name) *call_##name = atomic_load_explicit(&next_##name, memory_order_relaxed);                          \
    if (__builtin_expect(!call_##name, 0)) {                                                                           \
        call_##name = (__typeof__(name) *)next_symbol(#name);                                                          \
        atomic_store_explicit(&next_##name, call_##name, memory_order_relaxed);                                        \
    }

#define PASS(type, name, parameters, arguments)                                                                        \
    EXPORT type name parameters {                                                                                      \
        CHECK(name);                                                                                                   \
        NEXT(name)                                                                                                     \
        return call_##name arguments;                                                                                  \
    }

/* Memory of the kernel's. */
PASS(void *, mmap, (void *at, size_t bytes, int prot, int flags, int fd, off_t from),
     (at, bytes, prot, flags, fd, from))
PASS(void *, mmap64, (void *at, size_t bytes, int prot, int flags, int fd, off64_t from),
     (at, bytes, prot, flags, fd, from))
PASS(int, munmap, (void *at, size_t bytes), (at, bytes))
PASS(int, mprotect, (void *at, size_t bytes, int prot), (at, bytes, prot))
PASS(int, madvise, (void *at, size_t bytes, int advice), (at, bytes, advice))
PASS(void *, sbrk, (intptr_t by), (by))

/* Locks, also those that only try: what a thread tries it also releases, and that may wake another. */
PASS(int, pthread_mutex_lock, (pthread_mutex_t * m), (m))
PASS(int, pthread_mutex_trylock, (pthread_mutex_t * m), (m))
PASS(int, pthread_mutex_timedlock, (pthread_mutex_t *restrict m, const struct timespec *restrict t), (m, t))
PASS(int, pthread_rwlock_rdlock, (pthread_rwlock_t * l), (l))
PASS(int, pthread_rwlock_wrlock, (pthread_rwlock_t * l), (l))
PASS(int, pthread_rwlock_tryrdlock, (pthread_rwlock_t * l), (l))
PASS(int, pthread_rwlock_trywrlock, (pthread_rwlock_t * l), (l))
PASS(int, pthread_rwlock_timedrdlock, (pthread_rwlock_t *restrict l, const struct timespec *restrict t), (l, t))
PASS(int, pthread_rwlock_timedwrlock, (pthread_rwlock_t *restrict l, const struct timespec *restrict t), (l, t))
PASS(int, pthread_spin_lock, (pthread_spinlock_t * l), (l))
PASS(int, pthread_once, (pthread_once_t * once, void (*what)(void)), (once, what))

/* Waiting and waking. */
PASS(int, pthread_cond_wait, (pthread_cond_t *restrict c, pthread_mutex_t *restrict m), (c, m))
PASS(int, pthread_cond_timedwait,
     (pthread_cond_t *restrict c, pthread_mutex_t *restrict m, const struct timespec *restrict t), (c, m, t))
PASS(int, pthread_cond_clockwait,
     (pthread_cond_t *restrict c, pthread_mutex_t *restrict m, clockid_t clock, const struct timespec *restrict t),
     (c, m, clock, t))
PASS(int, pthread_cond_signal, (pthread_cond_t * c), (c))
PASS(int, pthread_cond_broadcast, (pthread_cond_t * c), (c))
PASS(int, pthread_barrier_wait, (pthread_barrier_t * b), (b))
PASS(int, pthread_join, (pthread_t thread, void **result), (thread, result))
PASS(int, pthread_create,
     (pthread_t *restrict thread, const pthread_attr_t *restrict attr, void *(*main)(void *), void *restrict arg),
     (thread, attr, main, arg))
PASS(int, sem_wait, (sem_t * s), (s))
PASS(int, sem_timedwait, (sem_t *restrict s, const struct timespec *restrict t), (s, t))
PASS(int, sem_post, (sem_t * s), (s))
PASS(int, usleep, (useconds_t us), (us))
PASS(unsigned, sleep, (unsigned s), (s))
PASS(int, sched_yield, (void), ())
PASS(int, poll, (struct pollfd * fds, nfds_t count, int timeout_ms), (fds, count, timeout_ms))

/* Files. write() is not among them: it is the wake-up. */
PASS(ssize_t, read, (int fd, void *to, size_t bytes), (fd, to, bytes))
PASS(int, close, (int fd), (fd))

EXPORT int open(const char *path, int flags, ...) {
    CHECK(open);
    NEXT(open)
    va_list rest;
    va_start(rest, flags);
    mode_t mode = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return call_open(path, flags, mode);
}

/* futex and the like, by number. Six arguments are what the kernel takes at most. */
EXPORT long syscall(long number, ...) {
    CHECK(syscall);
    NEXT(syscall)
    va_list rest;
    va_start(rest, number);
    long a[6];
    for (int i = 0; i < 6; i++) a[i] = va_arg(rest, long);
    va_end(rest);
    return call_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* Logging: these lock their stream and may allocate its buffer where no interposed name sees it. */

PASS(int, fflush, (FILE * file), (file))
PASS(int, fputs, (const char *restrict text, FILE *restrict file), (text, file))
PASS(int, puts, (const char *text), (text))
PASS(int, fputc, (int c, FILE *file), (c, file))
PASS(size_t, fwrite, (const void *restrict data, size_t size, size_t count, FILE *restrict file),
     (data, size, count, file))

EXPORT int vfprintf(FILE *restrict file, const char *restrict format, va_list values) {
    CHECK(vfprintf);
    NEXT(vfprintf)
    return call_vfprintf(file, format, values);
}

EXPORT int fprintf(FILE *restrict file, const char *restrict format, ...) {
    CHECK(fprintf);
    NEXT(vfprintf)
    va_list values;
    va_start(values, format);
    int written = call_vfprintf(file, format, values);
    va_end(values);
    return written;
}

EXPORT int printf(const char *restrict format, ...) {
    CHECK(printf);
    NEXT(vfprintf)
    va_list values;
    va_start(values, format);
    int written = call_vfprintf(stdout, format, values);
    va_end(values);
    return written;
}
