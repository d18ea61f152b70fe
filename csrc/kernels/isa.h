/* SPDX-License-Identifier: Apache-2.0
 *
 * isa.h: the instruction sets that numeric kernels are built for, and which of them this machine runs. A kernel gives
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
    RTA_ISA_AVX2 = 1,   /* x86-64 with AVX2 and FMA: 8 lanes */
    RTA_ISA_COUNT = 2,
} rta_isa;

const char *rta_isa_name(rta_isa isa);   /* "scalar", "avx2"; NULL for what is none */
bool rta_isa_available(rta_isa isa);     /* built in, and supported by processor and operating system */
rta_isa rta_isa_best(void);              /* the fastest available */

#ifdef __cplusplus
}
#endif
#endif
