/* A stretch of audio path with one planted mistake, named on the command line; "nothing" plants none. */
#include "base.h"

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static sem_t semaphore;
static void *volatile block; /* volatile: the compiler must not pair malloc with free and drop both */

static void plant(const char *what) {
    if (!strcmp(what, "malloc")) block = malloc(48);
    if (!strcmp(what, "calloc")) block = calloc(4, 12);
    if (!strcmp(what, "realloc")) block = realloc(block, 4096);
    if (!strcmp(what, "free")) free(block);
    if (!strcmp(what, "posix_memalign")) (void)!posix_memalign((void **)&block, 64, 4096);
    if (!strcmp(what, "aligned_alloc")) block = aligned_alloc(64, 4096);
    if (!strcmp(what, "mmap")) block = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!strcmp(what, "pthread_mutex_lock")) pthread_mutex_lock(&mutex);
    if (!strcmp(what, "pthread_mutex_trylock")) pthread_mutex_trylock(&mutex);
    if (!strcmp(what, "pthread_rwlock_rdlock")) pthread_rwlock_rdlock(&rwlock);
    if (!strcmp(what, "pthread_rwlock_wrlock")) pthread_rwlock_wrlock(&rwlock);
    if (!strcmp(what, "pthread_cond_wait")) pthread_cond_wait(&cond, &mutex);
    if (!strcmp(what, "pthread_cond_signal")) pthread_cond_signal(&cond);
    if (!strcmp(what, "sem_wait")) sem_wait(&semaphore);
    if (!strcmp(what, "usleep")) usleep(1);
    if (!strcmp(what, "read")) (void)!read(0, &block, 0);
    if (!strcmp(what, "open")) close(open("/dev/null", O_RDONLY));
    if (!strcmp(what, "puts")) puts("a log line");
}

static void *audio_thread(void *what) {
    struct timespec zero = {0, 0};
    RTA_RT_ENTER();
    RTA_RT_ENTER(); /* they nest: leaving the inner one does not leave the outer */
    RTA_RT_LEAVE();
    clock_nanosleep(CLOCK_MONOTONIC, 0, &zero, NULL); /* what the engine's thread may do */
    (void)!write(STDOUT_FILENO, "", 0);
    plant(what);
    RTA_RT_LEAVE();
    return NULL;
}

static void *other_thread(void *what) { /* not an audio thread: the same calls pass */
    if (strcmp(what, "pthread_cond_wait") != 0) plant(what);
    pthread_mutex_unlock(&mutex);
    return NULL;
}

int main(int count, char **words) {
    if (count != 3) return 2;
    sem_init(&semaphore, 0, 2);
    block = malloc(16);
    void *(*run)(void *) = strcmp(words[1], "audio") ? other_thread : audio_thread;
    pthread_t thread;
    pthread_create(&thread, NULL, run, words[2]);
    pthread_join(thread, NULL);
    puts("left in peace");
    return 0;
}
