/* SPDX-License-Identifier: Apache-2.0
 *
 * line_echo.h: what a line knows of its own echo: reads the reference tap, drives the echo guard and a stage (a
 * canceller), and keeps the guard's shares for the windows that wait for their probability. A part of a line (line_parts.h).
 *
 * Order within a tick: reference, then stage, then guard; so the guard judges what the VAD hears. The tap holds what was
 * put out up to the tick before (paced) or up to the last callback (device).
 *
 * Threads: the step's. AUDIO PATH but for create and destroy. Figures are stored atomically for those who read them.
 */
#ifndef RTA_LINE_ECHO_H
#define RTA_LINE_ECHO_H

#include "echo_guard.h"
#include "engine.h"
#include "line_reference.h"
#include "resample.h"

enum { RTA_LINE_SHARES = 2048 /* windows kept: 65 s, more than may wait at an outside VAD */ };

typedef struct rta_line_echo rta_line_echo;

/* clocks: of a line on which what is heard comes by another clock than what is put out (device, network), else NULL; outlives
 * it. reference_lead: samples of silence put before the reference of a stage, at 16 kHz. */
rta_status rta_line_echo_create(rta_line_echo **echo, rta_port_engine *port, bool guards, const rta_media_map *clocks,
                                const rta_stage *stage, uint64_t reference_lead, uint64_t mic_samples);
void rta_line_echo_destroy(rta_line_echo *echo);
/* Takes what was put out and belongs beside the `count` mic samples that come next (line_reference.h); `waiting`: mic samples
 * that wait at the line's input behind them. */
void rta_line_echo_take_reference(rta_line_echo *echo, uint64_t count, uint64_t waiting);
/* Of a line that puts out ahead of its time, after each pull: the time of [from, to) has come, which is what the next call
 * takes; what lies between the last one and this was recalled. */
void rta_line_echo_fell_due(rta_line_echo *echo, uint64_t from, uint64_t to);
/* The stage's answer to `count` more samples of the line, in place for as long as nothing else is called; *given may be
 * less or more than count by what is held back. Without a stage: samples itself. */
const float *rta_line_echo_stage(rta_line_echo *echo, const float *samples, uint64_t count, uint64_t *given);
/* `samples` enter the mic ring at `position`. */
void rta_line_echo_heard(rta_line_echo *echo, uint64_t position, const float *samples, uint64_t count);
/* What is left of `samples`, just given to rta_line_echo_heard, without the echo: as many, in place until the next call;
 * the samples themselves where no echo is known. */
const float *rta_line_echo_rest(rta_line_echo *echo, const float *samples, uint64_t count);
/* Share of the last 32 ms. */
float rta_line_echo_share_now(const rta_line_echo *echo);
/* Share of the window that ends at `position_end`; 0 where there is none. */
float rta_line_echo_share(const rta_line_echo *echo, uint64_t position_end);

typedef struct rta_line_echo_figures {
    uint64_t found, moved, starved, realigned, stage_bad, stage_starved;
    int64_t delay_samples;
} rta_line_echo_figures;
void rta_line_echo_figures_read(const rta_line_echo *echo, rta_line_echo_figures *figures);

#endif
