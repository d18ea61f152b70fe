/* A voice-activity kernel with a mistake in it, to be run by the real engine: the first word of `model` says which. */
#include "vad.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

enum { NOTHING = 0, ALLOCATES = 1, LOCKS = 2 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static void *volatile block;

static void run(const void *model, uint32_t batch, float *const *states, const float *const *windows,
                float *probabilities, void *scratch) {
    (void)states, (void)windows, (void)scratch;
    const uint32_t mistake = *(const uint32_t *)model;
    if (mistake == ALLOCATES) block = malloc(48);
    if (mistake == LOCKS) pthread_mutex_lock(&mutex);
    for (uint32_t i = 0; i < batch; i++) probabilities[i] = 0.0f;
    if (mistake == LOCKS) pthread_mutex_unlock(&mutex);
    if (mistake == ALLOCATES) free(block);
}

static const uint32_t mistakes[] = {NOTHING, ALLOCATES, LOCKS};

#define KERNEL(mistake)                                                                                                \
    {.model = &mistakes[mistake],                                                                                      \
     .rate = 16000,                                                                                                    \
     .window_samples = 512,                                                                                            \
     .state_floats = 16,                                                                                               \
     .max_batch = 8,                                                                                                   \
     .scratch_bytes = 64,                                                                                              \
     .run = run}

__attribute__((visibility("default")))
const rta_vad_kernel planted_kernels[] = {KERNEL(NOTHING), KERNEL(ALLOCATES), KERNEL(LOCKS)};
__attribute__((visibility("default"))) const size_t planted_kernel_bytes = sizeof(rta_vad_kernel);
