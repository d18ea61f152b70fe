/* SPDX-License-Identifier: Apache-2.0 */
#include "line_socket.h"

#include "line.h"
#include "rtp_sender.h"

#include <stdlib.h>
#include <string.h>

struct rta_line_socket {
    rta_udp *udp;
    rta_rtp_sender *sender; /* NULL: nothing is sent */
    bool receives;
    bool follows; /* send_to is whoever is listened to */
    rta_socket_address send_to;
    uint64_t flushes;
    rta_socket_figures figures;      /* stored atomically */
    uint8_t datagram[RTA_UDP_MOST];
};

/* *sender NULL: nothing is sent. */
static rta_status make_sender(rta_rtp_sender **sender, const rta_socket_config *config, uint32_t rate,
                              const char **why) {
    rta_rtp_sender_config rtp = config->rtp;
    rtp.input_rate = rate;
    *why = NULL;
    *sender = NULL;
    if (!config->sends) return RTA_OK;
    rta_status status = rta_rtp_sender_check(&rtp, why);
    if (!status) status = rta_rtp_sender_create(sender, &rtp);
    if (status || rtp.encoder.codec == RTA_CODEC_OPUS || rta_rtp_sender_bytes_most(*sender) <= RTA_UDP_MOST)
        return status;
    *why = "a packet of such frames does not fit into a datagram; make frames shorter";
    rta_rtp_sender_destroy(*sender);
    *sender = NULL;
    return RTA_INVALID;
}

rta_status rta_line_socket_check(const rta_socket_config *config, uint32_t rate, const char **why) {
    rta_rtp_sender *sender;
    const rta_status status = make_sender(&sender, config, rate, why);
    rta_rtp_sender_destroy(sender);
    return status;
}

rta_status rta_line_socket_create(rta_line_socket **out, const rta_socket_config *config, uint32_t rate) {
    const char *why;
    *out = NULL;
    rta_line_socket *s = rta_zeroed(sizeof *s);
    if (!s) return RTA_NOMEM;
    s->udp = config->udp;
    s->receives = config->receives;
    s->follows = config->send_to.length == 0;
    s->send_to = config->send_to;
    const rta_status status = make_sender(&s->sender, config, rate, &why);
    if (status) {
        rta_line_socket_destroy(s);
        return status;
    }
    if (s->sender) s->figures.delay_samples = rta_rtp_sender_delay_samples(s->sender);
    *out = s;
    return RTA_OK;
}

void rta_line_socket_destroy(rta_line_socket *s) {
    if (!s) return;
    rta_rtp_sender_destroy(s->sender);
    free(s);
}

void rta_line_socket_receive(rta_line_socket *s, rta_line *line, int64_t tick_ns) {
    if (!s->receives) return;
    rta_udp_begin(s->udp);
    for (;;) {
        size_t bytes = 0;
        rta_socket_address from;
        rta_source source;
        rta_datagram what;
        if (rta_udp_receive(s->udp, s->datagram, sizeof s->datagram, &bytes, &from) != RTA_OK) return;
        memset(&source, 0, sizeof source);
        rta_socket_address_ip(&from, source.address, &source.port);
        rta_line_put_datagram(line, s->datagram, bytes, &source, tick_ns, &what);
        if (s->follows && what == RTA_DATAGRAM_TAKEN) s->send_to = from;
    }
}

static void publish(rta_line_socket *s) {
    rta_rtp_sender_figures f;
    rta_rtp_sender_read_figures(s->sender, &f);
    __atomic_store_n(&s->figures.samples, f.samples, __ATOMIC_RELAXED);
    __atomic_store_n(&s->figures.packets, f.packets, __ATOMIC_RELAXED);
    __atomic_store_n(&s->figures.payload_bytes, f.payload_bytes, __ATOMIC_RELAXED);
    __atomic_store_n(&s->figures.frames, f.frames, __ATOMIC_RELAXED);
    __atomic_store_n(&s->figures.silent_frames, f.silent_frames, __ATOMIC_RELAXED);
    __atomic_store_n(&s->figures.cuts, f.cuts, __ATOMIC_RELAXED);
}

void rta_line_socket_send(rta_line_socket *s, const float *samples, uint64_t count, uint64_t flushes) {
    if (!s->sender) return;
    if (flushes != s->flushes) rta_rtp_sender_cut(s->sender);
    s->flushes = flushes;
    const uint8_t *packet = NULL;
    uint64_t used = 0;
    size_t bytes = 0;
    while (rta_rtp_sender_take(s->sender, samples, count, &used, &packet, &bytes) == RTA_OK) {
        samples += used;
        count -= used;
        if (s->send_to.length == 0) rta_count(&s->figures.unaddressed, 1);
        else if (rta_udp_send(s->udp, &s->send_to, packet, bytes)) rta_count(&s->figures.dropped, 1);
    }
    publish(s);
}

void rta_line_socket_figures_read(const rta_line_socket *s, rta_socket_figures *figures) {
    *figures = (rta_socket_figures){
        .samples = __atomic_load_n(&s->figures.samples, __ATOMIC_RELAXED),
        .packets = __atomic_load_n(&s->figures.packets, __ATOMIC_RELAXED),
        .payload_bytes = __atomic_load_n(&s->figures.payload_bytes, __ATOMIC_RELAXED),
        .frames = __atomic_load_n(&s->figures.frames, __ATOMIC_RELAXED),
        .silent_frames = __atomic_load_n(&s->figures.silent_frames, __ATOMIC_RELAXED),
        .cuts = __atomic_load_n(&s->figures.cuts, __ATOMIC_RELAXED),
        .unaddressed = __atomic_load_n(&s->figures.unaddressed, __ATOMIC_RELAXED),
        .dropped = __atomic_load_n(&s->figures.dropped, __ATOMIC_RELAXED),
        .delay_samples = s->figures.delay_samples,
    };
}
