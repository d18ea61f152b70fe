/* SPDX-License-Identifier: Apache-2.0
 *
 * media_map.h: which sample heard belongs to which sample put out, where the two have clocks of their own: for recordings.
 * Pure. Both clocks are tracked (clock_track.h) by marks on one clock of times: the input by which of its samples came
 * when, the output by which of its samples leaves when. Anchors come of it, one a second, 4 s behind what is under way:
 *
 *     anchor (out, mic): the sound of mic sample `mic` (a fraction, too) belongs beside out sample `out`
 *
 * Between two anchors lies a straight line. Two with the same mic: the input stood still, as long a silence belongs there.
 * Two with the same out: what lies between was never beside anything put out, and is passed over. Neither `out` nor `mic`
 * ever falls, and what lies between two others is within 0.5 % of real time.
 *
 *   state     each second                                                            goes to
 *   EMPTY     nothing, until both clocks are tracked and 4 s are known               RUNNING, with the anchor at which the
 *                                                                                    input began (or, if later, the output)
 *   RUNNING   an anchor, 4 s behind                                                  STALLED: no mark of the input in time
 *                                                                                    (within 30 ms) for 4 s
 *   STALLED   nothing: what is missing may come yet, and belongs where it would      RUNNING: it came, all of it: no silence
 *             have been                                                              RUNNING: it came, later for good: what was
 *                                                                                    lost was lost where the stall began; a
 *                                                                                    silence of that length, there
 *                                                                                    GIVEN_UP after 20 s
 *   GIVEN_UP  an anchor with the same mic: silence                                   RUNNING, as from STALLED; what comes all the
 *                                                                                    same and belongs before, is passed over
 *
 * An input that begins anew by more than it was off (samples too many) is passed over likewise.
 *
 * Threads: one at a time. AUDIO PATH. Doubles in a fixed order (law 5).
 */
#ifndef RTA_MEDIA_MAP_H
#define RTA_MEDIA_MAP_H

#include "base.h"
#include "clock_track.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { RTA_MAP_ANCHORS = 4 /* at most, of one call */ };

typedef enum rta_map_state { RTA_MAP_EMPTY, RTA_MAP_RUNNING, RTA_MAP_STALLED, RTA_MAP_GIVEN_UP } rta_map_state;

typedef struct rta_anchor {
    uint64_t out;
    double mic;
} rta_anchor;

typedef struct rta_media_map {
    uint32_t state; /* rta_map_state */
    uint32_t out_rate, in_rate, mic_rate;
    double mic_begin; /* the mic sample in which sample 0 of the input sounds */
    rta_clock_track in, out;
    uint64_t good;    /* the last input sample whose mark came in time */
    int64_t good_ns;  /* when its clock stood there; begun_ns: the first mark of either */
    int64_t begun_ns, next_ns;
    uint64_t in_steps;
    rta_anchor last;
} rta_media_map;

/* mic_begin: see above. The input's rate comes with its first mark. */
void rta_media_map_init(rta_media_map *map, uint32_t out_rate, uint32_t mic_rate, double mic_begin);
/* Input sample `position` (of all ever, at `rate`, the same each time) came at ns. */
void rta_media_map_heard(rta_media_map *map, uint64_t position, uint32_t rate, int64_t ns);
/* Out sample `position` leaves at ns. */
void rta_media_map_put_out(rta_media_map *map, uint64_t position, int64_t ns);
/* What is known by now_ns; returns how many. */
unsigned rta_media_map_anchors(rta_media_map *map, int64_t now_ns, rta_anchor anchors[RTA_MAP_ANCHORS]);

#ifdef __cplusplus
}
#endif
#endif
