/* SPDX-License-Identifier: Apache-2.0
 *
 * engine.h: the native thread that drives every port of a process: input chains, the VAD batched over ports, detectors,
 * barge-in, and the playout of ports whose output it paces. rta_engine_step() is the whole of its work and takes the
 * time as an argument, so the same code runs under the thread, in a simulation, and in a replay.
 *
 * Time is cut into ticks on a fixed grid that begins with the first step after create, start or stop (time in which the
 * engine does not run is not caught up). A step carries out every tick that is due, one after the other and in order,
 * however late or in however large a jump it is called: so when steps happen never changes what comes out (law 6).
 *
 * One tick at time t, for every line (a port and what drives it):
 *   1. input: what has come at a line's socket goes into its packets (line_socket.h). A paced line takes exactly the samples that are due at t from its input ring (what is missing is silence,
 *      counted, told by RTA_EV_INPUT_STARVED at once, then each second and at its end); a device line takes whatever
 *      the device callback has put there, a network line what the network has brought (line_link.h): what is not there
 *      is not heard. What is no number, or beyond +-RTA_INPUT_LIMIT, becomes 0 and is counted;
 *   2. resample to 16 kHz, write to the mic ring;
 *      (through the line's stage, if it has one: stage.h; a line with a canceller before it: what that brought beside);
 *      what was put out up to now goes to the echo guard, which
 *      judges each window: how much of it is echo (echo_guard.h);
 *   3. all lines with a whole window: VAD in batches of max_batch, then each line's detector; its wishes go to the
 *      playout's engine-side controls at once: the session is not asked. A line with an outside VAD: see below;
 *   4. what a turn model and the session have told: see below;
 *   5. output: a paced or network line pulls the samples due at t and keeps them in the reference tap (its sink); with a
 *      remote that holds audio it takes that one's reports first, and pulls speech up to `lead` ahead (playout.h).
 * And once per step: one write to each wake-up descriptor whose ports have news.
 * Of a paced line, mic sample m and output sample o belong together when (m - input delay) / 16000 = o / rate; of the
 * others, as rta_line_anchors() says.
 *
 * Outside VAD: a line whose probabilities come from a model that must not run here (it allocates, locks, waits). The
 * engine runs no kernel for it. Whoever runs the model reads the mic ring and posts one probability per window through
 * rta_line_probability(); each tick takes what has come, in order, at most RTA_LINE_HEARD_PER_TICK windows. Windows lie
 * where the kernel's would. Until a window is answered the detector stands still: a model that stalls is never mistaken
 * for silence. A window that is skipped (dropped at a full ring, lost by the reader) counts as the one before it, 0 at
 * the start: what nobody heard changes no decision, and each window has its place in the history of probabilities.
 * `decided` of this line's events is the mic position by which the answer took effect, not the end of its window.
 *
 * Evidence and hints: the detector asks whether a turn is complete (RTA_EV_TURN_ASKED). A model that runs elsewhere answers
 * through rta_line_turn_evidence(), the session tells what it knows through rta_line_turn_hint(). Each tick takes what
 * has come, evidence first, each in order, at most RTA_LINE_TOLD_PER_TICK of each; it takes effect at the mic position
 * of that tick, is journalled there, and may end the turn at once. The engine never waits for either. Settings of turns and
 * of barge-in that the session changes (rta_line_turn_settings) come in the same way, in order with the hints.
 *
 * Threads. step: one thread at a time (the engine thread once started). create, add, remove, start, stop, destroy: any
 * other thread, serialised by the caller; add and remove return when no step uses the table as it was before: a removed
 * line is in no step's hands. line_push: one producer per line. line_probability: one producer per line, which may be
 * another thread. line_turn_evidence: one producer; line_turn_hint and line_turn_settings: one for both. Figures: any thread.
 * AUDIO PATH: step and everything below it. System calls of the thread: clock_nanosleep, write (wake-up); of lines with a
 * socket recvmsg, sendto.
 */
#ifndef RTA_ENGINE_H
#define RTA_ENGINE_H

