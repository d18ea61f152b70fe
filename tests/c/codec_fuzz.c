/* Fuzzing of the decoders: payloads of random bytes and lengths, and, for Opus, real packets that are damaged, out of blocks of
 * exactly their length into blocks of exactly the samples they claim, so that the address sanitizer sees a byte too far
 * (in our code: libopus itself is not instrumented). What our reading of an Opus packet refuses, libopus must refuse, too, and
 * what it takes, libopus must decode or conceal. Between them concealment, FEC and resets. Without arguments a few thousand
 * payloads; `codec_fuzz <seconds> [seed]` for longer (make fuzz). */
// sources: codec
#include "codec.h"
#include "fuzz.h"
#include "opus_found.h"
#include "opus_packet.h"

enum { EXAMPLES = 24, MOST = 1500 };

static uint64_t executions, decoded, refused, corrupt, recovered;
static uint8_t examples[EXAMPLES][MOST];
static uint32_t example_bytes[EXAMPLES];

static void make_examples(uint64_t *random) {
    static const uint32_t rates[] = {8000, 12000, 16000, 24000, 48000}, frame_ms[] = {10, 20, 40, 60};
    for (int n = 0; n < EXAMPLES; n++) {
        rta_encoder_config config;
        rta_encoder_defaults(&config, RTA_CODEC_OPUS, rates[n % 5], 1 + n % 2);
        config.frame_samples = config.rate * frame_ms[n % 4] / 1000;
        config.bitrate = (uint32_t)random_between(random, 8000, 96000);
        config.fec = n % 3 != 0;
        config.loss_percent = 30;
        config.dtx = n % 4 == 0;
        rta_encoder *encoder = NULL;
        CHECK(rta_encoder_create(&encoder, &config) == RTA_OK);
        int16_t frame[2880 * 2];
        for (int k = 0; k < 20; k++) { /* the twentieth is kept: with FEC of the one before it */
            for (size_t i = 0; i < sizeof frame / sizeof *frame; i++)
                frame[i] = (int16_t)(6000 * ((int)(i * (3 + (size_t)n) / 40 % 2) * 2 - 1) +
                                     (int)random_between(random, 0, 2000));
            CHECK(rta_encode(encoder, frame, examples[n], MOST, &example_bytes[n]) == RTA_OK);
        }
        rta_encoder_destroy(encoder);
    }
}

static void one(uint64_t *random, rta_decoder *decoder, uint32_t codec, uint32_t rate, uint32_t channels) {
    uint8_t data[MOST];
    uint32_t bytes = (uint32_t)random_between(random, 0, random_between(random, 0, 3) ? 60 : MOST);
    fuzz_fill(random, data, bytes);
    if (codec == RTA_CODEC_OPUS && random_between(random, 0, 3)) {
        const uint64_t n = random_between(random, 0, EXAMPLES - 1);
        bytes = example_bytes[n];
        memcpy(data, examples[n], bytes);
        if (random_between(random, 0, 3)) bytes = (uint32_t)fuzz_damage(random, data, bytes, sizeof data);
    }
    uint8_t *exact = malloc(bytes ? bytes : 1);
    CHECK(exact != NULL);
    memcpy(exact, data, bytes);
    executions++;
    const rta_payload_look look = rta_decoder_look(decoder, exact, bytes);
    const uint32_t room = look.samples + 1; /* malloc(0) may be NULL */
    int16_t *out = malloc((size_t)room * channels * sizeof *out);
    CHECK(out != NULL && look.samples <= (codec == RTA_CODEC_OPUS ? rate * 12 / 100 : MOST));
    CHECK(look.fec_samples <= look.samples);
    uint32_t samples = 0;
    if (look.fec_samples > 0 && random_between(random, 0, 1)) {
        const rta_status status = rta_decoder_fec(decoder, exact, bytes, out, look.fec_samples, &samples);
        CHECK((status == RTA_OK || status == RTA_CORRUPT) && samples == look.fec_samples);
        recovered++;
    }
    const rta_status status = rta_decode(decoder, exact, bytes, out, look.samples, &samples);
    CHECK(look.malformed == (status == RTA_INVALID) && samples == look.samples);
    decoded += status == RTA_OK;
    refused += status == RTA_INVALID;
    corrupt += status == RTA_CORRUPT;
    CHECK(status == RTA_OK || status == RTA_INVALID || (status == RTA_CORRUPT && codec == RTA_CODEC_OPUS));
    if (look.samples > 0) CHECK(rta_decode(decoder, exact, bytes, out, look.samples - 1, &samples) == RTA_FULL);
    if (codec == RTA_CODEC_OPUS && look.malformed) { /* ours refuses nothing that libopus takes */
        static uint64_t state[1 << 14];
        static int16_t wide[RTA_OPUS_LONGEST * 2];
        CHECK((size_t)rta_opus()->decoder_get_size(2) <= sizeof state);
        CHECK(rta_opus()->decoder_init(state, 48000, 2) == 0);
        CHECK(rta_opus()->decode(state, exact, (int32_t)bytes, wide, RTA_OPUS_LONGEST, 0) < 0);
    }
    if (rta_decoder_conceals(decoder) && random_between(random, 0, 3) == 0) {
        const uint32_t count = (uint32_t)random_between(random, 0, look.samples);
        CHECK(rta_decoder_conceal(decoder, out, count) == RTA_OK);
    }
    if (random_between(random, 0, 50) == 0) rta_decoder_reset(decoder);
    free(out);
    free(exact);
}

int main(int argc, char **argv) {
    static const uint32_t rates[] = {8000, 12000, 16000, 24000, 48000};
    uint64_t random = fuzz_seed(argc, argv);
    const bool opus = opus_found();
    if (opus) make_examples(&random);
    for (fuzz_clock clock = fuzz_start(argc, argv); fuzz_goes_on(&clock);) {
        for (int round = 0; round < 40; round++) {
            const uint32_t codec =
                (uint32_t)random_between(&random, RTA_CODEC_PCM16, opus ? RTA_CODECS - 1 : RTA_CODEC_CN);
            const uint32_t kind = opus && random_between(&random, 0, 1) ? RTA_CODEC_OPUS : codec;
            const uint32_t rate = rates[random_between(&random, 0, 4)],
                           channels = (uint32_t)random_between(&random, 1, 2);
            rta_decoder *decoder = NULL;
            CHECK(rta_decoder_create(&decoder, kind, rate, channels) == RTA_OK);
            for (int n = 0; n < 50; n++) one(&random, decoder, kind, rate, channels);
            rta_decoder_destroy(decoder);
        }
    }
    printf("codec_fuzz: %llu payloads, %llu decoded, %llu refused, %llu concealed as corrupt, %llu gave FEC\n",
           (unsigned long long)executions, (unsigned long long)decoded, (unsigned long long)refused,
           (unsigned long long)corrupt, (unsigned long long)recovered);
    CHECK(decoded > 0 && refused > 0 && (!opus || recovered > 0));
    return 0;
}
