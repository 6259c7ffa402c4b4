/* SPDX-License-Identifier: Apache-2.0
 *
 * A fetch on the inside, for client.c and client_foreign.c alone.
 */
#ifndef CORE_NET_CLIENT_INNER_H
#define CORE_NET_CLIENT_INNER_H

#include "base/buf.h"
#include <busbar/types.h>
#include <curl/curl.h>

struct task;

struct fetch {
        CURL *easy;
        CURLU *url; /* parsed once, so that what was checked is what is asked */
        bb_str host;
        struct curl_slist *headers, *pinned;
        struct task *task;
        struct buf body, head;
        size_t max_answer, header_count;
        int done, too_long, refused;
        CURLcode result;
        char error[CURL_ERROR_SIZE];
};

/* For BB_FETCH_FOREIGN: https, resolves the name, checks every address, pins the connection to them. */
BB_AWAIT bb_err foreign_prepare(struct fetch *);

#endif