#include "base.h"
#include "jitter.h"
#include "media_map.h"
#include "port.h"
#include "rtp_latch.h"
#include "rtp_sender.h"
#include "stage.h"
#include "udp.h"
#include "vad.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    RTA_ENGINE_LINES = 1024,
    RTA_ENGINE_WAKES = 64,
    RTA_ENGINE_JUMP_S = 3600, /* how far one step may go: a clock mistaken for another must not hang the caller */
    RTA_INPUT_LIMIT = 64, /* full scale is 1; beyond this (+36 dB) it is not audio, and would poison the VAD's state */
    RTA_LINE_ANSWERS = 1024, /* bound of the probabilities that may wait at a line: 33 s */
    RTA_LINE_HEARD_PER_TICK = 64, /* windows of an outside VAD, skipped ones included: 2 s of audio */
    RTA_LINE_TOLD = 256, /* bound of the evidence, and of the hints, that may wait at a line */
    RTA_LINE_TOLD_PER_TICK = 16, /* of each */
    RTA_LINE_SETTINGS = 8, /* bound of the settings that may wait at a line */
    RTA_PACKETS_WAITING = 4096, /* most of the packets that may wait at a line */
    RTA_LINE_LEAD_NS = 1000000000, /* the longest lead */
    RTA_LINE_BURST_MS = 320, /* of a network line's input in one tick: a flood must not hold up the other lines */
};

typedef struct rta_engine rta_engine;
typedef struct rta_line rta_line;

typedef struct rta_engine_config {
    int64_t tick_ns; /* 1..100 ms; default 10 ms */
    const rta_vad_kernel *vad; /* NULL: no detector runs; else 512 samples at 16 kHz */
    uint32_t max_lines; /* <= RTA_ENGINE_LINES */
    uint32_t max_batch; /* 0: the kernel's; never changes a decision (law 5) */
} rta_engine_config;

typedef enum rta_line_kind {
    RTA_LINE_PACED = 0, /* input and output at the pace of the clock given to step */
    RTA_LINE_DEVICE = 1, /* a device callback pushes input and pulls the playout itself */
    RTA_LINE_NETWORK = 2, /* input as it comes, output at the pace of the clock given to step */
} rta_line_kind;

#define RTA_ARRIVES_NOW INT64_MIN /* arrival_ns of a packet: the time of the tick that takes it */

typedef struct rta_packets_config {
    rta_jitter_config jitter; /* link_lost_ns: the line's counts */
    uint32_t waiting; /* packets that may wait for the step: a power of two; 0: the line takes no packets */
} rta_packets_config;

typedef struct rta_packets_figures {
    rta_jitter_figures jitter; /* both sums of jitter_window.h hold */
    uint64_t stamps_bad; /* packets whose arrival was no time of the engine's clock */
    uint64_t dropped, refused; /* before the jitter buffer: RTA_FULL, RTA_INVALID of rta_line_put_packet() */
    uint64_t rtcp, malformed, strangers, moves; /* datagrams: rtp.h, rtp_latch.h */
} rta_packets_figures;

/* A socket under a line, which the engine serves (line_socket.h). */
typedef struct rta_socket_config {
    rta_udp *udp; /* NULL: none; outlives the line, and no other line has it */
    rta_socket_address send_to; /* length 0: to whom the line listens to */
    rta_rtp_sender_config rtp; /* input_rate: the port's counts */
    bool sends; /* what is put out, as `rtp` says */
    bool receives; /* into config.packets */
} rta_socket_config;

typedef struct rta_socket_figures {
    uint64_t samples; /* put out, port rate */
    uint64_t packets, payload_bytes, frames, silent_frames, cuts; /* rtp_sender.h */
    uint64_t unaddressed, dropped; /* of these packets: nobody to send to; the system took them not (udp.h) */
    uint32_t delay_samples; /* declared, at the codec's rate */
    uint32_t pad;
} rta_socket_figures;

typedef struct rta_line_config {
    rta_line_kind kind;
    uint32_t input_rate; /* any the resampler takes to 16 kHz */
    uint64_t input_samples; /* bound of the input ring: power of two, at least two ticks */
    rta_detector_config detector;
    int64_t device_latency_ns; /* paced, network: what the sink adds between pull and loudspeaker */
    int64_t device_bound_ns;
    int wake_fd; /* write end of the process's wake-up, or -1 */
    bool outside_vad; /* probabilities come through rta_line_probability() */
    bool observe; /* what barge-in wishes is told and journalled, and not done to the playout */
    const rta_stage *stage; /* NULL: none; outlives the line */
    bool cleaned; /* a canceller before the line brings its result beside the mic: rta_line_push_cleaned(). Needs
                     input_rate 16 kHz and no stage */
    uint32_t
        upstream_delay_samples; /* declared, at 16 kHz: what stands before the line (a feeder thread's canceller) */
    rta_packets_config packets; /* network: input is packets (rta_line_put_packet()), decoded at input_rate */
    rta_remote remote; /* paced, network: what is beyond; its lead in ns, 0 .. RTA_LINE_LEAD_NS, 0 without a remote */
    int64_t lead_ns;
    int64_t link_lost_ns; /* network: without input for so long the link counts as lost; 1 ns .. a day */
    rta_socket_config socket; /* network: a remote that clears cannot be told over it */
} rta_line_config;

