/* The engine's UDP socket on the loopback, row by row of the table in csrc/udp.h. */
// sources: csrc/udp.c csrc/platform.c csrc/base.c
#include "check.h"
#include "udp.h"

#include <string.h>

static rta_socket_address address_of(const rta_udp *udp) {
    char text[64];
    uint16_t port = 0;
    rta_socket_address address;
    CHECK(rta_udp_bound(udp, text, &port) == RTA_OK && port > 0);
    CHECK(rta_socket_address_parse(&address, text, port) == RTA_OK);
    return address;
}

static void addresses(void) {
    rta_socket_address a;
    char text[64];
    uint16_t port = 0;
    CHECK(rta_socket_address_parse(&a, "127.0.0.1", 5004) == RTA_OK);
    CHECK(rta_socket_address_text(&a, text, &port) == RTA_OK && strcmp(text, "127.0.0.1") == 0 && port == 5004);
    CHECK(rta_socket_address_parse(&a, "::1", 65535) == RTA_OK);
    CHECK(rta_socket_address_text(&a, text, &port) == RTA_OK && strcmp(text, "::1") == 0 && port == 65535);
    static const char *const none[] = {"", "localhost", "127.0.0.256", "1.2.3.4:5", "[::1]", "::g"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        CHECK(rta_socket_address_parse(&a, none[i], 1) == RTA_INVALID);
    rta_udp *udp = NULL;
    CHECK(rta_udp_open(&udp, "localhost", 0) == RTA_INVALID && udp == NULL);
    CHECK(rta_udp_open(&udp, "192.0.2.1", 0) == RTA_SYSTEM && udp == NULL); /* of nobody here */
    rta_udp_close(NULL);
}

static void there_and_back(const char *host) {
    rta_udp *a = NULL, *b = NULL;
    if (rta_udp_open(&a, host, 0) != RTA_OK) {
        printf("no %s here\n", host);
        return;
    }
    CHECK(rta_udp_open(&b, host, 0) == RTA_OK);
    const rta_socket_address at_a = address_of(a), at_b = address_of(b);
    uint8_t data[RTA_UDP_MOST + 1], got[RTA_UDP_MOST];
    size_t bytes = 0;
    rta_socket_address from;
    rta_udp_begin(b);
    CHECK(rta_udp_receive(b, got, sizeof got, &bytes, &from) == RTA_EMPTY);
    for (int n = 0; n <= 3; n++) { /* of no length, short, and the longest */
        const size_t length = n == 3 ? RTA_UDP_MOST : (size_t)n * 100;
        memset(data, n + 1, sizeof data);
        CHECK(rta_udp_send(a, &at_b, data, length) == RTA_OK);
        rta_udp_begin(b);
        CHECK(rta_udp_receive(b, got, sizeof got, &bytes, &from) == RTA_OK && bytes == length);
        CHECK(memcmp(got, data, bytes) == 0 && memcmp(&from, &at_a, sizeof from) == 0);
    }
    CHECK(rta_udp_send(a, &at_b, data, RTA_UDP_MOST + 1) == RTA_INVALID);
    rta_socket_address other;
    CHECK(rta_socket_address_parse(&other, host[0] == ':' ? "127.0.0.1" : "::1", 9) == RTA_OK);
    CHECK(rta_udp_send(a, &other, data, 10) == RTA_INVALID);
    /* One that is too long is passed over, and the next taken. */
    CHECK(rta_udp_send(a, &at_b, data, 500) == RTA_OK && rta_udp_send(a, &at_b, data, 20) == RTA_OK);
    rta_udp_begin(b);
    CHECK(rta_udp_receive(b, got, 100, &bytes, &from) == RTA_OK && bytes == 20);
    /* A flood is taken in bounded parts. */
    for (int n = 0; n < RTA_UDP_BATCH + 10; n++) CHECK(rta_udp_send(a, &at_b, data, 30) == RTA_OK);
    int taken = 0;
    rta_udp_begin(b);
    while (rta_udp_receive(b, got, sizeof got, &bytes, &from) == RTA_OK) taken++;
    CHECK(taken == RTA_UDP_BATCH);
    rta_udp_begin(b);
    while (rta_udp_receive(b, got, sizeof got, &bytes, &from) == RTA_OK) taken++;
    CHECK(taken == RTA_UDP_BATCH + 10);
    rta_udp_figures sender, receiver;
    rta_udp_figures_read(a, &sender);
    rta_udp_figures_read(b, &receiver);
    CHECK(sender.sent == 4 + 2 + RTA_UDP_BATCH + 10 && sender.send_refused == 2 && sender.send_full == 0);
    CHECK(receiver.received == sender.sent - 1 && receiver.too_long == 1);
    CHECK(receiver.received_bytes == sender.sent_bytes - 500);
    /* Nobody there: the error comes with a later call, is counted, and nothing stops. */
    rta_udp_close(b);
    for (int n = 0; n < 10; n++) rta_udp_send(a, &at_b, data, 30);
    rta_udp_begin(a);
    CHECK(rta_udp_receive(a, got, sizeof got, &bytes, &from) == RTA_EMPTY);
    rta_udp_figures_read(a, &sender);
    CHECK(sender.sent + sender.send_errors == 4 + 2 + RTA_UDP_BATCH + 10 + 10);
    rta_udp_close(a);
}

int main(void) {
    addresses();
    there_and_back("127.0.0.1");
    there_and_back("::1");
    return 0;
}
