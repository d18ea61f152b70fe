/* opus_found.h: libopus for programs that try Opus where there is one: the one that RTAUDIO_LIBOPUS names, or the system's. */
#ifndef RTA_TEST_OPUS_FOUND_H
#define RTA_TEST_OPUS_FOUND_H

#include "opus_library.h"

#include <stdio.h>
#include <stdlib.h>

static inline bool opus_found(void) {
    char why[256] = "";
    const char *named = getenv("RTAUDIO_LIBOPUS");
    if (rta_opus_bind(named && *named ? named : "libopus.so.0", why, sizeof why) == RTA_OK) return true;
    printf("without Opus: %s\n", why);
    return false;
}

#endif