typedef struct rta_engine_figures {
    uint64_t steps, ticks;
    uint64_t late_steps; /* of the thread: began more than one tick after its time */
    int64_t max_lateness_ns; /* of the thread */
    int64_t busy_ns; /* time spent in steps */
    uint64_t windows, batches, wakes;
    int64_t thread_id; /* 0: not started */
} rta_engine_figures;

typedef struct rta_line_figures {
    uint64_t input_taken, input_starved, input_dropped, input_bad; /* samples at the input rate */
    uint64_t input_concealed, input_silence; /* of a line that takes packets: in place of lost ones; announced */
    uint64_t mic_written, windows, out_pulled;
    uint64_t peeks; /* early looks (ear.h) */
    uint64_t answers_dropped, windows_skipped; /* outside VAD: dropped at a full ring; heard as the one before */
    rta_turn_counts turn; /* questions and answers */
    uint64_t evidence_dropped, hints_dropped, settings_dropped; /* at a full ring */
    /* Echo guard: 1 while an echo is known, its delay (16 kHz samples, from put out to heard), times it was found anew,
     * hops without their reference, times the two clocks were brought together again. */
    uint64_t echo_found, echo_moved, echo_starved, echo_realigned;
    int64_t echo_delay_samples;
    uint64_t stage_bad, stage_starved; /* samples that were no numbers; reference that was not there in time */
    uint64_t reports, reports_refused, reports_dropped; /* of the remote: taken; impossible; at a full ring */
    uint64_t lead_samples; /* the lead in force, port rate */
    uint64_t link_losses, link_silent_ms; /* network: line_link.h */
    uint32_t input_delay_samples; /* declared delay of the input chain, with what stands before it, 16 kHz samples */
    uint32_t pad;
} rta_line_figures;

rta_status rta_engine_create(rta_engine **engine, const rta_engine_config *config);
/* Stops, and removes the lines that are left; they are still to be freed. */
void rta_engine_destroy(rta_engine *engine);
/* RTA_INVALID: a value out of range; RTA_BUSY: the playout of a line that pulls it has a consumer already; RTA_FULL: no more lines
 * or wake-up descriptors. The line takes part from the next tick on. */
rta_status rta_engine_add(rta_engine *engine, rta_port_engine *port, const rta_line_config *config, rta_line **line);
/* Takes the line out and gives the consumer's role back. It still takes pushes, up to its bound, until it is freed.
 * What its barge-in still holds down on the playout, a duck or a pause, is lifted. */
rta_status rta_engine_remove(rta_engine *engine, rta_line *line);
rta_status rta_engine_start(rta_engine *engine); /* own thread, paced by the monotonic clock */
void rta_engine_stop(rta_engine *engine);
/* AUDIO PATH. RTA_BUSY if the thread runs or another step is under way. RTA_INVALID: now_ns fell, or jumped
 * further than RTA_ENGINE_JUMP_S; nothing was done. */
rta_status rta_engine_step(rta_engine *engine, int64_t now_ns);
void rta_engine_figures_read(const rta_engine *engine, rta_engine_figures *figures);

/* AUDIO PATH, producer. Input for a line, float32 at its input rate; *taken tells how much there was room for. The
 * rest is dropped (drop-newest) and counted, and RTA_FULL returned. */
rta_status rta_line_push(rta_line *line, const float *samples, uint64_t count, uint64_t *taken);
/* The same where a canceller stands before the line (config.cleaned, else RTA_INVALID): `samples` as the mic brought them,
 * and `cleaned`, as many for the same moments. The cleaned ones go to the mic ring; the engine's VAD, the guard and
 * barge-in hear the mic itself: what presses the echo down presses the user down, too. rta_line_push on such a line
 * gives the same to both. */
rta_status rta_line_push_cleaned(rta_line *line, const float *samples, const float *cleaned, uint64_t count,
                                 uint64_t *taken);
/* A line with config.packets, its producer; lock-free. One packet: copied, to be taken by the first tick that is not before
 * its arrival_ns, on the clock given to step (line_packets.h). RTA_FULL: dropped (drop-newest) and counted; RTA_INVALID:
 * its payload is longer than any the config allows, counted; or the line takes no packets. rta_line_push() on such a
 * line is RTA_INVALID. */
