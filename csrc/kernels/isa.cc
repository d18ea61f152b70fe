/* SPDX-License-Identifier: Apache-2.0 */
#include "isa.h"

const char *rta_isa_name(rta_isa isa) {
    switch (isa) {
    case RTA_ISA_SCALAR: return "scalar";
    case RTA_ISA_AVX2: return "avx2";
    case RTA_ISA_COUNT: break;
    }
    return nullptr;
}

bool rta_isa_available(rta_isa isa) {
    switch (isa) {
    case RTA_ISA_SCALAR: return true;
    case RTA_ISA_AVX2:
#if defined(__x86_64__)
        __builtin_cpu_init();
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
        return false;
#endif
    case RTA_ISA_COUNT: break;
    }
    return false;
}

rta_isa rta_isa_best(void) { return rta_isa_available(RTA_ISA_AVX2) ? RTA_ISA_AVX2 : RTA_ISA_SCALAR; }
