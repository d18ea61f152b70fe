/* SPDX-License-Identifier: Apache-2.0
 *
 * barge.h: the user speaks while the agent speaks: from a suspicion to a flush, a backchannel or a false alarm. Pure:
 * windows, peeks, the gate's state and whether the agent speaks go in, wishes for the playout come out. Stepped after the
 * gate; between two windows also with peeks, early looks at the window under way, each 8 ms.
 *
 *   Speech is windows at whose end the gate was RISING or SPEECH (a window below `off` is never one). Silence is windows at
 *   SILENCE or FALLING; SPEECH sets it to 0, RISING leaves it as it is, so that clicks shorter than min_speech cannot
 *   keep the agent ducked or paused for ever. Onset is where speech began. The gate hears what is left without the agent's
 *   echo (rta_window.near), and nothing where the guard explains more than echo_most of it; beside it, where there is echo,
 *   what a canceller left (rta_window.cleaned), which begins speech only above 0.8.
 *
 *   state       condition                                              next          wishes
 *   QUIET       agent speaking and a window p > on, or an early onset  SUSPECTED     DUCK
 *   SUSPECTED   speech >= pause_after, or sound >= 2 * pause_after     LIKELY        PAUSE
 *   SUSPECTED,  it is a floor-taking (below), and gate SPEECH, or      CONFIRMED     FLUSH, then RESUME if paused, UNDUCK
 *   LIKELY        gate FALLING and the words say so
 *                 the same under AFTER_SENTENCE                        STOPPING      none
 *                 the same under PAUSE, DUCK_ONLY                      (stays, and is remembered)
 *               silence >= false_after                                 FALSE,        UNDUCK; if paused: RESUME (_REWIND)
 *               (>= doubt_after if there was no speech at all)         BACKCHANNEL,
 *                                                                      KEPT
 *               agent not speaking (it ended, the session flushed      QUIET         UNDUCK; if paused: RESUME
 *               it or paused it by itself), or the policy is OFF,
 *               or barge-in is enabled no more
 *   STOPPING    the policy is PAUSE or DUCK_ONLY (another segment)     LIKELY        (the floor-taking is remembered)
 *               a sentence of the agent has ended                      CONFIRMED     FLUSH
 *               agent not speaking                                     QUIET         none
 *   CONFIRMED   agent not speaking, or another segment                 QUIET         no event; QUIET is then looked at again
 *   FALSE, BACKCHANNEL, KEPT are passed through within the step: their event is followed by QUIET without another.
 *     FALSE: hardly any speech (< backchannel_least). KEPT: a floor-taking that the policy did not let through: the agent
 *     goes on, and what was said is to be answered after it. BACKCHANNEL: anything between: said, and no claim to the floor.
 *
 *   Warming up: for warm_up after the agent first spoke on this line it is as under the policy OFF, whatever the policy is:
 *   a canceller somewhere on the way needs the time to learn the agent's echo. Who speaks on beyond that has all his speech.
 *
 *   An unheard window is neither speech nor silence: it suspects nothing and takes no floor. What the agent does in it counts
 *   as in any other (it stopped, a sentence ended, the policy is OFF). An unheard peek is none.
 *
 *   Early onset (peeks, and windows): p has risen by onset_rise within 24 ms and is above onset_from, or is above
 *   onset_sure (rule and figures: docs/vad.md); or it is above onset_loud, and what is no echo stands onset_above over
 *   what it is when nobody speaks: many a voice begins with 100 ms that the model takes for noise. Or at two looks in a
 *   row it stands clear (10 dB) of the noise and of what the guard may miss of the echo, and the mic holds speech: the
 *   model needs up to 200 ms of a voice that comes out of a long silence. What stood out and turned out FALSE raises
 *   that bar to half its power, and is forgotten by 0.3 dB in 1 s. Peeks only suspect.
 *
 *   Sound (only with early_onset) is windows that stand clear in this way with p above onset_loud: a drawn vowel, a voice in
 *   a reverberant room may be that for half a second. While suspected it is no silence, up to confirm_by of it, and
 *   counts for the floor as speech does; but only gate SPEECH takes it.
 *
 *   Floor-taking: so much loud speech, and still loud: confirm_after at least, and confirm_by less up to (confirm_by -
 *   confirm_after) for how varied it was, less (more) by how much it is above (below) 0.9 of the power with which this
 *   user took the floor before (barge.c). Until he has, level_counts / 2 more: he may be as loud as that in a
 *   backchannel. Or 1.5 * confirm_by since the onset, half of it speech, whatever its shape. Where min_words > 0 and an
 *   STT counts words: when it has counted that many, and not before, except that confirm_by * 3 of speech without a
 *   further word is enough. That much it also takes while the session says that the words so far are a backchannel's
 *   (RTA_HINT_BACKCHANNEL).
 *
 *   policy (of the segment being spoken)   SUSPECTED ducks   LIKELY pauses   a floor-taking
 *   IMMEDIATE                              yes               yes             flushes
 *   PAUSE                                  yes               yes             is kept
 *   DUCK_ONLY                              yes               no              is kept
 *   AFTER_SENTENCE                         no                no              flushes after the sentence
 *   OFF                                    QUIET for ever
 *
 *   Every transition but those said to be without gives BARGE_IN(mic = onset, decided = end, a = state now, b = state
 *   before, segment). One step may pass several states; it then gives the last as its one event, with the wishes that
 *   lead there. So the user who already talks when the agent starts has all his speech and interrupts at once. The next
 *   segment of a reply does not change suspicion, but its policy does what it says at once.
 *   FALSE, BACKCHANNEL and KEPT spend the speech; otherwise it begins anew when the gate leaves SILENCE in QUIET or
 *   CONFIRMED.
 */
