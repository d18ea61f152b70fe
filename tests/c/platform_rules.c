// sources: csrc/platform.c
//
// What the rest of the core relies on: a clock that only runs forward, a sleep that never ends early, a wake-up that is
// not lost, memory that the other side can neither change nor shrink (law 11), threads that end when joined.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "check.h"
#include "platform.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

static void clock_and_sleep(void) {
    int64_t last = rta_clock_ns();
    for (int i = 0; i < 10000; i++) {
        const int64_t now = rta_clock_ns();
        CHECK(now >= last);
        last = now;
    }
    const int64_t deadline = rta_clock_ns() + 3000000;
    rta_sleep_until_ns(deadline);
    CHECK(rta_clock_ns() >= deadline);
    rta_sleep_until_ns(deadline); /* past: returns */
    rta_sleep_until_ns(-1);
}

static void wake(void) {
    rta_wake wake;
    CHECK(rta_wake_open(&wake) == RTA_OK);
    CHECK(!rta_wake_drain(wake.read_fd));
    for (int i = 0; i < 100000; i++) rta_wake_signal(wake.write_fd); /* never blocks, though nobody reads */
    CHECK(rta_wake_drain(wake.read_fd) && !rta_wake_drain(wake.read_fd));
    CHECK(fcntl(wake.read_fd, F_GETFD) & FD_CLOEXEC);
    rta_wake_close(&wake);
    CHECK(wake.read_fd == -1);
    rta_wake_close(&wake);
    rta_wake_signal(-1); /* a closed one: no harm */
}

static bool all_zero(const rta_region *region) {
    const unsigned char *bytes = region->base;
    for (size_t i = 0; i < region->bytes; i++)
        if (bytes[i]) return false;
    return true;
}

static void private_memory(void) {
    rta_region region;
    CHECK(rta_region_private(&region, 5000) == RTA_OK);
    CHECK(region.bytes >= 5000 && region.fd == -1 && region.writable && all_zero(&region));
    CHECK((uintptr_t)region.base % (uintptr_t)sysconf(_SC_PAGESIZE) == 0);
    rta_region_close(&region);
    CHECK(region.base == NULL);
    rta_region_close(&region);
    CHECK(rta_region_private(&region, 0) == RTA_INVALID && rta_region_private(&region, SIZE_MAX) == RTA_INVALID);
    rta_region zeroed = {0};
    rta_region_close(&zeroed); /* leaves descriptor 0 alone */
    CHECK(fcntl(0, F_GETFD) != -1 || errno == EBADF);
}

/* Not through the mapping, not through the descriptor, not by making it smaller. */
static void the_other_side_cannot_write(const rta_region *own, const rta_region *other) {
    const size_t bytes = own->bytes;
    CHECK(mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, other->fd, 0) == MAP_FAILED);
    CHECK(pwrite(other->fd, "x", 1, 0) == -1);
    CHECK(mprotect(other->base, bytes, PROT_READ | PROT_WRITE) == -1);
    CHECK(ftruncate(other->fd, 0) == -1);
#ifdef __linux__
    CHECK(ftruncate(other->fd, (off_t)bytes * 2) == -1);
    CHECK(fallocate(other->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)bytes) == -1);
    CHECK(fcntl(other->fd, F_ADD_SEALS, F_SEAL_WRITE) == -1);
#endif
}

static void shared_memory(void) {
    rta_region own, other;
    CHECK(rta_region_create(&own, 10000, "rta-test") == RTA_OK);
    CHECK(own.fd >= 0 && own.writable && all_zero(&own) && (fcntl(own.fd, F_GETFD) & FD_CLOEXEC));
    CHECK(rta_region_attach(&other, own.fd, own.bytes + 1) == RTA_INVALID);
    CHECK(rta_region_attach(&other, own.fd, 10000) == RTA_OK);
    CHECK(other.fd != own.fd && !other.writable && other.bytes == own.bytes);
    memcpy((char *)own.base + 4096, "heard", 6);
    CHECK(strcmp((char *)other.base + 4096, "heard") == 0);
    the_other_side_cannot_write(&own, &other);
    rta_region_close(&own); /* the mapping outlives its maker */
    CHECK(strcmp((char *)other.base + 4096, "heard") == 0);
    rta_region_close(&other);
}

static void bad_descriptors(void) {
    rta_region region;
    CHECK(rta_region_attach(&region, -1, 1) == RTA_INVALID);
    CHECK(rta_region_attach(&region, 999999, 1) == RTA_SYSTEM);
    int ends[2];
    CHECK(pipe(ends) == 0);
    CHECK(rta_region_attach(&region, ends[0], 1) == RTA_INVALID);
    close(ends[0]);
    close(ends[1]);
#ifdef __linux__
    const int unsealed = memfd_create("unsealed", MFD_ALLOW_SEALING);
    CHECK(unsealed >= 0 && ftruncate(unsealed, 8192) == 0);
    CHECK(rta_region_attach(&region, unsealed, 4096) == RTA_INVALID);
    close(unsealed);
#endif
    CHECK(region.base == NULL && region.fd == -1);
}

static int64_t seen_id;
static void note_id(void *arg) {
    seen_id = rta_thread_id();
    *(int *)arg = 7;
}

static void threads(void) {
    for (int realtime = 0; realtime < 2; realtime++) { /* refused real time is no error */
        rta_thread *thread;
        int seen = 0;
        CHECK(rta_thread_start(&thread, note_id, &seen, "a name longer than the kernel keeps", realtime) == RTA_OK);
        rta_thread_join(thread);
        CHECK(seen == 7 && seen_id != rta_thread_id());
    }
    rta_thread_join(NULL);
}

int main(void) {
    clock_and_sleep();
    wake();
    private_memory();
    shared_memory();
    bad_descriptors();
    threads();
    return 0;
}
