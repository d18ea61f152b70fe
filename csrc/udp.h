/* SPDX-License-Identifier: Apache-2.0
 *
 * udp.h: a UDP socket for the engine: it sends and receives datagrams without waiting, without allocating, in bounded batches,
 * to and from any address of its family (IPv4 or IPv6; it is not connected). Addresses are numeric: names are looked up
 * by whoever has time for it.
 *
 *   send      the system took it                                  sent
 *             its buffer is full                                  RTA_FULL: dropped (drop-newest), counted; nothing is kept
 *             it refused, or told an error of an earlier packet   RTA_SYSTEM: dropped, counted
 *             another family, or longer than MOST                 RTA_INVALID: counted as refused
 *   receive   a datagram of at most `room` bytes                  RTA_OK
 *             a longer one                                        dropped, counted as too long; the next is looked at
 *             an error of an earlier packet's way                 counted; the next is looked at
 *             nothing, or BATCH were looked at since the last     RTA_EMPTY: so a flood takes a bounded part of a tick
 *             rta_udp_begin()
 *
 * An error of an earlier packet: a port that nobody listens at answers by ICMP, and some systems hand that to the next call
 * (Linux does not, for a socket that is not connected).
 *
 * Threads: open, close: set-up side, while nobody sends or receives. send: one thread; begin and receive: one thread, which may
 * be another. Figures: any thread. AUDIO PATH: send, begin, receive: one system call each, sendto or recvmsg.
 */
#ifndef RTA_UDP_H
#define RTA_UDP_H

#include "base.h"
#include "platform.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    RTA_UDP_MOST = 1500,   /* bytes of a datagram that is sent: what goes through a network in one piece */
    RTA_UDP_BATCH = 64,    /* datagrams looked at after one begin */
    RTA_UDP_BUFFER = 1 << 18, /* bytes asked of the system, each way: 1 s of 64 kbit/s thirty times */
};

typedef struct rta_udp_figures {
    uint64_t sent, sent_bytes, send_full, send_errors, send_refused; /* datagrams */
    uint64_t received, received_bytes, too_long, receive_errors;
} rta_udp_figures;

typedef struct rta_udp rta_udp;

/* host: numeric, "0.0.0.0" or "::" for all; port 0: the system chooses. RTA_INVALID: no address; RTA_SYSTEM: errno says why;
 * RTA_NOMEM. */
rta_status rta_udp_open(rta_udp **out, const char *host, uint16_t port);
void rta_udp_close(rta_udp *udp);
/* Where it is bound: text has room for 64 bytes. */
rta_status rta_udp_bound(const rta_udp *udp, char *text, uint16_t *port);

rta_status rta_udp_send(rta_udp *udp, const rta_socket_address *to, const uint8_t *data, size_t bytes);
/* A batch begins: once a tick. */
void rta_udp_begin(rta_udp *udp);
rta_status rta_udp_receive(rta_udp *udp, uint8_t *data, size_t room, size_t *bytes, rta_socket_address *from);

void rta_udp_figures_read(const rta_udp *udp, rta_udp_figures *figures);

#ifdef __cplusplus
}
#endif
#endif
