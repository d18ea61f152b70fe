/* SPDX-License-Identifier: Apache-2.0
 *
 * State: `fill` samples of the frame at `position` lie in the buffer, or, between frames when hop > frame, `skip`
 * samples are still to be passed over before its first.
 *
 *              push                    push, fill == frame          next push: by hop
 *   [filling] ------> [filling] ... -----------------> [complete] -----------------> [filling] or [skipping]
 */
#include "framer.h"

#include <stdlib.h>
#include <string.h>

struct rta_framer {
    uint64_t frame, hop, elem_bytes;
    uint64_t position; /* of the first sample of the frame in work */
    uint64_t fill;     /* 0 .. frame */
    uint64_t skip;     /* > 0 only while fill == 0 */
    unsigned char *data;
};

rta_status rta_framer_create(rta_framer **out, uint32_t frame, uint32_t hop, uint32_t elem_bytes) {
    const uint32_t most = 1u << 24;
    if (frame == 0 || frame > most || hop == 0 || hop > most || elem_bytes == 0 || elem_bytes > 16) return RTA_INVALID;
    rta_framer *framer = calloc(1, sizeof *framer);
    if (framer == NULL) return RTA_NOMEM;
    framer->data = malloc((size_t)frame * elem_bytes);
    if (framer->data == NULL) {
        free(framer);
        return RTA_NOMEM;
    }
    framer->frame = frame;
    framer->hop = hop;
    framer->elem_bytes = elem_bytes;
    *out = framer;
    return RTA_OK;
}

void rta_framer_destroy(rta_framer *framer) {
    if (framer == NULL) return;
    free(framer->data);
    free(framer);
}

static inline bool complete(const rta_framer *framer) { return framer->fill == framer->frame; }

static inline uint64_t overlap(const rta_framer *framer) {
    return framer->frame > framer->hop ? framer->frame - framer->hop : 0;
}

static void next_frame(rta_framer *framer) {
    const uint64_t keep = overlap(framer);
    memmove(framer->data, framer->data + (framer->frame - keep) * framer->elem_bytes, keep * framer->elem_bytes);
    framer->position += framer->hop;
    framer->fill = keep;
    framer->skip = framer->hop > framer->frame ? framer->hop - framer->frame : 0;
}

uint64_t rta_framer_push(rta_framer *framer, const void *in, uint64_t count) {
    if (count == 0) return 0;
    if (complete(framer)) next_frame(framer);
    const uint64_t passed = count < framer->skip ? count : framer->skip;
    framer->skip -= passed;
    const uint64_t room = framer->frame - framer->fill, left = count - passed;
    const uint64_t taken = left < room ? left : room;
    if (taken > 0) {
        memcpy(framer->data + framer->fill * framer->elem_bytes,
               (const unsigned char *)in + passed * framer->elem_bytes, taken * framer->elem_bytes);
        framer->fill += taken;
    }
    return passed + taken;
}

const void *rta_framer_frame(const rta_framer *framer, uint64_t *position) {
    if (!complete(framer)) return NULL;
    if (position != NULL) *position = framer->position;
    return framer->data;
}

uint64_t rta_framer_position(const rta_framer *framer) {
    return framer->position + (complete(framer) ? framer->hop : 0);
}

uint64_t rta_framer_pending(const rta_framer *framer) { return complete(framer) ? overlap(framer) : framer->fill; }

uint64_t rta_framer_frames_for(const rta_framer *framer, uint64_t count) {
    /* Samples still wanted before the next completion; when a frame is complete, the next begins hop later. */
    const uint64_t wanted = complete(framer) ? framer->hop : framer->skip + framer->frame - framer->fill;
    return count < wanted ? 0 : 1 + (count - wanted) / framer->hop;
}

void rta_framer_reset(rta_framer *framer, uint64_t start) {
    framer->position = start;
    framer->fill = 0;
    framer->skip = 0;
}
