/* SPDX-License-Identifier: Apache-2.0
 *
 * A pause that neither cancelling nor a deadline cuts short: for those who wait until others have let go of memory.
 */
#ifndef CORE_MOD_FIRM_H
#define CORE_MOD_FIRM_H

#include <busbar/types.h>

/* In a task. BB_E_IO when no timer can be had. */
BB_AWAIT bb_err firm_sleep(int64_t ms);

#endif
