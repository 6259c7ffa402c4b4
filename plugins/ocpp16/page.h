/* SPDX-License-Identifier: Apache-2.0
 *
 * Pages of lists whose items are found by a UUID.
 */
#ifndef OCPP16_PAGE_H
#define OCPP16_PAGE_H

#include <busbar/http.h>

int32_t is_uuid(bb_str);
/* bb_page() for such a list: a cursor that is no UUID is another list's, and answered with 400. */
bb_err page_by_uuid(bb_request *, bb_response *, size_t *ret_limit, bb_str *ret_after);

#endif
