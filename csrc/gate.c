/* SPDX-License-Identifier: Apache-2.0 */
#include "gate.h"

static uint32_t started(rta_gate *g) {
    g->state = RTA_GATE_SPEECH;
    return RTA_GATE_STARTED;
}

static uint32_t ended(rta_gate *g) {
    g->state = RTA_GATE_SILENCE;
    return RTA_GATE_ENDED;
}

static uint64_t lasted(const rta_gate *g, uint64_t since, const rta_span *w) { return w->end - since - g->unheard; }

uint32_t rta_gate_step(rta_gate *g, const rta_gate_config *c, const rta_span *w) {
    const bool above = w->p > c->on, below = w->p < c->off;
    if (w->unheard) {
        g->unheard += w->samples;
        return 0;
    }
    switch ((rta_gate_state)g->state) {
    case RTA_GATE_SILENCE:
        if (!above) return 0;
        g->state = RTA_GATE_RISING;
        g->rise_at = w->start;
        g->unheard = 0;
        return RTA_GATE_ROSE | (lasted(g, g->rise_at, w) >= c->min_speech ? started(g) : 0);
    case RTA_GATE_RISING:
        if (below) g->state = RTA_GATE_SILENCE;
        else if (lasted(g, g->rise_at, w) >= c->min_speech) return started(g);
        return 0;
    case RTA_GATE_SPEECH:
        if (!below) return 0;
        g->state = RTA_GATE_FALLING;
        g->fall_at = w->start;
        g->unheard = 0;
        return RTA_GATE_FELL | (lasted(g, g->fall_at, w) >= c->min_silence ? ended(g) : 0);
    case RTA_GATE_FALLING:
        if (above) {
            g->state = RTA_GATE_SPEECH;
            return RTA_GATE_WENT_ON;
        }
        return lasted(g, g->fall_at, w) >= c->min_silence ? ended(g) : 0;
    }
    return 0;
}
