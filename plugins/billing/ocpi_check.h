/* SPDX-License-Identifier: Apache-2.0
 *
 * What can be said about a tariff without a session: what cannot be computed, and what hardly is what was meant.
 */
#ifndef BILLING_OCPI_CHECK_H
#define BILLING_OCPI_CHECK_H

#include "ocpi.h"

void remark_error(struct ocpi_remarks *, bb_str path, bb_str text);
void remark_warning(struct ocpi_remarks *, bb_str path, bb_str text);
void tariff_check(const struct tariff *, struct ocpi_remarks *);

#endif
