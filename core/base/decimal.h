/* SPDX-License-Identifier: Apache-2.0
 *
 * Exact decimals from text.
 */
#ifndef CORE_BASE_DECIMAL_H
#define CORE_BASE_DECIMAL_H

#include <busbar/types.h>

/* As bb_decimal (shape.h). */
bb_err decimal_parse(bb_str text, int32_t scale, int64_t *ret);

#endif
