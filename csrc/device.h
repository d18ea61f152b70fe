/* SPDX-License-Identifier: Apache-2.0
 *
 * device.h: the sound card's callbacks, in C, with PortAudio's signature, so that no Python runs in them. The streams
 * are opened through the sounddevice package (rtaudio.transports.sound); input and output are separate streams.
 *
 * Input: samples go to the line's input ring. Output: pulls the playout. Float32 on both sides; a device with several
 * channels gives the mean of them and gets the mono signal on each.
 *
 * Times. PortAudio tells when the first sample of a block meets the converter, on a clock of its own; the difference to
 * "now" on that clock, added to the monotonic clock at the start of the callback, is the device time, and the bound is
 * one block. Where the host API gives no time (the difference is not positive, or 10 s and more), it is now + the
 * latency the stream reported, with that latency as the bound: the device holds something between nothing and that.
 *
 * Detour: where something in Python is to clean the microphone first, the input callback pushes into a ring of the device
 * instead (drop-newest, counted), one other thread takes from it and pushes into the line (rtaudio.transports.feeder).
 *
 * AUDIO PATH: both callbacks; they always return 0 (paContinue), and silence where there is nothing to put out. One
 * device has the consumer's role of its line's playout from create to destroy. Figures, set_latency: any thread.
 * PortAudio's header is not needed to build: the few types are declared here with the same layout (portaudio.h v19) and
 * checked by a test against the header where that is installed.
 */
#ifndef RTA_DEVICE_H
#define RTA_DEVICE_H

#include "base.h"
#include "engine.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { RTA_DEVICE_CHANNELS = 8 };

typedef struct rta_pa_time_info { /* PaStreamCallbackTimeInfo; seconds */
    double input_adc_time, current_time, output_dac_time;
} rta_pa_time_info;

enum { /* PaStreamCallbackFlags */
       RTA_PA_INPUT_UNDERFLOW = 1,
       RTA_PA_INPUT_OVERFLOW = 2,
       RTA_PA_OUTPUT_UNDERFLOW = 4,
       RTA_PA_OUTPUT_OVERFLOW = 8,
       RTA_PA_PRIMING_OUTPUT = 16,
};

typedef struct rta_device rta_device; /* userdata of both callbacks */

typedef struct rta_device_figures {
    uint64_t input_callbacks, output_callbacks, input_samples, output_samples;
    uint64_t input_overflows, output_underflows; /* as PortAudio reports them */
    int64_t first_input_ns, first_output_ns;     /* monotonic time of the first sample of each stream; 0: none yet */
    int64_t output_latency_ns, input_latency_ns; /* last seen */
    uint64_t output_late_pulls;                  /* gaps of more than two periods between callbacks */
    uint64_t detour_dropped;                     /* samples that found the detour's ring full */
    uint64_t output_failed;                      /* samples of silence because the playout refused the pull */
} rta_device_figures;

/* RTA_INVALID: not a device line, or channels not 1..RTA_DEVICE_CHANNELS; RTA_BUSY: the playout has a consumer. */
rta_status rta_device_create(rta_device **device, rta_line *line, uint32_t input_channels, uint32_t output_channels,
                             int64_t output_latency_ns, int64_t input_latency_ns);
/* Before the input stream runs; once. `rate`: of the input stream, which the line's no longer is. `samples`: bound of the ring, a power of two. RTA_INVALID, RTA_BUSY, RTA_NOMEM. */
rta_status rta_device_detour(rta_device *device, uint32_t rate, uint64_t samples);
/* The detour's one consumer; wait-free. Takes what is there, at most `most`, mono at the stream's rate. */
uint64_t rta_device_take(rta_device *device, float *samples, uint64_t most);
uint64_t rta_device_waiting(rta_device *device); /* its consumer */
void rta_device_destroy(rta_device *device); /* after both streams are closed, before the line is freed */
void rta_device_set_latency(rta_device *device, int64_t output_latency_ns, int64_t input_latency_ns);
void rta_device_figures_read(const rta_device *device, rta_device_figures *figures);

int rta_device_input(const void *input, void *output, unsigned long frames, const rta_pa_time_info *time,
                     unsigned long status, void *device);
int rta_device_output(const void *input, void *output, unsigned long frames, const rta_pa_time_info *time,
                      unsigned long status, void *device);

#ifdef __cplusplus
}
#endif
#endif
