/* SPDX-License-Identifier: Apache-2.0
 *
 * line_socket.h: a UDP socket under a line, one for both directions (symmetric RTP, RFC 4961), served in the engine's tick: so
 * neither an event loop nor an interpreter's lock stands between the wire and the detector, nor between the playout and the
 * wire (law 4). A part of a line (line_parts.h).
 *
 *   socket ──► receive ──► rta_line_put_datagram() ──► packets of the line (line_packets.h)     before the tick's input
 *   what the tick pulled ──► rta_rtp_sender ──► send ──► socket                                 after the tick's pull
 *
 *   a line with      takes from the socket                   sends
 *   packets          RTA_UDP_BATCH datagrams a tick, at      nothing
 *                    most; each has arrived at the tick
 *   rtp              nothing                                 what it pulled, when a frame of it is whole
 *   both             the same                                the same
 *
 *   send_to          packets go
 *   an address       there, and nowhere else
 *   none             to whom the line listens to (rtp_latch.h); until there is someone, nowhere: counted as unaddressed
 *
 * A packet that the system does not take (a full buffer, no route, a port that nobody listens at) is dropped and counted
 * (udp.h); the stream goes on, with its sequence number and timestamp used. When the playout was flushed in a tick, the
 * encoder begins anew in that tick's samples (rta_rtp_sender_cut()): nothing of before is in what comes after.
 *
 * Journal: datagrams are journalled as the packets they bring, with the tick as their arrival. What is sent decides
 * nothing, follows from the pulls, and is not journalled.
 *
 * Threads: receive and send are the step's (AUDIO PATH: recvmsg until there is nothing, one sendto for each packet);
 * figures_read any; create and destroy while no step uses the line. The socket outlives it, and is no other line's.
 */
#ifndef RTA_LINE_SOCKET_H
#define RTA_LINE_SOCKET_H

#include "engine.h"

typedef struct rta_line_socket rta_line_socket;

/* rate: of what is put out. RTA_INVALID: *why says so, also where a packet would be longer than RTA_UDP_MOST (but Opus, whose
 * packets seldom are: those are refused one by one, udp.h); RTA_NOMEM; RTA_CLOSED: libopus is not bound. */
rta_status rta_line_socket_check(const rta_socket_config *config, uint32_t rate, const char **why);
/* The same without a why. */
rta_status rta_line_socket_create(rta_line_socket **out, const rta_socket_config *config, uint32_t rate);
void rta_line_socket_destroy(rta_line_socket *socket);

/* What has come goes into the line's packets, as of tick_ns. */
void rta_line_socket_receive(rta_line_socket *socket, rta_line *line, int64_t tick_ns);
/* What a tick put out; flushes: how often the playout had been flushed by its end. */
void rta_line_socket_send(rta_line_socket *socket, const float *samples, uint64_t count, uint64_t flushes);

void rta_line_socket_figures_read(const rta_line_socket *socket, rta_socket_figures *figures);

#endif
