/* SPDX-License-Identifier: Apache-2.0 */
#include "line_parts.h"

void rta_line_put_out(rta_line *l, int64_t tick_ns) {
    if (l->config.kind != RTA_LINE_DEVICE) {
        const uint64_t count = due_in_tick(l, l->rate);
        const rta_status status = rta_playout_pull(rta_port_consumer(l->port), l->out, count,
                                                   tick_ns + l->config.device_latency_ns, l->config.device_bound_ns);
        if (!status) rta_count(&l->out_pulled, count);
    }
    l->ticks++;
}
