/* SPDX-License-Identifier: Apache-2.0
 *
 * framer.h: re-blocks a stream that comes in chunks of any size into frames of `frame` samples, one every `hop`.
 *
 * Frame i holds the samples at positions start + i * hop .. + frame - 1, whatever the chunks were (law 6). hop < frame
 * overlaps, hop > frame leaves samples out. Samples are opaque elements of 1..16 bytes.
 *
 * Bounded: it keeps at most one frame. The caller drives it, and takes each frame before pushing more:
 *     while (count > 0) {
 *         uint64_t taken = rta_framer_push(framer, in, count);
 *         (advance in and count by taken)
 *         if ((frame = rta_framer_frame(framer, &position)) != NULL) ...use it...
 *     }
 *
 * Threads: one stream, one thread. push/frame/pending/reset: AUDIO PATH (wait-free, no allocation).
 */
#ifndef RTA_FRAMER_H
#define RTA_FRAMER_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rta_framer rta_framer;

/* RTA_INVALID: frame or hop outside 1 .. 2^24, or elem_bytes outside 1 .. 16. */
rta_status rta_framer_create(rta_framer **framer, uint32_t frame, uint32_t hop, uint32_t elem_bytes);
void rta_framer_destroy(rta_framer *framer);

/* Takes elements up to the end of the next frame; gives how many. A complete frame that was there before the call is
 * given up. */
uint64_t rta_framer_push(rta_framer *framer, const void *in, uint64_t count);
/* The complete frame and the position of its first sample; NULL: not complete yet. Valid until the next push. */
const void *rta_framer_frame(const rta_framer *framer, uint64_t *position);

/* Of the frame that comes next (after the complete one, if there is one). */
uint64_t rta_framer_position(const rta_framer *framer);
uint64_t
rta_framer_pending(const rta_framer *framer); /* samples of that frame that are there already: 0 .. frame - 1 */
/* How many frames pushing count elements would complete now. */
uint64_t rta_framer_frames_for(const rta_framer *framer, uint64_t count);
void rta_framer_reset(rta_framer *framer, uint64_t start); /* forgets all; the next sample has position start */

#ifdef __cplusplus
}
#endif
#endif
