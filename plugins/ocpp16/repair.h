/* SPDX-License-Identifier: Apache-2.0
 *
 * What can be made of a payload that breaks the specification: named rules, each from a level of validation on. Pure;
 * knows no station. A payload that fits its shape never gets here.
 */
#ifndef OCPP16_REPAIR_H
#define OCPP16_REPAIR_H

#include <busbar/shape.h>

enum { LEVEL_STRICT = 0, LEVEL_TOLERANT = 1, LEVEL_REPAIR = 2 };
extern const char *const level_names[] BB_HIDDEN;

/* In the order in which they are tried. */
enum {
        RULE_LONG_ID,
        RULE_UNKNOWN_MEMBER,
        RULE_NULL_MEMBER,
        RULE_MISSING_MEMBER,
        RULE_SINGLE_AS_LIST,
        RULE_EMPTY_LIST,
        RULE_NUMBER_AS_TEXT,
        RULE_TEXT_AS_NUMBER,
        RULE_NUMBER_ROUNDED,
        RULE_DATE_FORM,
        RULE_DATE_WITHOUT_ZONE,
        RULE_DATE_AS_NUMBER,
        RULE_UNIT_SPELLING,
        RULE_ENUM_SPELLING,
        RULE_ENUM_STAND_IN,
        RULE_LONG_TEXT,
        RULE_EMPTY_OPTIONAL,
        RULE_KEPT_AS_TEXT,
        RULE_LEFT_OUT,
        RULE_ITEM_LEFT_OUT,
        REPAIR_RULES /* how many */
};

/* NULL for an index that is none. */
const char *repair_rule_name(int32_t rule);
/* A sentence for people; "" for a name that no rule has (any more). */
const char *repair_rule_about(bb_str name);

struct repair {
        int32_t level; /* LEVEL_… */
        int32_t money; /* set by repair_decode: the message carries money */
        bb_str zone;   /* IANA name, of dates without a zone */
        int64_t count[REPAIR_RULES];
        bb_str example[REPAIR_RULES]; /* the first one of each rule, masked */
};

/* Start, stop and samples: they are taken at each level as long as what is owed can be read from them. */
int32_t repair_is_money(const struct bb_shape *);

/* Mends the payload as far as the level allows, and decodes it. BB_E_INVALID with the fault that is left; what was
 * counted means nothing then. One pass over the payload, so that its cost is that of the message's length. */
bb_err repair_decode(struct repair *, const struct bb_shape *, const bb_json *payload, void *ret_message,
                     struct bb_fault *ret_fault);

#endif