#ifndef RTA_BARGE_H
#define RTA_BARGE_H

#include "base.h"
#include "gate.h"
#include "window.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rta_barge_config { /* durations in samples at 16 kHz */
    bool enabled;                 /* act on the playout at all; false: it is and stays QUIET */
    float duck_gain;              /* on suspicion, 1 = do not duck */
    uint32_t duck_ramp_ms;        /* 0..10000 */
    uint64_t pause_after, false_after;
    uint64_t confirm_after; /* loud speech, as varied as a sentence */
    uint64_t confirm_by;    /* loud speech, even; >= confirm_after */
    uint64_t level_counts;  /* for each time the user's power of before; 0: it does not count */
    uint64_t doubt_after, backchannel_least;
    bool rewind_on_false;
    bool early_onset;                             /* let the engine peek */
    float onset_rise, onset_from, onset_sure;     /* 0..1 */
    float onset_loud;                             /* 0..1; 1: loudness alone never helps */
    float onset_above;                            /* ratio of powers, >= 1 */
    float echo_clear; /* 0..1: the echo's share, lately, below which the mic's own probability counts beside `near` */
    float echo_most;                              /* 0..1; 1: the guard's share never silences the gate */
    float loud_share; /* of the power of the loudest so far; what lies under it is a decay */
    float variety_full;  /* variance of the sound's colour (barge.c) that a sentence shows; 0: it does not count */
    uint32_t min_words; /* 0: words do not count */
    uint64_t warm_up;   /* since the agent first spoke on this line: barge-in waits; 0: it does not */
} rta_barge_config;

typedef enum rta_barge_state {
    RTA_BARGE_QUIET = 0,
    RTA_BARGE_SUSPECTED = 1,
    RTA_BARGE_LIKELY = 2,
    RTA_BARGE_CONFIRMED = 3, /* until the segment it cut is gone */
    RTA_BARGE_FALSE = 4, /* passed through in one step */
    RTA_BARGE_BACKCHANNEL = 5, /* the same */
    RTA_BARGE_STOPPING = 6,
    RTA_BARGE_KEPT = 7, /* passed through in one step */
} rta_barge_state;

