/* SPDX-License-Identifier: Apache-2.0
 *
 * Outbound HTTP for plugins: libcurl's multi interface on the event loop, a task per request waiting for it.
 */
#ifndef CORE_NET_CLIENT_H
#define CORE_NET_CLIENT_H

#include <busbar/http.h>

/* BB_E_INVALID (URL, header), BB_E_DENIED (BB_FETCH_FOREIGN and an address that is not public), BB_E_TIMEOUT,
 * BB_E_UNAVAILABLE (name, connection, TLS), BB_E_PROTOCOL, BB_E_LIMIT (answer too long), BB_E_BUSY, BB_E_CANCELED. An
 * answer of any status is BB_OK. A GET or HEAD follows up to five redirects, unless it is foreign. */
BB_AWAIT bb_err client_fetch(const struct bb_fetch *, struct bb_fetch_answer *ret);
size_t client_count(void); /* requests under way */
/* Closes kept connections. Every fetch must have ended. */
void client_close(void);

#endif