rta_status rta_line_put_packet(rta_line *line, const rta_jitter_packet *packet);
typedef enum rta_datagram {
    RTA_DATAGRAM_TAKEN = 0,
    RTA_DATAGRAM_DROPPED, /* as rta_line_put_packet() says, counted there */
    RTA_DATAGRAM_RTCP, /* ignored, counted, like these */
    RTA_DATAGRAM_MALFORMED, /* no RTP packet */
    RTA_DATAGRAM_STRANGER, /* not from whom the line listens to (rtp_latch.h) */
} rta_datagram;

/* The same for a datagram as it came from a socket: RTP, or anything else. `from` NULL: everybody is listened to. arrival_ns
 * is a time: RTA_ARRIVES_NOW only without `from`. RTA_INVALID: the line takes no packets. */
rta_status rta_line_put_datagram(rta_line *line, const uint8_t *data, size_t bytes, const rta_source *from,
                                 int64_t arrival_ns, rta_datagram *what);
/* All 0 for a line without. Any thread. */
void rta_line_packets_read(const rta_line *line, rta_packets_figures *figures);
/* All 0 for a line that sends nothing. Any thread. */
void rta_line_sent_read(const rta_line *line, rta_socket_figures *figures);
uint64_t rta_line_room(const rta_line *line); /* any thread */
/* AUDIO PATH, producer. When input came, for recordings: sample `position` of all that were ever pushed, at `rate` (the line's,
 * or that of the device before it: the same each time), was taken in at ns, on the clock of step. Not needed; a tick's time
 * serves else. Nothing on a paced line. */
void rta_line_mark_input(rta_line *line, uint64_t position, uint32_t rate, int64_t ns);
uint64_t rta_line_pushed(const rta_line *line); /* producer: samples ever taken */
/* Anchors (media_map.h), in order, from number *from on, at most `most`; returns how many. *from becomes the number of the
 * first that is given, which is later where the oldest are gone (1024 are kept). None on a paced line. Any thread. */
uint64_t rta_line_anchors(const rta_line *line, uint64_t *from, rta_anchor *anchors, uint64_t most);
/* Outside VAD, its producer; lock-free. The probability of the window that ends just before mic sample `position_end`.
 * RTA_FULL: dropped (drop-newest) and counted. RTA_INVALID, nothing is taken: a line without an outside VAD; a position
 * that is no multiple of RTA_VAD_WINDOW, not beyond the last one, or beyond what the mic ring holds; a probability
 * outside 0..1. */
rta_status rta_line_probability(rta_line *line, uint64_t position_end, float probability);
/* Position of the last probability that was posted, whether taken or dropped; at first that up to which the line hears
 * nothing. 0 for a line without an outside VAD. Any thread. */
uint64_t rta_line_answered(const rta_line *line);
/* Evidence for question `question` (RTA_EV_TURN_ASKED's a), its producer; lock-free. Whatever it holds is taken: what is no
 * number, or no answer to an open question, is the detector's to judge. RTA_FULL: dropped (drop-newest) and counted. */
rta_status rta_line_turn_evidence(rta_line *line, uint64_t question, const rta_turn_evidence *evidence);
/* A hint, its producer; lock-free. RTA_FULL: dropped (drop-newest) and counted. RTA_INVALID: no such kind or value. */
rta_status rta_line_turn_hint(rta_line *line, const rta_hint *hint);
/* Settings in place of those of the config (rta_detector_settings), the hints' producer; lock-free. They take effect in the next
 * tick, after the hints given before and before those given after; a barge config's min_words is in force until the next
 * hint of it. RTA_FULL: dropped (drop-newest) and counted, the settings in force stay. RTA_INVALID and in *why (may be NULL) what
 * is wrong. */
rta_status rta_line_turn_settings(rta_line *line, const rta_turn_settings *settings, const char **why);
/* The lead from the next tick on; what is already ahead runs down. Any thread. RTA_INVALID: no remote, or out of range. */
rta_status rta_line_set_lead(rta_line *line, int64_t lead_ns);
/* What the line's remote says it has played; one producer, lock-free; takes effect in the next tick. What cannot be is
 * refused there and counted. RTA_FULL: dropped (drop-newest) and counted. RTA_INVALID: the line has no remote that clears. */
rta_status rta_line_report(rta_line *line, const rta_remote_report *report);
void rta_line_figures_read(const rta_line *line, rta_line_figures *figures);
rta_port_engine *rta_line_port(const rta_line *line);
const rta_line_config *rta_line_config_of(const rta_line *line);
void rta_line_free(rta_line *line); /* after it was removed; no pushes any more */

#ifdef __cplusplus
}
#endif
#endif
