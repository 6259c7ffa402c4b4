/* SPDX-License-Identifier: Apache-2.0
 *
 * A file that comes as a request's body, raw or in a form, goes to the disk piece by piece.
 */
#ifndef OCPP16_RECEIVE_H
#define OCPP16_RECEIVE_H

#include <busbar/http.h>

struct received {
        bb_str file; /* in the tenant's folder; a name of our own */
        bb_str name; /* as the sender calls it; "" when it does not */
        int64_t bytes;
        uint8_t sha256[32];
};

/* The body of a BB_ROUTE_STREAM_BODY route. On an error nothing is left on the disk, and the answer says what is wrong;
 * ret->bytes is how many had come. */
BB_AWAIT bb_err receive_file(bb_request *, bb_response *, const bb_tenant *, int64_t max_bytes, struct received *ret);

/* Where a file of the tenant is. */
bb_str stored_path(const bb_tenant *, bb_str file);
void stored_remove(const bb_tenant *, bb_str file);

#endif
