/* SPDX-License-Identifier: Apache-2.0
 *
 * pitch.h: the track of F0 of a stretch of speech, by YIN (de Cheveigné and Kawahara 2002): the squared difference of a
 * window and itself shifted, divided by its running mean; its dips are periods. Each frame keeps its best three, and the
 * path through them that pays least for lack of periodicity and for leaps is the track (after Talkin 1995).
 *
 * The input is brought to 8 kHz by a half-band filter; frames are 32 ms, each 10 ms; F0 from 60 to 500 Hz. Frame i of
 * the track is centred on sample 160 i + 80 of the input. The same bits everywhere (law 5).
 *
 * Threads: pure. A few milliseconds for seconds of sound: not for the audio path.
 */
#ifndef RTA_PITCH_H
#define RTA_PITCH_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { RTA_PITCH_HOP = 160, RTA_PITCH_MOST_FRAMES = 800 };

size_t rta_pitch_scratch_bytes(void); /* 64-byte aligned */
/* samples: count of them at 16 kHz, at most 8 s; f0: count / 160 frames, Hz, 0 where it is unvoiced; periodicity (may be
 * NULL): as many, 0..1. Gives the number of frames. */
size_t rta_pitch_track(const float *samples, size_t count, float *f0, float *periodicity, void *scratch);

#ifdef __cplusplus
}
#endif
#endif
