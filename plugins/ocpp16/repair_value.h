/* SPDX-License-Identifier: Apache-2.0
 *
 * One value against one field: does it fit, and what do the rules make of it. Inside of repair.c.
 */
#ifndef OCPP16_REPAIR_VALUE_H
#define OCPP16_REPAIR_VALUE_H

#include "repair.h"

/* What a field takes when the specification's limit is given up; the domain's columns have room for it. */
enum { WIDE_TEXT_CHARS = 255 };

int32_t value_fits(const struct bb_field *, const bb_json *);
/* Text for an enumeration that has no such name: as it is, or in another spelling. */
int32_t value_is_unlisted(const struct bb_field *, const bb_json *);

/* A mended value, or NULL when this is not for it. */
typedef bb_json *value_mend(const struct repair *, const struct bb_field *, const bb_json *);
value_mend value_number_as_text, value_text_as_number, value_rounded;
value_mend value_date_form, value_date_without_zone, value_date_as_number;
value_mend value_unit_spelling, value_enum_spelling, value_enum_stand_in, value_cut;

#endif
