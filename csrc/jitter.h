/* SPDX-License-Identifier: Apache-2.0
 *
 * jitter.h: from packets that come when they like to sound on a media clock. Sans-IO: packets and times in, frames out.
 * This is the `listen` mode (jitter_play.h has the other), for an agent's ear, which needs no smoothness: it takes what comes the moment it comes.
 *
 *   in front there is         and                                        get() gives
 *   the next packet           it goes on where the last ended            AUDIO at once: no delay is added, however many wait
 *                             a gap of media time, no packet missing     SILENCE for the gap (the sender was silent), AUDIO
 *                             packets missing before it                  CONCEALED for them, to a bound; SILENCE or nothing
 *                                                                        for the rest; what it carries of the last of
 *                                                                        them (Opus FEC) as AUDIO; AUDIO
 *                             its timestamp is no continuation           AUDIO; media time goes on, the jump is counted
 *   a gap                     now < arrival of the packet behind + wait  nothing: it waits
 *                             else                                       the gap is given up: as "packets missing"
 *                             a new sequence begins behind               AUDIO of it, at once
 *   nothing                   the sender announced silence (CN, or an    SILENCE, as time passes
 *                             Opus packet without sound)
 *                             no packet for link_lost_ns (under          LINK_LOST, once; LINK_BACK before the next
 *                             announced silence: QUIET times that)
 *                             else                                       nothing: media time stands still
 *
 * So time is media time: it stands still while a link stalls, and a stall is neither silence nor the end of a turn; what
 * was said in it comes out in a burst, faster than real time, when the link floods (law 10). Under announced silence it
 * runs on. A sender that falls silent without a word looks like a stall until its next packet.
 *
 * The wait for a missing packet follows the line: 1.25 times the longest by which any of the last 64 missing packets
 * came too late, plus 5 ms; within wait_least_ns .. wait_most_ns; wait_most_ns until 8 are known. 0 and 0: never
 * (a TCP way in, where nothing is overtaken).
 *
 * Bounds (law 8): jitter_window.h for packets. CONCEALED: at most conceal_most for one gap, SILENCE: at most SILENT_S; what
 * is beyond is skipped and counted: who was muted for an hour is not to be heard an hour's silence later. A gap of media time that is longer than what passed between the arrivals by more than JUMP_S is a jump.
 *
 * What packets hold: codec.h and jitter_payload.h. Where Opus is among the codecs, timestamps count at 48 kHz, and others may
 * be beside it only at that rate. Comfort noise (payload type 13, RFC 3389) is RTA_CODEC_CN; other payload types that no codec is given for
 * (telephone events) take their place in the sequence and give no sound.
 *
 * Determinism (law 5): a function of the calls alone (and, with Opus, of the build of libopus and the kind of processor);
 * integers and exact sums. get() at other times gives the same
 * samples but for announced silence and given-up gaps, which depend on now.
 *
 * Threads: one at a time. AUDIO PATH except create and destroy.
 */
#ifndef RTA_JITTER_H
#define RTA_JITTER_H

#include "base.h"
#include "codec.h"
#include "jitter_window.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    RTA_JITTER_CHANNELS = 2,
    RTA_JITTER_JUMP_S = 5,
    RTA_JITTER_SILENT_S = 10,
    RTA_JITTER_GAPS = 64,
    RTA_JITTER_GAPS_KNOWN = 8,
    RTA_JITTER_QUIET = 12
};

typedef struct rta_jitter_config {
    uint32_t rate;     /* of the samples: 8000 .. 48000 */
    uint32_t clock;    /* of timestamps: a multiple of the rate; 0: the rate. Of Opus 48000 */
    uint32_t channels; /* 1 or 2, interleaved in payloads and frames */
    uint32_t capacity; /* packets: a power of two, 32 .. 2048 */
    uint32_t packet_most; /* samples of one packet, at most */
    uint32_t conceal_most; /* samples of one gap, at most */
    int64_t wait_least_ns, wait_most_ns, link_lost_ns;
    uint8_t codecs[128]; /* rta_codec by payload type */
} rta_jitter_config;

typedef enum rta_jitter_kind {
    RTA_JITTER_AUDIO = 1,
    RTA_JITTER_CONCEALED, /* in place of packets that never came: not the user's silence */
    RTA_JITTER_SILENCE,   /* the sender's: comfort noise */
    RTA_JITTER_LINK_LOST, /* these two carry no samples */
    RTA_JITTER_LINK_BACK,
} rta_jitter_kind;