/* What the caller is to do to the playout now (bits, to be done in this order: a flush comes before the resume that
 * follows it). */
enum {
    RTA_DO_DUCK = 1,
    RTA_DO_PAUSE = 2,
    RTA_DO_FLUSH = 4,
    RTA_DO_UNDUCK = 8,
    RTA_DO_RESUME = 16,
    RTA_DO_RESUME_REWIND = 32
};

enum { RTA_BARGE_PAST = 3 /* probabilities of earlier looks, 8 ms apart */ };

typedef struct rta_barge { /* plain data: copy it to checkpoint it */
    uint32_t state; /* rta_barge_state, never one that is passed through */
    bool ducks, pauses; /* what is set on the playout */
    bool took_floor; /* PAUSE, DUCK_ONLY: kept from it by the policy */
    uint64_t onset, speech, silence; /* mic position, samples */
    uint64_t unheard; /* samples since the onset */
    uint64_t segment; /* that suspicion or confirmation is about */
    uint64_t sentences; /* when it began STOPPING */
    uint32_t words; /* of the STT in this turn, 0: none or unknown */
    uint32_t counted; /* of them, by the last window */
    uint64_t worded;  /* speech since the onset, when the last of them came */
    uint64_t spoke_at; /* the end of the first window in which the agent spoke; 0: it has not yet */
    uint32_t listens; /* 1: its words are a backchannel's */
    float echo_lately; /* share of echo, smoothed over some windows */
    float mic_p;       /* the mic's own probability in the last window */
    float echo_level; /* mean square of the loudest window that was echo, slowly falling */
    float past[RTA_BARGE_PAST]; /* p of the looks before, the latest first */
    uint64_t past_end; /* position of the latest */
    float loudest; /* power, decaying */
    float colours, colour, colour2; /* of the loud hops since the onset: how many, sum, sum of squares */
    uint64_t voiced; /* samples of loud speech since the onset */
    float power, latest; /* of those hops: sum; of the loudest in the latest window */
    float usual;         /* power with which this user takes the floor; 0: not known */
    float quiet, stands; /* power of what is no echo while nobody speaks; how many times that it is now */
    float noise, clear;  /* power of the mic where it is quietest; how many times what is no echo stands over that */
    float stray, stood;  /* the most that stood out for nothing, slowly forgotten; the most since the suspicion */
    bool was_clear;      /* at the look before: more than what somebody's voice must be */
    uint64_t sound;      /* samples since the onset that stand out and may be speech */
} rta_barge;

typedef struct rta_barge_change {
    bool told; /* there is an event to tell: before -> now */
    rta_barge_state before, now;
    uint32_t actions;
} rta_barge_change;

/* AUDIO PATH. `on` is the gate's threshold; gate: its state after this window; rose: it left SILENCE in it; span.p is what
 * the gate heard. */
rta_barge_change rta_barge_step(rta_barge *barge, const rta_barge_config *config, const rta_span *w,
                                const rta_window *window, float on, rta_gate_state gate, bool rose);
/* AUDIO PATH. Before a step (window: true) or a peek: the power of what is no echo; 0: not measured. */
void rta_barge_foreign(rta_barge *barge, float mean_square, float echo, bool window);
/* AUDIO PATH. A look between two windows; it may suspect and does nothing else. */
rta_barge_change rta_barge_peek(rta_barge *barge, const rta_barge_config *config, const rta_peek *peek,
                                rta_gate_state gate);
/* Would a peek now matter? AUDIO PATH. */
static inline bool rta_barge_wants_peeks(const rta_barge *b, const rta_barge_config *c) {
    return c->enabled && c->early_onset && b->state == RTA_BARGE_QUIET;
}

#ifdef __cplusplus
}
#endif
#endif
