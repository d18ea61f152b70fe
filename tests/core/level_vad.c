/* A VAD kernel for tests, native so that it runs under the engine's thread: the probability of a window is the mean of
 * its absolute values, so a constant input of 0.9 is heard as 0.9. Its state counts the windows of its stream. */
#include "vad.h"

static void run(const void *model, uint32_t batch, float *const *states, const float *const *windows,
                float *probabilities, void *scratch) {
    (void)model;
    (void)scratch;
    for (uint32_t row = 0; row < batch; row++) {
        float sum = 0.0f;
        for (int i = 0; i < 512; i++) sum += windows[row][i] < 0.0f ? -windows[row][i] : windows[row][i];
        states[row][0] += 1.0f;
        probabilities[row] = sum / 512.0f;
    }
}

const rta_vad_kernel level_vad = {
    .rate = 16000, .window_samples = 512, .state_floats = 1, .max_batch = 8, .scratch_bytes = 64, .run = run};
