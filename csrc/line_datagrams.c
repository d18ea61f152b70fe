/* SPDX-License-Identifier: Apache-2.0 */
#include "line_parts.h"

#include "rtp.h"

static rta_datagram counted(uint64_t *counter, rta_datagram what) {
    rta_count(counter, 1);
    return what;
}

rta_status rta_line_put_datagram(rta_line *l, const uint8_t *data, size_t bytes, const rta_source *from,
                                 int64_t arrival_ns, rta_datagram *what) {
    rta_rtp_packet rtp;
    rta_line_datagrams *d = &l->datagrams;
    if (!l->packets) return RTA_INVALID;
    if (rta_rtp_is_rtcp(data, bytes)) {
        *what = counted(&d->rtcp, RTA_DATAGRAM_RTCP);
    } else if (rta_rtp_parse(data, bytes, &rtp) != RTA_RTP_OK) {
        *what = counted(&d->malformed, RTA_DATAGRAM_MALFORMED);
    } else if (from && !rta_rtp_latch_takes(&d->latch, from, arrival_ns,
                                            l->config.packets.jitter.codecs[rtp.payload_type] != RTA_CODEC_NONE)) {
        *what = counted(&d->strangers, RTA_DATAGRAM_STRANGER);
    } else {
        const rta_jitter_packet packet = {.seq = rtp.seq,
                                          .payload_type = rtp.payload_type,
                                          .timestamp = rtp.timestamp,
                                          .ssrc = rtp.ssrc,
                                          .arrival_ns = arrival_ns,
                                          .payload = rtp.payload,
                                          .bytes = rtp.payload_bytes};
        *what = rta_line_packets_put(l->packets, &packet) == RTA_OK ? RTA_DATAGRAM_TAKEN : RTA_DATAGRAM_DROPPED;
    }
    return RTA_OK;
}

void rta_line_datagrams_read(const rta_line *l, rta_packets_figures *figures) {
    figures->rtcp = __atomic_load_n(&l->datagrams.rtcp, __ATOMIC_RELAXED);
    figures->malformed = __atomic_load_n(&l->datagrams.malformed, __ATOMIC_RELAXED);
    figures->strangers = __atomic_load_n(&l->datagrams.strangers, __ATOMIC_RELAXED);
    figures->moves = __atomic_load_n(&l->datagrams.latch.moves, __ATOMIC_RELAXED);
}
