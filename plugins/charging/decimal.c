/* SPDX-License-Identifier: Apache-2.0
 *
 * Exact decimals as stations write them: the host's.
 */
#include "decimal.h"
#include <busbar/shape.h>

bb_err decimal_scaled(bb_str text, int32_t scale, int64_t *ret)
{
        return bb_decimal(text, scale, ret);
}
