/* SPDX-License-Identifier: Apache-2.0 */
#include "udp.h"

struct rta_udp {
    int fd;
    rta_socket_address bound;
    _Alignas(RTA_CACHE_LINE) uint64_t sent, sent_bytes, send_full, send_errors, send_refused; /* the sender's */
    _Alignas(RTA_CACHE_LINE) uint64_t received, received_bytes, too_long, receive_errors;     /* the receiver's */
    uint32_t left; /* of the batch */
};

static void count(uint64_t *counter, uint64_t more) { __atomic_store_n(counter, *counter + more, __ATOMIC_RELAXED); }

rta_status rta_udp_open(rta_udp **out, const char *host, uint16_t port) {
    rta_socket_address address;
    rta_status status = rta_socket_address_parse(&address, host, port);
    if (status != RTA_OK) return status;
    rta_udp *u = rta_zeroed(sizeof *u);
    if (u == NULL) return RTA_NOMEM;
    status = rta_socket_open(&u->fd, &address, RTA_UDP_BUFFER, &u->bound);
    if (status != RTA_OK) {
        free(u);
        return status;
    }
    *out = u;
    return RTA_OK;
}

void rta_udp_close(rta_udp *u) {
    if (u == NULL) return;
    rta_socket_close(u->fd);
    free(u);
}

rta_status rta_udp_bound(const rta_udp *u, char *text, uint16_t *port) {
    return rta_socket_address_text(&u->bound, text, port);
}

rta_status rta_udp_send(rta_udp *u, const rta_socket_address *to, const uint8_t *data, size_t bytes) {
    if (to->length != u->bound.length || bytes > RTA_UDP_MOST) {
        count(&u->send_refused, 1);
        return RTA_INVALID;
    }
    RTA_RT_ENTER();
    const rta_status status = rta_socket_send(u->fd, to, data, bytes);
    RTA_RT_LEAVE();
    if (status == RTA_OK) {
        count(&u->sent, 1);
        count(&u->sent_bytes, bytes);
    } else {
        count(status == RTA_FULL ? &u->send_full : &u->send_errors, 1);
    }
    return status;
}

void rta_udp_begin(rta_udp *u) { u->left = RTA_UDP_BATCH; }

rta_status rta_udp_receive(rta_udp *u, uint8_t *data, size_t room, size_t *bytes, rta_socket_address *from) {
    RTA_RT_ENTER();
    rta_status status = RTA_EMPTY;
    *bytes = 0;
    while (u->left > 0) {
        u->left--;
        status = rta_socket_receive(u->fd, data, room, bytes, from);
        if (status == RTA_SYSTEM) {
            count(&u->receive_errors, 1);
        } else if (status == RTA_OK && *bytes > room) {
            count(&u->too_long, 1);
        } else break;
        status = RTA_EMPTY;
        *bytes = 0;
    }
    RTA_RT_LEAVE();
    if (status == RTA_OK) {
        count(&u->received, 1);
        count(&u->received_bytes, *bytes);
    }
    return status;
}

void rta_udp_figures_read(const rta_udp *u, rta_udp_figures *f) {
    *f = (rta_udp_figures){
        .sent = __atomic_load_n(&u->sent, __ATOMIC_RELAXED),
        .sent_bytes = __atomic_load_n(&u->sent_bytes, __ATOMIC_RELAXED),
        .send_full = __atomic_load_n(&u->send_full, __ATOMIC_RELAXED),
        .send_errors = __atomic_load_n(&u->send_errors, __ATOMIC_RELAXED),
        .send_refused = __atomic_load_n(&u->send_refused, __ATOMIC_RELAXED),
        .received = __atomic_load_n(&u->received, __ATOMIC_RELAXED),
        .received_bytes = __atomic_load_n(&u->received_bytes, __ATOMIC_RELAXED),
        .too_long = __atomic_load_n(&u->too_long, __ATOMIC_RELAXED),
        .receive_errors = __atomic_load_n(&u->receive_errors, __ATOMIC_RELAXED),
    };
}
