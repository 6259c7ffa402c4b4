/* SPDX-License-Identifier: Apache-2.0
 *
 * Signed meter values for a CDR (OCPI §mod_cdrs_signed_data_class). What a meter has signed is worth nothing when a
 * byte of it changes: values are taken as the station sent them, never parsed and written again.
 */
#ifndef BILLING_CDR_SIGNED_H
#define BILLING_CDR_SIGNED_H

#include <busbar/charging.h>

struct cdr_signed_value {
        uint64_t present;
        bb_str nature;      /* "Start", "End", "Intermediate" */
        bb_str plain_data;  /* what the signature covers, where it can be told */
        bb_str signed_data; /* the bytes that were sent. OCPI wants base64 on the wire: that is for who sends it */
};
struct cdr_signed {
        uint64_t present;
        bb_str encoding_method; /* "OCMF", or as the station names it; "unknown" */
        int64_t encoding_method_version;
        bb_str public_key, url;
        struct bb_array signed_values; /* of struct cdr_signed_value */
};
extern const struct bb_shape CdrSignedData BB_HIDDEN;

/* NULL: none of the samples is signed. In the task's memory; strings are the samples'. */
struct cdr_signed *cdr_signed_of(const struct bb_sample *, size_t count);

#endif
