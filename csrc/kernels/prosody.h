/* SPDX-License-Identifier: Apache-2.0
 *
 * prosody.h: how a stretch of speech ended: where its energy ends, what its melody did, how long its last syllable was,
 * how fast and how loud it was, and how loud the noise is around it.
 *
 *   levels      of 20 ms, each 10 ms, plain and after 1 - 0.9 z^-1 (speech ends in high sounds, rooms hum low)
 *               where a voice stands out of noise by less than 20 dB after that filter, and by more before it, the plain
 *               level counts
 *   noise       the lowest tenth of all levels; speech: the highest tenth since speech began
 *   end         the last level above noise + 8 dB and speech - 32 dB: the energy end, to 10 ms
 *   melody      pitch.h, in semitones, of frames between the first and the last such level: its end is the median of the
 *               last 30 ms of voice; its movement leads there from the lowest or highest of the last 300 ms of voice,
 *               whichever is farther
 *   syllables   maxima of the level smoothed over 50 ms with dips of 2 dB between them, voiced (de Jong and Wempe 2009)
 *
 * The same bits everywhere (law 5). What is not to be found is NaN. Threads: pure; milliseconds: not for the audio path.
 */
#ifndef RTA_PROSODY_H
#define RTA_PROSODY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rta_prosody {
    size_t energy_end;       /* samples of the input up to there; all of them where there is no speech */
    float f0_move_st;        /* > 0: rose */
    float f0_end_st;         /* the end against the median */
    float f0_floor_st;       /* the end against the lowest tenth: 0 is the speaker's floor */
    float f0_range_st;       /* highest against lowest tenth */
    float last_syllable_s;   /* from the dip before the last nucleus to the energy end */
    float last_nucleus_s;    /* from the last nucleus to the energy end */
    float syllable_rate;     /* per second */
    float syllables;
    float speech_s;          /* from the first to the last level of speech */
    float noise_dbfs, speech_dbfs;
    float decay_db;          /* the last nucleus against those before */
    float end_voiced;        /* share of the last 200 ms, 0..1 */
} rta_prosody;

size_t rta_prosody_scratch_bytes(void); /* 64-byte aligned */
/* samples: count of them at 16 kHz, of which the last 8 s are used. speech_start: where speech began, a sample among
 * them; what lies before it tells of noise only. */
void rta_prosody_measure(const float *samples, size_t count, size_t speech_start, rta_prosody *prosody, void *scratch);

#ifdef __cplusplus
}
#endif
#endif
