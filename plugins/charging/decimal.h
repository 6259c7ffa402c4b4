/* SPDX-License-Identifier: Apache-2.0
 *
 * Exact decimals as stations write them. Pure functions.
 */
#ifndef CHARGING_DECIMAL_H
#define CHARGING_DECIMAL_H

#include <busbar/types.h>

/* "-12.3456e2" times 10^scale as an integer, rounded half away from zero; blanks around it are fine. BB_E_INVALID when
 * it is no number or the result is beyond ±10^15. */
bb_err decimal_scaled(bb_str text, int32_t scale, int64_t *ret);

#endif
