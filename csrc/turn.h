/* SPDX-License-Identifier: Apache-2.0
 *
 * turn.h: one stretch of user speech with a decided end. Pure; stepped after gate and barge-in, whose outcome it keeps.
 * How long a silence ends the turn is the policy's to say (turn_policy.h); this machine asks, collects and decides.
 *
 *   turn      condition                                               next      told
 *   IDLE      speech started                                          OPEN
 *   OPEN      the gate fell                                           WAITING   TURN_ASKED
 *   WAITING   silence >= ask_after[i], i < asks                       WAITING   TURN_ASKED: each once in a silence
 *             an answer came, not late                                WAITING   TURN_ANSWERED; the delay is anew
 *             the gate is at SPEECH again: it was a pause             OPEN
 *             gate SILENCE and silence >= delay                       GRACE     TURN_ENDED
 *   GRACE     speech started, risen before end + grace                OPEN      TURN_RESUMED: the same turn goes on
 *             otherwise speech started                                OPEN
 *             the agent began to speak, or grace is over              IDLE      (not while the gate is RISING)
 *
 *   Silence is counted from where the gate fell (what becomes SPEECH_ENDED's mic) to the end of the last window. A window
 *   brings: what the gate did, questions, then the decision. Answers and hints come between windows and are decided on
 *   at once. So `decided` is the end of a window, or the mic position by which an answer or a hint took effect.
 *
 *   The first question is asked at the end of the first window below `off`, before the gate is sure that speech ended:
 *   the model needs the time. None is asked while something rises. Questions bear numbers that grow by 1 on a line. An answer counts if its question was
 *   asked in the present silence, was not answered yet, and is at most late_after old. Without answers the policy
 *   decides by silence alone; the first question of a line that found none in time is told of by TURN_UNANSWERED.
 *
 *   An unheard window asks and decides nothing, and no time passes in it: neither the silence nor the grace time goes on. So a
 *   turn ends on silence that was heard.
 *
 *   While the gate is RISING the decision waits (at most min_speech): if it is speech, the turn goes on. A turn that is
 *   resumed keeps its start, its words, and that it interrupted the agent or wanted to. "The agent began to speak" means another
 *   segment than the one, if any, that was spoken when the turn ended: what the user says to an answer is a new turn.
 *
 *   TURN_ENDED tells how barge-in went, the first of these that is so: CONFIRMED, this turn interrupted the agent; KEPT, it
 *   took the floor and the policy did not let it; SUSPECTED, LIKELY or STOPPING, what was said last is still open; FALSE or
 *   BACKCHANNEL, the last that there was; QUIET. So a session can tell an answer from an "uh-huh", and an "uh-huh" after
 *   a question from nothing but an "uh-huh".
 */
#ifndef RTA_TURN_H
#define RTA_TURN_H

#include "barge.h"
#include "base.h"
#include "event.h"
#include "gate.h"
#include "hint.h"
#include "turn_policy.h"
#include "window.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum rta_agent_state { RTA_AGENT_LISTENS = 0, RTA_AGENT_THINKS = 1, RTA_AGENT_SPEAKS = 2 } rta_agent_state;
enum { RTA_AGENT_STATES = 3 };

typedef struct rta_turn_config { /* durations in samples at 16 kHz */
    uint32_t asks;               /* questions in a silence, 0..RTA_TURN_QUESTIONS */
    uint32_t pad;
    uint64_t ask_after[RTA_TURN_QUESTIONS]; /* silence at which each is asked, growing; 0: when the gate falls */
    uint64_t late_after;                    /* an answer older than this is ignored */
    uint64_t grace;                         /* speech that starts within this after the end resumes the turn */
    rta_turn_policy policy[RTA_AGENT_STATES]; /* by what the agent does when it is decided */
} rta_turn_config;

typedef enum rta_turn_state { RTA_TURN_IDLE = 0, RTA_TURN_OPEN, RTA_TURN_WAITING, RTA_TURN_GRACE } rta_turn_state;

/* Reasons beside those of the policy (RTA_TURN_WHY_..., turn_policy.h), in the same word. */
enum {
    RTA_TURN_WHY_UNANSWERED = 1 << 16, /* a question of this silence found no answer in time */
    RTA_TURN_WHY_RESUMED = 1 << 17,    /* the turn had ended before and was resumed */
};

typedef struct rta_turn_counts {
    uint64_t asked, answered; /* answers that counted */
    uint64_t late;            /* answers that came later than late_after */
    uint64_t stale;           /* answers to no open question, and hints about another turn */
    uint64_t unanswered;      /* questions that found no answer in time though the silence lasted */
    uint64_t resumed;
} rta_turn_counts;

typedef struct rta_turn { /* plain data: copy it to checkpoint it */
    uint32_t state;       /* rta_turn_state */
    uint32_t outcome;     /* of the barge-in of the open turn: QUIET, FALSE, BACKCHANNEL, KEPT or CONFIRMED */
    uint32_t barge;       /* rta_barge_state after the last window */
    uint32_t speaking;    /* the agent, in the last window */
    uint64_t started_at, ended_at; /* of the turn: speech began; its end was decided, by the window or what came */
    uint64_t segment, end_segment; /* spoken in the last window, and when the turn ended; 0: none */
    uint64_t heard_to;             /* end of the last window */
    uint64_t fell_at;              /* silence begins here */
    uint64_t unheard;        /* samples since then */
    uint64_t unheard_speech; /* of the turn before */
    uint32_t asked;                /* questions of this silence */
    uint32_t missed;               /* bit i: question i found no answer in time */
    uint64_t asked_at[RTA_TURN_QUESTIONS];
    uint32_t resumed; /* this turn was */
    uint32_t told;    /* TURN_UNANSWERED was */
    uint64_t delay;   /* as last decided by the policy */
    rta_turn_facts facts;
    rta_turn_reasons reasons;
    rta_hints hints;
    rta_turn_counts counts;
} rta_turn;

enum { RTA_TURN_EVENTS = 4 }; /* at most so many in one call */

typedef struct rta_turn_output {
    uint32_t count;
    rta_event events[RTA_TURN_EVENTS];
} rta_turn_output;

void rta_turn_defaults(rta_turn_config *config);
/* RTA_INVALID and in *why (may be NULL) what is wrong. */
rta_status rta_turn_check(const rta_turn_config *config, const char **why);

/* AUDIO PATH. Would speech that starts in this window go on with the turn there is? False: it begins another. */
bool rta_turn_goes_on(const rta_turn *turn, const rta_turn_config *config, const rta_gate *gate);
/* AUDIO PATH, all of these; each fills `out` anew. happened: what rta_gate_step told of this window. */
void rta_turn_step(rta_turn *turn, const rta_turn_config *config, const rta_span *w, const rta_gate *gate,
                   uint32_t happened, const rta_barge_change *barge_change, rta_barge_state barge,
                   rta_turn_output *out);
/* at: mic position by which it takes effect, not before the end of the last window. */
void rta_turn_answer(rta_turn *turn, const rta_turn_config *config, const rta_gate *gate, uint64_t question,
                     const rta_turn_evidence *evidence, uint64_t at, rta_turn_output *out);
void rta_turn_hint(rta_turn *turn, const rta_turn_config *config, const rta_gate *gate, const rta_hint *hint,
                   uint64_t at, rta_turn_output *out);
/* The config is another one from here on: what a silence comes to by it. */
void rta_turn_again(rta_turn *turn, const rta_turn_config *config, const rta_gate *gate, uint64_t at,
                    rta_turn_output *out);

#ifdef __cplusplus
}
#endif
#endif
