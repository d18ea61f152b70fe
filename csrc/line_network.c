/* SPDX-License-Identifier: Apache-2.0
 *
 * How much is taken in a tick: all there is up to RTA_LINE_BURST_MS; but no more than the tick is long while a question about a
 * turn is open that a model may still answer in time. Else a burst would leave it behind, and a pause within the burst would
 * be judged without it. A line on which no model ever answered does not wait.
 */
#include "line_parts.h"

#include <string.h>

static void tell_link(rta_line *l, bool lost, uint64_t without_ms) {
    const uint64_t mic = rta_port_mic_written(l->port);
    const rta_event e = {
        .kind = lost ? RTA_EV_LINK_LOST : RTA_EV_LINK_BACK, .mic = mic, .decided = mic, .a = without_ms};
    rta_port_event(l->port, &e);
}

static void tick_link(rta_line *l, bool came) {
    uint64_t without_ms = 0;
    const int64_t lost_ns = l->packets ? RTA_LINK_NEVER : l->config.link_lost_ns;
    const rta_link_change change = rta_line_link_tick(&l->link, lost_ns, l->tick_ns, came, &without_ms);
    if (change != RTA_LINK_SAME) tell_link(l, change == RTA_LINK_LOST, without_ms);
}

/* What may still be taken in this tick. */
static uint64_t room(rta_line *l) {
    const rta_turn *t = &l->detector.turn;
    if (t->counts.asked != l->questions) {
        l->questions = t->counts.asked;
        l->patience_ns = (int64_t)(l->detector.config.turn.late_after * (NS_PER_S / RTA_MIC_RATE));
    }
    const bool open = t->state == RTA_TURN_WAITING && t->asked && !(t->facts.answered >> (t->asked - 1) & 1);
    const bool waits = open && t->counts.answered > 0 && l->patience_ns > 0;
    const uint64_t most =
        waits ? due_in_tick(l, l->config.input_rate) : (uint64_t)l->config.input_rate * RTA_LINE_BURST_MS / 1000;
    const uint64_t left = most > l->tick_taken ? most - l->tick_taken : 0;
    return left < l->chunk_samples ? left : l->chunk_samples;
}

/* ---- PCM */

static bool take_pcm(rta_line *l, bool first) {
    const uint64_t there = rta_ring_available(&l->input_reader), most = room(l);
    if (first) tick_link(l, there > 0);
    const uint64_t taken = there < most ? there : most;
    l->tick_taken += taken;
    rta_line_take_ring(l, taken, taken);
    return there > taken && taken > 0;
}

/* ---- Packets */

static bool take_packets(rta_line *l, bool first, int64_t tick_ns) {
    rta_journal *journal = rta_port_journal_of_engine(l->port);
    rta_line_piece piece;
    if (first) {
        tick_link(l, rta_line_packets_came(l->packets)); /* in the tick before */
        if (l->socket) rta_line_socket_receive(l->socket, l, tick_ns);
        rta_line_packets_tick(l->packets, tick_ns);
    }
    for (;;) {
        if (!rta_line_packets_next(l->packets, journal, rta_port_mic_written(l->port), l->chunk, room(l), &piece))
            break;
        l->tick_taken += piece.count;
        switch ((rta_jitter_kind)piece.kind) {
        case RTA_JITTER_AUDIO:
            rta_count(&l->input_taken, piece.count);
            rta_line_feed(l, piece.count, RTA_FROM_LINE);
            rta_line_clock_heard(l->clock, l->input_taken + l->input_concealed + l->input_silence, l->config.input_rate,
                                 piece.at_ns);
            return true;
        case RTA_JITTER_CONCEALED:
            rta_count(&l->input_concealed, piece.count);
            rta_line_feed(l, piece.count, RTA_OWN_CONCEALED);
            return true;
        case RTA_JITTER_SILENCE:
            rta_count(&l->input_silence, piece.count);
            rta_line_feed(l, piece.count, RTA_OWN_SILENCE);
            return true;
        case RTA_JITTER_LINK_LOST:
        case RTA_JITTER_LINK_BACK:
            tell_link(l, piece.kind == RTA_JITTER_LINK_LOST, (uint64_t)piece.without_ns / 1000000);
            break;
        }
    }
    rta_line_packets_publish(l->packets);
    return false;
}

bool rta_line_take_network(rta_line *l, bool first, int64_t tick_ns) {
    if (first) {
        l->tick_taken = 0;
        l->patience_ns -= l->tick_ns;
    }
    return l->packets ? take_packets(l, first, tick_ns) : take_pcm(l, first);
}

void rta_line_packets_read(const rta_line *l, rta_packets_figures *figures) {
    memset(figures, 0, sizeof *figures);
    if (!l->packets) return;
    rta_line_packets_figures_read(l->packets, figures);
    rta_line_datagrams_read(l, figures);
}