typedef struct rta_jitter_frame {
    uint32_t kind, samples; /* of each channel */
    uint64_t position;      /* of the first sample on the media clock: all samples given so far */
    int64_t arrival_ns;     /* AUDIO: of the packet */
    uint32_t timestamp;     /* AUDIO: of the packet */
    uint16_t seq;           /* AUDIO: of the packet */
} rta_jitter_frame;

/* Names as in W3C webrtc-stats where it has one; samples are those of one channel. */
typedef struct rta_jitter_figures {
    rta_jitter_packets packets;
    uint64_t total_samples;            /* given: audio, concealed, silence */
    uint64_t concealed_samples, silent_concealed_samples, concealment_events;
    uint64_t interruptions, interruption_samples; /* concealment events of 150 ms and more */
    uint64_t silence_samples, skipped_samples;
    uint64_t emitted_count;   /* jitterBufferEmittedCount: samples of AUDIO, those out of FEC included */
    uint64_t delay_sample_us; /* jitterBufferDelay: sum over them of now - arrival, in samples times us */
    uint64_t timestamp_jumps, link_losses;
    uint64_t fec_received, fec_discarded; /* packets that carried FEC; of them, not used for it */
    uint64_t recovered_samples;           /* AUDIO out of FEC */
    uint64_t corrupt; /* packets whose sound could not be decoded: their samples are concealed */
    /* play mode only (jitter_play.h) */
    uint64_t inserted_samples; /* insertedSamplesForDeceleration */
    uint64_t removed_samples;  /* removedSamplesForAcceleration */
    uint64_t target_sample_us; /* jitterBufferTargetDelay, as delay_sample_us */
    uint64_t buffered_samples; /* decoded, not yet given */
    int64_t target_ns;
    /* listen mode only */
    int64_t wait_ns; /* the present wait for a missing packet */
    int64_t jitter_ns; /* RFC 3550, section 6.4.1 */
} rta_jitter_figures;

typedef struct rta_jitter rta_jitter;

static inline uint32_t rta_jitter_clock(const rta_jitter_config *config) {
    return config->clock ? config->clock : config->rate;
}

/* 8 kHz mono mu-law, PT 13 comfort noise; 256 packets of 60 ms; waits 60 .. 120 ms; conceals 1 s; lost after 5 s.
 * (Opus packets may be of 120 ms: packet_most is what bounds them.) */
void rta_jitter_defaults(rta_jitter_config *config);
rta_status rta_jitter_check(const rta_jitter_config *config, const char **why);
/* Whether a payload type is Opus: libopus is to be bound first. */
bool rta_jitter_wants_opus(const rta_jitter_config *config);
/* Bytes of the longest payload that is taken. */
uint32_t rta_jitter_payload_most(const rta_jitter_config *config);
/* RTA_CLOSED: a payload type is Opus, and libopus is not bound (opus_library.h). */
rta_status rta_jitter_create(rta_jitter **out, const rta_jitter_config *config);
void rta_jitter_destroy(rta_jitter *jitter);

typedef enum rta_jitter_refused {
    RTA_JITTER_FINE = 0,
    RTA_JITTER_TOO_LONG,  /* more than packet_most samples, or bytes */
    RTA_JITTER_NOT_WHOLE, /* no whole number of samples of all channels; an Opus packet that contradicts itself */
} rta_jitter_refused;

/* Takes a packet in, or refuses and counts it. *taken says what became of it. */
rta_jitter_refused rta_jitter_put(rta_jitter *jitter, const rta_jitter_packet *packet, rta_jitter_taken *taken);

/* The next frame: RTA_OK, or RTA_EMPTY: nothing now. `out` has room for rta_jitter_frame_most() samples of each channel.
 * Call it until it is empty. `now_ns` never goes back: an earlier one counts as the last. */
rta_status rta_jitter_get(rta_jitter *jitter, int64_t now_ns, rta_jitter_frame *frame, int16_t *out);
uint32_t rta_jitter_frame_most(const rta_jitter *jitter);
/* When get() will next have something if no packet comes: INT64_MAX for never. */
int64_t rta_jitter_due_ns(rta_jitter *jitter);

void rta_jitter_read_figures(const rta_jitter *jitter, rta_jitter_figures *figures);

#ifdef __cplusplus
}
#endif
#endif
