/* SPDX-License-Identifier: Apache-2.0 */
#include "base.h"

const char *rta_status_name(rta_status status) {
    switch (status) {
    case RTA_OK: return "ok";
    case RTA_FULL: return "full";
    case RTA_EMPTY: return "empty";
    case RTA_CLOSED: return "closed";
    case RTA_CUT: return "cut";
    case RTA_ORDER: return "order";
    case RTA_INVALID: return "invalid";
    case RTA_BUSY: return "busy";
    case RTA_NOMEM: return "no memory";
    case RTA_SYSTEM: return "system";
    case RTA_LOST: return "lost";
    case RTA_CORRUPT: return "corrupt";
    case RTA_TIMEOUT: return "timeout";
    }
    return "unknown";
}
