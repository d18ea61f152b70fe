/* silero_rules.c: the Silero kernel from C, with weights that are random but the same everywhere.
 *
 * Law 5: every instruction set gives the same bits, a row alone those of any batch, from any thread; and the bits are
 * those that older versions gave (GOLDEN): a replay of their journals depends on it. Nothing is written beyond the
 * scratch that was asked for, and nothing in it is read before it was written. */
// sources: silero tests/c/silero_wide.cc
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "check.h"
#include "kernels/silero.h"

enum { STREAMS = 11, WINDOWS = 3, GUARD = 64 };
static const uint32_t GOLDEN[2] = {0x828802a8u, 0xff55d8a2u}; /* at 16 and at 8 kHz */

static uint64_t seed = 7;

static float *random_floats(size_t count, float size) {
    float *values = malloc(count * sizeof *values);
    CHECK(values != NULL);
    for (size_t i = 0; i < count; ++i)
        values[i] = size * (float)((int64_t)random_between(&seed, 0, 1 << 20) - (1 << 19)) / (float)(1 << 19);
    return values;
}

/* Sizes that keep every layer alive and no gate closed. */
static void make_weights(rta_silero_weights *w, uint32_t rate) {
    const int outputs[4] = {128, 64, 64, 128}, inputs[4] = {rate == 16000 ? 129 : 65, 128, 64, 64};
    for (int i = 0; i < 4; ++i) {
        w->conv_weight[i] = random_floats((size_t)outputs[i] * (size_t)inputs[i] * 3, 0.12f);
        w->conv_bias[i] = random_floats((size_t)outputs[i], 0.1f);
    }
    w->lstm_input = random_floats(512 * 128, 0.2f);
    w->lstm_hidden = random_floats(512 * 128, 0.2f);
    w->lstm_input_bias = random_floats(512, 0.1f);
    w->lstm_hidden_bias = random_floats(512, 0.1f);
    w->output_weight = random_floats(128, 0.4f);
    w->output_bias = 0.125f;
}

static void free_weights(rta_silero_weights *w) {
    for (int i = 0; i < 4; ++i) {
        free((void *)w->conv_weight[i]);
        free((void *)w->conv_bias[i]);
    }
    free((void *)w->lstm_input);
    free((void *)w->lstm_hidden);
    free((void *)w->lstm_input_bias);
    free((void *)w->lstm_hidden_bias);
    free((void *)w->output_weight);
}

/* silero_wide.cc: sixteen lanes on any machine. */
typedef void run_function(const void *model, uint32_t batch, float *const *states, const float *const *windows,
                          float *probabilities, void *scratch);
extern const struct wide_runs {
    run_function *at_16k, *at_8k;
} rta_silero_wide;

typedef struct results {
    float probabilities[WINDOWS][STREAMS];
    float states[STREAMS][RTA_SILERO_MOST_STATE];
} results;

/* WINDOWS windows of all streams, `batch` of them at a time. */
static void run_all(const rta_vad_kernel *kernel, const float *samples, uint32_t batch, results *out) {
    unsigned char *scratch = aligned_alloc(64, (kernel->scratch_bytes + GUARD + 63) / 64 * 64);
    CHECK(scratch != NULL);
    memset(scratch, 0xff, kernel->scratch_bytes + GUARD); /* NaN */
    memset(out->states, 0, sizeof out->states);
    for (uint32_t w = 0; w < WINDOWS; ++w)
        for (uint32_t first = 0; first < STREAMS; first += batch) {
            const uint32_t count = STREAMS - first < batch ? STREAMS - first : batch;
            float *states[STREAMS];
            const float *windows[STREAMS];
            for (uint32_t i = 0; i < count; ++i) {
                states[i] = out->states[first + i];
                windows[i] = samples + ((first + i) * WINDOWS + w) * kernel->window_samples;
            }
            kernel->run(kernel->model, count, states, windows, &out->probabilities[w][first], scratch);
        }
    for (int i = 0; i < GUARD; ++i) CHECK(scratch[kernel->scratch_bytes + (size_t)i] == 0xff);
    free(scratch);
}

