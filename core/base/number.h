/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers as text, as JSON and Prometheus write them.
 */
#ifndef CORE_BASE_NUMBER_H
#define CORE_BASE_NUMBER_H

#include "base/buf.h"

void number_add_int(struct buf *, int64_t);
/* The shortest text that reads back as the same double; what is not finite becomes null. */
void number_add_real(struct buf *, double);
/* value / 10^scale without trailing zeros: (1250, 2) is 12.5. */
void number_add_decimal(struct buf *, int64_t value, int scale);
/* The shortest text into `ret` (32 bytes); returns its length. */
size_t number_shortest(double, char *ret);

#endif
