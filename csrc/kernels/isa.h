/* SPDX-License-Identifier: Apache-2.0
 *
 * isa.h: the instruction sets that numeric kernels are built for, slowest first, and which of them this machine runs. A kernel gives
 * the same bits on every one of them (law 5): they differ in speed alone.
 */
#ifndef RTA_ISA_H
#define RTA_ISA_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum rta_isa {
    RTA_ISA_SCALAR = 0, /* plain C++, any machine */
    RTA_ISA_NEON = 1,   /* AArch64: 4 lanes */
    RTA_ISA_AVX2 = 2,   /* x86-64 with AVX2 and FMA: 8 lanes */
    RTA_ISA_AVX512 = 3, /* x86-64 with AVX-512F besides: 16 lanes */
    RTA_ISA_COUNT = 4,
} rta_isa;

const char *rta_isa_name(rta_isa isa);   /* "scalar", "neon", "avx2", "avx512"; NULL for none */
bool rta_isa_available(rta_isa isa);     /* built in, and supported by processor and operating system */
rta_isa rta_isa_best(void);              /* the fastest available */

#ifdef __cplusplus
}
#endif
#endif
