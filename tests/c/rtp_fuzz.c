/* Fuzzing of the RTP parser: random packets, built, damaged in every way (cut, bits, bytes, splices), and parsed out of
 * a block of exactly their length, so that the address sanitizer sees a byte read too far. For a second without
 * arguments; `rtp_fuzz <seconds> [seed]` for longer (make fuzz). */
// sources: csrc/rtp.c csrc/base.c
#include "fuzz.h"
#include "rtp.h"

#include <string.h>

static uint64_t executions, taken;

static void parse_all(const uint8_t *data, size_t bytes) {
    uint8_t *exact = malloc(bytes ? bytes : 1);
    CHECK(exact != NULL);
    memcpy(exact, data, bytes);
    rta_rtp_packet p;
    executions++;
    (void)rta_rtp_is_rtcp(exact, bytes);
    if (rta_rtp_parse(exact, bytes, &p) == RTA_RTP_OK) {
        taken++;
        CHECK(p.payload >= exact && p.payload + p.payload_bytes + p.padding_bytes == exact + bytes);
        uint64_t sum = 0;
        for (uint32_t i = 0; i < p.payload_bytes; i++) sum += p.payload[i];
        for (uint32_t i = 0; i < p.extension_bytes; i++) sum += p.extension[i];
        size_t again = 0;
        uint8_t *built = malloc(bytes);
        CHECK(built != NULL && rta_rtp_build(&p, built, bytes, &again) == RTA_OK && again == bytes);
        CHECK(rta_rtp_build(&p, built, bytes - 1, &again) == RTA_FULL && again == bytes);
        CHECK(memcmp(built, exact, bytes - p.padding_bytes) == 0 && sum < UINT64_MAX);
        free(built);
    }
    free(exact);
}

int main(int argc, char **argv) {
    uint64_t random = fuzz_seed(argc, argv);
    uint8_t data[2048], other[2048];
    for (fuzz_clock clock = fuzz_start(argc, argv); fuzz_goes_on(&clock);) {
        for (int round = 0; round < 500; round++) {
            uint8_t extension[64], payload[400];
            fuzz_fill(&random, extension, sizeof extension);
            fuzz_fill(&random, payload, sizeof payload);
            rta_rtp_packet p = {.payload_type = (uint8_t)random_between(&random, 0, 127),
                                .marker = random_between(&random, 0, 1),
                                .has_extension = random_between(&random, 0, 1),
                                .csrc_count = (uint8_t)random_between(&random, 0, 15),
                                .padding_bytes =
                                    (uint8_t)(random_between(&random, 0, 3) ? 0 : random_between(&random, 0, 255)),
                                .seq = (uint16_t)next_random(&random),
                                .extension_bytes = 4 * (uint32_t)random_between(&random, 0, 16),
                                .payload_bytes = (uint32_t)random_between(&random, 0, sizeof payload),
                                .extension = extension,
                                .payload = payload};
            size_t bytes = 0;
            CHECK(rta_rtp_build(&p, data, sizeof data, &bytes) == RTA_OK);
            parse_all(data, bytes);
            for (int k = 0; k < 8; k++) {
                memcpy(other, data, bytes);
                const size_t damaged = fuzz_damage(&random, other, bytes, sizeof other);
                parse_all(other, damaged);
            }
            fuzz_fill(&random, other, 64);
            parse_all(other, random_between(&random, 0, 64));
        }
    }
    printf("rtp_fuzz: %llu executions, %llu of them taken as packets\n", (unsigned long long)executions,
           (unsigned long long)taken);
    CHECK(taken > 0 && taken < executions);
    return 0;
}
