/* SPDX-License-Identifier: Apache-2.0
 *
 * The strict HTTP/1.1 parser (RFC 9110, RFC 9112): pure functions over bytes, no sockets, no memory of its own. A
 * header block is first found whole (http1_scan), then parsed in one pass. Whatever two readers could understand
 * differently is refused, since that is what requests are smuggled with.
 */
#ifndef CORE_NET_HTTP1_PARSE_H
#define CORE_NET_HTTP1_PARSE_H

#include <busbar/http.h>

enum { HTTP1_MAX_HEAD = 16 * 1024, HTTP1_MAX_LINE = 8 * 1024, HTTP1_MAX_FIELDS = 100 };

/* What is wrong: the status to answer with, a constant code for problem+json, a sentence. */
struct http1_fault {
        int32_t status;
        const char *code, *detail;
};

/* Looks for the end of a header block as its bytes arrive. Zero it first. */
struct http1_scan {
        size_t at;    /* bytes looked at */
        size_t start; /* where the first line begins: 2 after an empty line */
        size_t line;  /* where the current line begins */
        size_t lines;
};
/* Length up to the end of the empty line; 0: more is needed; -1: a fault. `data` is everything from the start on. */
ptrdiff_t http1_scan(struct http1_scan *, const char *data, size_t len, struct http1_fault *ret);

struct http1_head {
        bb_str method, target; /* origin-form, or "*" */
        bb_str host; /* lower case, no port, no trailing dot, IPv6 in brackets; empty: HTTP/1.0 without Host */
        bb_str authority;
        size_t header_count;
        int64_t content_length; /* -1: none */
        int32_t status;         /* of an answer */
        int32_t minor_version, chunked, keep_alive, expect_continue, has_upgrade;
};
/* `block` is what http1_scan found, from `start` on; it is changed in place (names and the host to lower case) and the
 * results point into it. 0, or -1 and the fault. */
int32_t http1_parse_request(char *block, size_t len, struct bb_http_header headers[HTTP1_MAX_FIELDS],
                            struct http1_head *ret, struct http1_fault *ret_fault);
/* The same for an answer to a handshake of ours: status line and headers. Content-Length and the like are not judged.
 */
int32_t http1_parse_answer(char *block, size_t len, struct bb_http_header headers[HTTP1_MAX_FIELDS],
                           struct http1_head *ret, struct http1_fault *ret_fault);

/* A chunked body, piece by piece. Zero it first. */
struct http1_chunked {
        uint64_t left; /* of the current chunk */
        int32_t state;
        uint32_t digits, line, trailer, trailer_lines;
};
/* Takes what it can from `in`: *ret_used bytes, of which *ret_data are body. 1: the body is complete; 0: call again,
 * with more bytes when all were used; -1: a fault. */
int32_t http1_chunked_take(struct http1_chunked *, bb_str in, size_t *ret_used, bb_str *ret_data,
                           struct http1_fault *ret_fault);

int32_t http1_is_token(bb_str);
/* No control characters but tab, no space around it. */
int32_t http1_is_field_value(bb_str);
/* Is `token` (any case) an element of this comma-separated list? */
int32_t http1_list_has(bb_str list, const char *token);
const char *http1_reason(int32_t status);
/* BB_NONE when absent; the first one. *ret_count (may be NULL): how many there are. */
bb_str http1_header(const struct bb_http_header *, size_t count, const char *name, size_t *ret_count);

#endif
