/* The memory of a jitter buffer is there when it is made: taking packets in brings no page in (the audio path takes no page
 * fault). What compilers may do to a zeroing that follows an allocation is why this is measured. */
// sources: jitter
#define _GNU_SOURCE
#include "check.h"
#include "jitter.h"

#include <sys/resource.h>

enum { PACKETS = 64, BYTES = 48000 * 4, PAGE = 4096, PAGES = PACKETS * BYTES / PAGE };

static long faults(void) {
    struct rusage usage;
    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    return usage.ru_minflt;
}

int main(void) {
    rta_jitter_config config;
    rta_jitter_defaults(&config);
    config.rate = config.packet_most = 48000;
    config.channels = 2;
    config.capacity = PACKETS;
    config.codecs[0] = RTA_CODEC_PCM16;
    uint8_t *payload = rta_zeroed(BYTES);
    rta_jitter *jitter = NULL;
    CHECK(payload && rta_jitter_create(&jitter, &config) == RTA_OK);
    const long before = faults();
    for (uint32_t i = 0; i < PACKETS; i++) {
        const rta_jitter_packet packet = {
            .seq = (uint16_t)i, .timestamp = 48000 * i, .arrival_ns = i, .payload = payload, .bytes = BYTES};
        rta_jitter_taken taken;
        CHECK(rta_jitter_put(jitter, &packet, &taken) == RTA_JITTER_FINE && taken == RTA_JITTER_TAKEN);
    }
    CHECK(faults() - before < PAGES / 10);
    rta_jitter_destroy(jitter);
    free(payload);
    return 0;
}
