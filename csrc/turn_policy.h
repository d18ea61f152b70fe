/* SPDX-License-Identifier: Apache-2.0
 *
 * turn_policy.h: from what is known about a silence to how long it must last before the turn ends. Pure: facts and a
 * policy in, a delay, a score and reasons out; no clock, no state, the same bits on every machine (law 5).
 *
 *   evidence of each question ─► terms ─► score = sum of weight * (term - centre), what is unknown adds nothing
 *                                           │
 *   how many questions are answered ─► - doubt[answers]
 *                                           ▼
 *                      knots (score -> delay, falling, straight between them)
 *                                           │
 *   hints, the caller's own pauses ─► times factors ─► bounded: min_delay <= delay <= max_delay, and from below also by
 *                                                      how long the caller has spoken (long_delay)
 *
 * The delay counts silence since the end of speech as the gate has it (SPEECH_ENDED's mic). The turn machine asks for it
 * again whenever a fact changes, and ends the turn as soon as the silence has reached it. Without evidence (no model,
 * or it was late) the delay is `silence_delay`, with the same factors and bounds.
 *
 * A model's probability grows with the silence it is given, whatever was said, so it counts on audio that ends where
 * speech ends (p_trimmed), early in a silence and never again (RTA_TURN_QUESTIONS); noise raises it too, and one or two words tell it little: these are terms of
 * their own. The terms are made from evidence by rta_turn_terms; how their weights came about stands at the
 * profiles in turn_policy.c.
 */
#ifndef RTA_TURN_POLICY_H
#define RTA_TURN_POLICY_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { RTA_TURN_QUESTIONS = 4, RTA_TURN_EVIDENCE_FLOATS = 16, RTA_TURN_TERMS = 16, RTA_TURN_KNOTS = 6 };

/* The answer to one question, all of it about the audio up to the asked position. NaN: unknown. */
typedef struct rta_turn_evidence {
    float p_trimmed;     /* model's probability that the turn is complete, on audio cut at the energy end of speech */
    float p_asked;       /* the same up to the asked position, 0..1 */
    float f0_move_st;    /* movement of F0 over the end of speech, semitones, > 0 rises */
    float f0_end_st;     /* F0 at the end against the median of the turn, semitones */
    float f0_range_st;   /* range of F0 in the turn (10..90 %), semitones */
    float last_syllable_s;
    float syllable_rate; /* nuclei per second of speech */
    float syllables;     /* nuclei counted */
    float speech_s;      /* from the start of speech to its energy end */
    float silence_s;     /* from the energy end to the asked position */
    float noise_dbfs;    /* level of what is not speech */
    float speech_dbfs;   /* level of speech */
    float decay_db;      /* level of the last syllable against the speech before it */
    float end_voiced;    /* share of voiced frames in the last 200 ms of speech, 0..1 */
    float f0_floor_st;   /* F0 at the end against the lowest tenth of the turn, semitones: 0 is the speaker's floor */
    float last_nucleus_s; /* from the last syllable's nucleus to the energy end */
} rta_turn_evidence;

/* Hints about the agent and from the STT (rta_turn_facts.hints). */
enum {
    RTA_TURN_AGENT_THINKING = 1, /* a reply is being made: what comes now interrupts nothing that is heard yet */
    RTA_TURN_AGENT_SPEAKING = 2,
    RTA_TURN_ASKED_SHORT = 4,    /* the agent asked for a yes, a no, or one of a few words */
    RTA_TURN_ASKED_LONG = 8,     /* the agent asked for a number, an address, a story: pauses belong to the answer */
    RTA_TURN_STT_END = 16,       /* the STT by itself takes the utterance for complete ("eager end of turn") */
    RTA_TURN_STT_OPEN = 32,      /* the STT's words do not end a sentence */
};

typedef struct rta_turn_facts {
    uint32_t answered; /* bit i: evidence[i] is there (i: index of the question within this silence) */
    uint32_t hints;
    uint32_t words;    /* of the STT in this turn so far; 0: none, or unknown */
    uint32_t pauses;   /* pauses after which the caller went on in this session: how many */
    uint64_t pause;    /* their typical length, samples; read if pauses > 0 */
    uint64_t silence;  /* so far, samples */
    uint64_t speech;   /* from the start of the turn to the end of speech, samples; 0: unknown */
    rta_turn_evidence evidence[RTA_TURN_QUESTIONS];
} rta_turn_facts;

