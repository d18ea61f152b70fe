/* SPDX-License-Identifier: Apache-2.0
 *
 * The ear and the detector under any windows and peeks: looks lie on multiples of 128 and come in order, a peek leaves the
 * stream's state as it was (law 6), chunks do not matter, and what is no number never leaves the playout down for ever.
 */
// sources: ear
#include <math.h>
#include <string.h>

#include "check.h"
#include "detector.h"
#include "ear.h"

enum { STATE = 8 + 64, SECONDS = 4, TOTAL = 16000 * SECONDS };

/* A kernel whose state counts windows and hashes samples, and keeps 64 samples of context as Silero's does. */
static void run(const void *model, uint32_t batch, float *const *states, const float *const *windows, float *p,
                void *scratch) {
    (void)model;
    (void)scratch;
    for (uint32_t i = 0; i < batch; i++) {
        float sum = states[i][0];
        for (int k = 0; k < 64; k++) sum += states[i][8 + k] * (float)(k + 1);
        for (int k = 0; k < RTA_VAD_WINDOW; k++) sum += windows[i][k];
        states[i][0] = sum * 0.5f;
        memcpy(states[i] + 8, windows[i] + RTA_VAD_WINDOW - 64, 64 * sizeof(float));
        p[i] = sum;
    }
}

static const rta_vad_kernel KERNEL = {.rate = 16000,
                                      .window_samples = RTA_VAD_WINDOW,
                                      .state_floats = STATE,
                                      .max_batch = 1,
                                      .run = run,
                                      .context_samples = 64};

typedef struct heard {
    float p[TOTAL / 128 + 8];
    uint64_t count, windows;
} heard;

static void look_all(rta_ear *ear, const float *mic_state, uint64_t *window_end, bool peeks, heard *out) {
    float *state;
    const float *window;
    for (;;) {
        while (rta_ear_look(ear, *window_end, peeks, &state, &window)) {
            float p;
            uint64_t position;
            KERNEL.run(NULL, 1, &state, &window, &p, NULL);
            const bool peek = rta_ear_looked(ear, *window_end, p, &position);
            CHECK(position % 128 == 0);
            CHECK(peek == (position != *window_end));
            if (!peek || peeks) out->p[out->count++] = p;
            if (!peek) out->windows++;
        }
        if (ear->end < *window_end) return;
        rta_window w = {.position_end = *window_end};
        rta_ear_tell(ear, *window_end, &w);
        for (int i = 0; i < RTA_WINDOW_HOPS; i++) CHECK(w.power[i] >= 0.0f && w.edge[i] >= 0.0f);
        rta_ear_listen(ear, true, mic_state, *window_end);
        *window_end += RTA_VAD_WINDOW;
    }
}

static void hear(const float *samples, uint64_t chunk, bool peeks, heard *out) {
    static float mic_state[STATE];
    rta_ear ear;
    uint64_t window_end = RTA_VAD_WINDOW;
    memset(out, 0, sizeof *out);
    CHECK(rta_ear_init(&ear, &KERNEL, 0, 4096) == RTA_OK);
    rta_ear_listen(&ear, true, mic_state, 0);
    for (uint64_t at = 0; at < TOTAL; at += chunk) {
        rta_ear_feed(&ear, samples + at, TOTAL - at < chunk ? TOTAL - at : chunk);
        look_all(&ear, mic_state, &window_end, peeks, out);
    }
    CHECK(out->windows == TOTAL / RTA_VAD_WINDOW);
    rta_ear_free(&ear);
}

static void chunks_and_peeks_change_nothing(void) {
    static float samples[TOTAL];
    static heard whole, pieces, quiet;
    uint64_t seed = 7;
    for (int i = 0; i < TOTAL; i++) samples[i] = (float)random_between(&seed, 0, 2000) / 1000.0f - 1.0f;
    hear(samples, 4096, true, &whole);
    hear(samples, 160, true, &pieces);
    hear(samples, 7, false, &quiet);
    CHECK(whole.count == pieces.count && memcmp(whole.p, pieces.p, whole.count * sizeof(float)) == 0);
    for (uint64_t k = 0; k < quiet.count; k++) CHECK(quiet.p[k] == whole.p[k * 4 + 3]);
}

static float any_share(uint64_t *seed) {
    const uint64_t which = random_between(seed, 0, 9);
    return which == 0 ? NAN : which == 1 ? -1.0f : (float)random_between(seed, 0, 100) / 100.0f;
}

static void nothing_keeps_the_agent_down(void) {
    uint64_t seed = 11, end = 0;
    for (int round = 0; round < 300; round++) {
        rta_detector_config config;
        rta_detector d;
        rta_detector_output out;
        rta_detector_defaults(&config);
        CHECK(rta_detector_init(&d, &config) == RTA_OK);
        bool ducked = false, paused = false;
        for (int k = 0; k < 200; k++) {
            const bool last = k >= 150; /* silence at the end */
            const rta_peek peek = {.position_end = end + 128,
                                   .segment = 1,
                                   .speaking = 1,
                                   .policy = (uint32_t)random_between(&seed, 0, 4),
                                   .probability = last ? 0.0f : any_share(&seed),
                                   .echo = any_share(&seed),
                                   .mean_square = any_share(&seed)};
            rta_detector_peek(&d, &peek, &out);
            uint32_t done = out.actions;
            end += RTA_VAD_WINDOW;
            rta_window w = {.position_end = end,
                            .segment = 1 + random_between(&seed, 0, 1),
                            .speaking = 1,
                            .probability = last ? 0.0f : any_share(&seed),
                            .near = last ? 0.0f : any_share(&seed),
                            .echo = any_share(&seed),
                            .policy = (uint32_t)random_between(&seed, 0, 4),
                            .sentences = (uint64_t)k / 20};
            for (int i = 0; i < RTA_WINDOW_HOPS; i++) w.power[i] = w.edge[i] = any_share(&seed);
            rta_detector_step(&d, &w, &out);
            CHECK(out.event_count <= RTA_DETECTOR_EVENTS);
            for (int part = 0; part < 2; part++, done = out.actions) {
                CHECK(!(done & RTA_DO_DUCK && ducked) && !(done & RTA_DO_PAUSE && paused));
                ducked |= (done & RTA_DO_DUCK) != 0;
                paused |= (done & RTA_DO_PAUSE) != 0;
                const bool resumes = done & (RTA_DO_RESUME | RTA_DO_RESUME_REWIND);
                CHECK(!(done & RTA_DO_UNDUCK && !ducked) && !(resumes && !paused));
                ducked &= !(done & RTA_DO_UNDUCK);
                paused &= !resumes;
            }
        }
        CHECK(!ducked && !paused);
    }
}

int main(void) {
    chunks_and_peeks_change_nothing();
    nothing_keeps_the_agent_down();
    return 0;
}
