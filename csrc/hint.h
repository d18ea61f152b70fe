/* SPDX-License-Identifier: Apache-2.0
 *
 * hint.h: what the session knows and the core cannot hear: words of the STT, what the agent asked, that it thinks. Hints
 * only move decisions, none is needed. They take effect in a tick, stamped on the mic clock, and are journalled (law 5).
 *
 * Words are about one turn, named by the mic position at which it began (rta_turn's started_at); those of another turn
 * came too late, and count for nothing. What the agent does and asked, how many words interrupt it, and for how long it warms up, stands until it is
 * told otherwise.
 */
#ifndef RTA_HINT_H
#define RTA_HINT_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum rta_hint_kind {
    RTA_HINT_WORDS = 1,       /* value: how many words the STT has understood in this turn so far */
    RTA_HINT_STT = 2,         /* value: rta_hint_stt, of the words so far */
    RTA_HINT_BACKCHANNEL = 3, /* value: 1: all the words so far are no more than "mhm", "right"; 0: they are not */
    RTA_HINT_ASKED = 4,       /* value: rta_hint_asked */
    RTA_HINT_THINKING = 5,    /* value: 1: the agent makes a reply, 0: it does not */
    RTA_HINT_MIN_WORDS = 6,   /* value: words before a flush from now on, instead of rta_barge_config.min_words */
    RTA_HINT_WARM_UP = 7,     /* value: ms, instead of rta_barge_config.warm_up */
} rta_hint_kind;

typedef enum rta_hint_stt { RTA_STT_UNKNOWN = 0, RTA_STT_END = 1, RTA_STT_OPEN = 2 } rta_hint_stt;
enum { RTA_MIN_WORDS_MOST = 1000, RTA_WARM_UP_MOST = 600000 };
/* What the agent asked for last. */
typedef enum rta_hint_asked { RTA_ASKED_NOTHING = 0, RTA_ASKED_SHORT = 1, RTA_ASKED_LONG = 2 } rta_hint_asked;

typedef struct rta_hint {
    uint32_t kind;  /* rta_hint_kind */
    uint32_t value; /* see the kind */
    uint64_t turn;  /* of words: where their turn began; else 0 */
} rta_hint;

/* All that hints have told. Words are those of the open turn; speech that goes on takes back what the STT thought. */
typedef struct rta_hints {
    uint32_t words, stt, backchannel, asked, thinking;
    uint32_t pad;
} rta_hints;

/* Whether there is such a kind, with such a value. */
static inline bool rta_hint_good(const rta_hint *hint) {
    switch ((rta_hint_kind)hint->kind) {
    case RTA_HINT_WORDS: return true;
    case RTA_HINT_STT: return hint->value <= RTA_STT_OPEN;
    case RTA_HINT_BACKCHANNEL: return hint->value <= 1;
    case RTA_HINT_ASKED: return hint->value <= RTA_ASKED_LONG;
    case RTA_HINT_THINKING: return hint->value <= 1;
    case RTA_HINT_MIN_WORDS: return hint->value <= RTA_MIN_WORDS_MOST;
    case RTA_HINT_WARM_UP: return hint->value <= RTA_WARM_UP_MOST;
    }
    return false;
}

#ifdef __cplusplus
}
#endif
#endif
