/* SPDX-License-Identifier: Apache-2.0
 *
 * device.h: the sound card's callbacks, in C, with PortAudio's signature, so that no Python runs in them. The streams are
 * opened through the sounddevice package (rtaudio.core.sound); input and output are separate streams.
 *
 * Input: samples go to the line's input ring. Output: pulls the playout; device time = outputBufferDacTime mapped to the
 * monotonic clock (or now + the stream's reported latency where the host API gives no time). Mono float32 on both
 * sides; a stereo device gets the mono signal on each channel.
 *
 * AUDIO PATH: both callbacks. PortAudio's header is not needed to build: the few types are declared here with the
 * same layout (portaudio.h v19) and checked by a test against the header where that is installed.
 */
#ifndef RTA_DEVICE_H
#define RTA_DEVICE_H

#include "base.h"
#include "engine.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rta_pa_time_info {
    double input_adc_time, current_time, output_dac_time;
} rta_pa_time_info;

typedef struct rta_device rta_device; /* userdata of both callbacks */

typedef struct rta_device_figures {
    uint64_t input_callbacks, output_callbacks, input_samples, output_samples;
    uint64_t input_overflows, output_underflows; /* as PortAudio reports them */
    int64_t first_input_ns, first_output_ns;     /* monotonic time of the first sample of each stream */
    int64_t output_latency_ns, input_latency_ns; /* last seen */
    uint64_t output_late_pulls;                  /* gaps of more than two periods between callbacks */
} rta_device_figures;

rta_status rta_device_create(rta_device **device, rta_line *line, uint32_t input_channels, uint32_t output_channels,
                             int64_t output_latency_ns, int64_t input_latency_ns);
void rta_device_destroy(rta_device *device); /* after both streams are closed */
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
