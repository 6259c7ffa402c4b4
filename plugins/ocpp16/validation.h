/* SPDX-License-Identifier: Apache-2.0
 *
 * How strictly a station's messages are checked: the tenant's option, or the first rule that fits what the station said
 * of itself at its boot.
 */
#ifndef OCPP16_VALIDATION_H
#define OCPP16_VALIDATION_H

#include "repair.h"
#include "station.h"

struct frame;
struct options;

struct validation_rule {
        uint64_t present;
        bb_str vendor, model; /* a '*' at the end stands for anything; model absent: each of the vendor's */
        bb_str zone;          /* of dates without one; absent: the tenant's option */
        int32_t level;        /* LEVEL_… */
        int32_t reserved;
};
extern const struct bb_shape ValidationRule BB_HIDDEN;

struct validation {
        int32_t level; /* LEVEL_… */
        int32_t reserved;
        bb_str zone;
};

/* The index of the first rule that fits, -1: none does. Upper and lower case are the same. */
int32_t validation_match(const struct options *, bb_str vendor, bb_str model);
struct validation validation_at(const struct options *, int32_t rule);

/* NULL, or what is wrong with the options. */
const char *validation_check(const struct options *);

/* The station said at its boot what it is: remembered with the connection. */
void validation_learn(struct station *, bb_str vendor, bb_str model);

/* After a fault: mends the payload of `action` as far as the station's level goes, and decodes it. BB_E_INVALID: what
 * is left is in *why. Asks the domain for the station's model when this connection has not told it yet: other errors
 * are the domain's. */
BB_AWAIT bb_err validation_mend(struct station *, const char *action, const struct bb_shape *, const bb_json *payload,
                                void *ret_message, struct bb_fault *why);
/* Is a message id that is too long taken from this station? */
BB_AWAIT bb_err validation_takes_long_id(struct station *, const char *action, const struct bb_shape *,
                                         const bb_json *payload, int32_t *ret);

#endif
