/* A stage for tests, native so that it runs under the engine's thread: gives the mic 24 samples later, less half of the
 * reference that comes with it. Its state begins with a mark that `init` sets; a frame whose first sample is exactly 2.0
 * is answered with a NaN. Both ends of a state's life are counted. */
#include "stage.h"

enum { FRAME = 80, DELAY = 24 };
typedef struct state {
    uint32_t mark, pad;
    float held[DELAY];
} state;

int stage_inits, stage_dones;

static rta_status init(const void *model, void *memory) {
    (void)model;
    ((state *)memory)->mark = 0xec40;
    stage_inits++;
    return RTA_OK;
}

static void run(const void *model, void *memory, const float *mic, const float *reference, float *out) {
    (void)model;
    state *s = memory;
    float late[DELAY + FRAME];
    for (int i = 0; i < DELAY; i++) late[i] = s->held[i];
    for (int i = 0; i < FRAME; i++) late[DELAY + i] = mic[i] - 0.5f * reference[i];
    for (int i = 0; i < FRAME; i++) out[i] = s->mark == 0xec40 ? late[i] : 9.0f;
    for (int i = 0; i < DELAY; i++) s->held[i] = late[FRAME + i];
    if (mic[0] == 2.0f) out[3] = 0.0f / 0.0f;
}

static void done(const void *model, void *memory) {
    (void)model;
    stage_dones += ((state *)memory)->mark == 0xec40;
}

const rta_stage delay_stage = {.rate = 16000,
                               .frame_samples = FRAME,
                               .delay_samples = DELAY,
                               .state_bytes = sizeof(state),
                               .init = init,
                               .run = run,
                               .done = done};
static rta_status refuse(const void *model, void *memory) {
    (void)model, (void)memory;
    return RTA_INVALID;
}

const rta_stage refusing_stage = {.rate = 16000, .frame_samples = FRAME, .init = refuse, .run = run};
const rta_stage huge_stage = {
    .rate = 16000, .frame_samples = FRAME, .state_bytes = (size_t)RTA_STAGE_STATE + 1, .run = run};
const rta_stage idle_stage = {.rate = 16000, .frame_samples = FRAME};
const rta_stage wrong_rate_stage = {.rate = 48000, .frame_samples = FRAME, .run = run};
const rta_stage wrong_frame_stage = {.rate = 16000, .frame_samples = 513, .run = run};
const rta_stage late_stage = {.rate = 16000, .frame_samples = FRAME, .delay_samples = 16001, .run = run};