typedef struct job {
    const rta_vad_kernel *kernel;
    const float *samples;
    const results *expected;
} job;

static void *run_in_thread(void *argument) {
    const job *work = argument;
    results found;
    run_all(work->kernel, work->samples, 4, &found);
    CHECK(memcmp(&found, work->expected, sizeof found) == 0);
    return NULL;
}

/* FNV-1a over the bits. */
static uint32_t checksum(const void *data, size_t bytes) {
    uint32_t sum = 2166136261u;
    for (size_t i = 0; i < bytes; ++i) sum = (sum ^ ((const unsigned char *)data)[i]) * 16777619u;
    return sum;
}

static void check_rate(uint32_t rate, uint32_t golden) {
    rta_silero_weights weights;
    make_weights(&weights, rate);
    float *samples = random_floats((size_t)STREAMS * WINDOWS * rate * 32 / 1000, 0.5f);
    rta_silero *model = NULL;
    CHECK(rta_silero_create(&model, &weights, rate, RTA_ISA_COUNT) == RTA_INVALID);
    CHECK(rta_silero_create(&model, &weights, 44100, RTA_ISA_SCALAR) == RTA_INVALID);

    results expected;
    memset(&expected, 0, sizeof expected);
    for (int isa = 0; isa < RTA_ISA_COUNT; ++isa) {
        if (!rta_isa_available((rta_isa)isa)) continue;
        CHECK(rta_silero_create(&model, &weights, rate, (rta_isa)isa) == RTA_OK);
        CHECK(rta_silero_isa(model) == (rta_isa)isa);
        const rta_vad_kernel *kernel = rta_silero_kernel(model);
        CHECK(kernel->window_samples == rate * 32 / 1000 && kernel->rate == rate && kernel->max_batch == 32);
        CHECK(kernel->state_floats == 256 + rate / 250 && kernel->state_floats <= RTA_SILERO_MOST_STATE);
        if (isa == RTA_ISA_SCALAR) {
            run_all(kernel, samples, STREAMS, &expected);
            float least = 1.0f, most = 0.0f;
            for (int i = 0; i < STREAMS; ++i) {
                const float p = expected.probabilities[WINDOWS - 1][i];
                CHECK(isfinite(p));
                least = p < least ? p : least;
                most = p > most ? p : most;
            }
            CHECK(least > 0.01f && most < 0.99f && most - least > 0.001f); /* every layer is alive */
            rta_vad_kernel wide = *kernel;
            wide.run = rate == 16000 ? rta_silero_wide.at_16k : rta_silero_wide.at_8k;
            for (uint32_t batch = 1; batch <= STREAMS; batch += 5) {
                results found;
                run_all(&wide, samples, batch, &found);
                CHECK(memcmp(&found, &expected, sizeof found) == 0);
            }
        }
        for (uint32_t batch = 1; batch <= STREAMS; ++batch) {
            results found;
            run_all(kernel, samples, batch, &found);
            CHECK(memcmp(&found, &expected, sizeof found) == 0);
        }
        pthread_t threads[2];
        job work = {kernel, samples, &expected};
        for (int i = 0; i < 2; ++i) CHECK(pthread_create(&threads[i], NULL, run_in_thread, &work) == 0);
        for (int i = 0; i < 2; ++i) CHECK(pthread_join(threads[i], NULL) == 0);
        rta_silero_destroy(model);
        printf("%s at %u Hz: the same bits\n", rta_isa_name((rta_isa)isa), (unsigned)rate);
    }
    CHECK(checksum(&expected, sizeof expected) == golden);
    free(samples);
    free_weights(&weights);
}

int main(void) {
    check_rate(16000, GOLDEN[0]);
    check_rate(8000, GOLDEN[1]);
    CHECK(rta_isa_available(rta_isa_best()));
    CHECK(rta_isa_name(RTA_ISA_COUNT) == NULL && !rta_isa_available(RTA_ISA_COUNT));
    return 0;
}
