/* SPDX-License-Identifier: Apache-2.0
 *
 * Pages of lists whose items are found by a UUID.
 */
#ifndef OCPP16_PAGE_H
#define OCPP16_PAGE_H

#include <busbar/db.h>
#include <busbar/http.h>

int32_t is_uuid(bb_str);

/* A list of all stations, or of the one that the route's {id} names: BB_E_NOT_FOUND when there is none. */
struct page {
        bb_str station, after; /* BB_NONE: all; from the start */
        size_t limit;
};
/* bb_page() for a list by UUIDs: a cursor that is none is another list's, and answered with 400. */
bb_err page_by_uuid(bb_request *, bb_response *, size_t *ret_limit, bb_str *ret_after);
BB_AWAIT bb_err page_of(bb_request *, bb_response *, struct page *ret);
/* The id is the first column. */
void page_send(bb_response *, const struct page *, const bb_rows *, bb_json *(*row)(const bb_rows *, size_t));

#endif
