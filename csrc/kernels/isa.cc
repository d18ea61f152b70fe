/* SPDX-License-Identifier: Apache-2.0 */
#include "isa.h"

const char *rta_isa_name(rta_isa isa) {
    switch (isa) {
    case RTA_ISA_SCALAR: return "scalar";
    case RTA_ISA_NEON: return "neon";
    case RTA_ISA_AVX2: return "avx2";
    case RTA_ISA_AVX512: return "avx512";
    case RTA_ISA_COUNT: break;
    }
    return nullptr;
}

/* The compiler's run-time library asks CPUID, and XGETBV whether the operating system keeps the ymm and zmm registers
 * of a thread that is taken off the processor: without that an instruction set counts as not there. */
bool rta_isa_available(rta_isa isa) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (isa == RTA_ISA_AVX2) return avx2;
    if (isa == RTA_ISA_AVX512) return avx2 && __builtin_cpu_supports("avx512f");
#elif defined(__aarch64__)
    if (isa == RTA_ISA_NEON) return true;
#endif
    return isa == RTA_ISA_SCALAR;
}

rta_isa rta_isa_best(void) {
    int isa = RTA_ISA_COUNT - 1;
    while (!rta_isa_available(static_cast<rta_isa>(isa))) --isa;
    return static_cast<rta_isa>(isa);
}
