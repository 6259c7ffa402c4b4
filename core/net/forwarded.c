/* SPDX-License-Identifier: Apache-2.0
 *
 * Who the peer is when trusted proxies stand in between: X-Forwarded-For from the right, up to the first address that
 * is none of ours, and X-Forwarded-Proto. Anybody else's headers of these names mean nothing.
 */
#include "base/arena.h"
#include "base/str.h"
#include "net/request.h"
#include <arpa/inet.h>

/* "192.0.2.1", "192.0.2.1:4711", "2001:db8::1", "[2001:db8::1]:4711" as a plain address; BB_NONE for anything else. */
static bb_str plain_address(bb_str text)
{
        unsigned char bytes[16];
        ptrdiff_t end;
        const char *c;

        if (text.len > 0 && text.ptr[0] == '[') {
                end = str_find(text, ']');
                text = end > 0 ? str_sub(text, 1, (size_t)end - 1) : BB_NONE;
        } else if ((end = str_find(text, ':')) > 0 && str_find(str_sub(text, (size_t)end + 1, text.len), ':') < 0) {
                text = str_sub(text, 0, (size_t)end);
        }
        if (text.len == 0 || text.len > 45)
                return BB_NONE;
        c = bb_str_c(text);
        if (inet_pton(AF_INET, c, bytes) != 1 && inet_pton(AF_INET6, c, bytes) != 1)
                return BB_NONE;
        return bb_cstr(c);
}

static bb_str last_part(bb_str *list)
{
        size_t at = list->len;
        bb_str part;

        while (at > 0 && list->ptr[at - 1] != ',')
                at--;
        part = str_trim(str_sub(*list, at, list->len));
        list->len = at > 0 ? at - 1 : 0;
        return part;
}

static bb_str first_untrusted(bb_str list, bb_str peer)
{
        while (list.len > 0) {
                bb_str address = plain_address(last_part(&list));

                if (address.ptr == NULL) /* ill-formed: the last proxy that we trust is all that we know */
                        return peer;
                peer = address;
                if (!router_world.trusted_proxy(peer))
                        return peer;
        }
        return peer;
}

void request_find_peer(struct bb_request *req)
{
        bb_str proto, list;

        if (!req->via_proxy)
                return;
        list = request_header(req, "x-forwarded-for");
        if (list.ptr != NULL) { /* it is the proxy's, not its client's */
                req->wire->client_certificate_name = BB_NONE;
                req->wire->client_chain = BB_NONE;
        }
        req->remote = first_untrusted(list, req->wire->remote);
        req->wire->remote = req->remote; /* a WebSocket keeps it */
        proto = request_header(req, "x-forwarded-proto");
        if (proto.ptr != NULL)
                req->is_tls = str_eq_nocase(last_part(&proto), BB_STR("https"));
}