/* What the score is made of: the names of terms, also those of the weights. */
typedef enum rta_turn_term {
    RTA_TERM_P_FIRST = 0,  /* logit of p_asked at the first answered question */
    RTA_TERM_P_MEAN,       /* mean logit of p_asked over the answered questions */
    RTA_TERM_P_TRIMMED,    /* mean logit of p_trimmed, of p_asked where that is unknown */
    RTA_TERM_F0_RISE,      /* max(0, f0_move) */
    RTA_TERM_F0_FALL,      /* max(0, -f0_move) */
    RTA_TERM_F0_HIGH, /* max(0, f0_end), fading out from 2.5 to 5 s of speech: a high end asks, or, far into a tale,
                       * says that it goes on */
    RTA_TERM_F0_LOW,       /* max(0, -f0_end) */
    RTA_TERM_F0_FLOOR,     /* f0_floor, at most 6: 0 is the floor of the voice */
    RTA_TERM_LAST_LENGTH,  /* log of last_nucleus / 0.1 s */
    RTA_TERM_SHORT,        /* shortness of what was said: 1 / (1 + syllables) */
    RTA_TERM_SHORT_P,      /* that times the logit: what the model says of one or two words counts less */
    RTA_TERM_NOISE,        /* (noise + 60) / 10 dB, from -60 dBFS up */
    RTA_TERM_NOISE_P,      /* that times mean logit */
    RTA_TERM_LONG,    /* seconds of speech beyond 2.5, at most 5: who tells at length pauses at length */
    RTA_TERM_VOICED,       /* end_voiced */
    RTA_TERM_P_DRIFT,      /* logit of the last answer less that of the first */
} rta_turn_term;

typedef struct rta_turn_policy {
    uint64_t min_delay, max_delay;      /* samples; max_delay is the fallback, 2 s */
    uint64_t silence_delay;             /* without evidence */
    uint64_t
        long_delay; /* least delay after 2.5 s of speech; between 1 s and that it grows from min_delay; 0: it does not */
    float weight[RTA_TURN_TERMS];
    float centre[RTA_TURN_TERMS];
    float bias;
    float doubt[RTA_TURN_QUESTIONS]; /* taken from the score when 1, 2, 3, 4 questions are answered */
    uint32_t knots; /* 1..RTA_TURN_KNOTS */
    float knot_score[RTA_TURN_KNOTS]; /* growing */
    float knot_delay_s[RTA_TURN_KNOTS]; /* falling or level, seconds */
    float stt_end, stt_open; /* added to the score by the STT's hints */
    float asked_short, asked_long; /* added to the score by what the agent asked */
    float while_thinking, while_speaking; /* factors of the delay, 0.1..10 */
    float pause_margin; /* delay at least this times the caller's own pauses; with evidence they count as at most 0.5 s,
                         * and hold it up to silence_delay; 0: they do not count */
    float alone; /* factor of the weights of p where nothing is known of the voice, 0.1..10 */
} rta_turn_policy;

/* Why the delay is what it is (bits). */
enum {
    RTA_TURN_WHY_MODEL = 1, /* a model's answer counted */
    RTA_TURN_WHY_PROSODY = 2, /* F0, lengths, levels counted */
    RTA_TURN_WHY_SILENCE = 4, /* no evidence: silence alone decides */
    RTA_TURN_WHY_SHORT = 8, /* little was said: the guard for one or two words held back */
    RTA_TURN_WHY_NOISE = 16, /* noise held back */
    RTA_TURN_WHY_STT = 32, /* the STT's hint moved the score */
    RTA_TURN_WHY_QUESTION = 64, /* what the agent asked moved the score */
    RTA_TURN_WHY_AGENT = 128, /* that the agent thinks or speaks changed the delay */
    RTA_TURN_WHY_PAUSES = 256, /* the caller's own pauses made it longer */
    RTA_TURN_WHY_LEAST = 512, /* bounded from below, by min_delay or long_delay */
    RTA_TURN_WHY_FALLBACK = 1024, /* the longest delay */
};

typedef struct rta_turn_reasons {
    float score; /* > 0: more likely complete. NaN without evidence */
    float probability; /* of a complete turn, by the score; NaN without evidence */
    uint32_t why;
    uint32_t answers;
} rta_turn_reasons;

/* "patient", "default", "quick"; NULL for any other name. */
const rta_turn_policy *rta_turn_policy_profile(const char *name);
/* RTA_INVALID and in *why (may be NULL) what is wrong. */
rta_status rta_turn_policy_check(const rta_turn_policy *policy, const char **why);

/* Everything NaN. */
void rta_turn_evidence_clear(rta_turn_evidence *evidence);
/* AUDIO PATH. NaN where what a term is made of is unknown. */
void rta_turn_terms(const rta_turn_facts *facts, float terms[RTA_TURN_TERMS]);
/* AUDIO PATH. The silence in samples after which the turn is to end; reasons may be NULL. Takes any facts: numbers that
 * are none or out of bounds count as unknown. */
uint64_t rta_turn_delay(const rta_turn_policy *policy, const rta_turn_facts *facts, rta_turn_reasons *reasons);

#ifdef __cplusplus
}
#endif
#endif
