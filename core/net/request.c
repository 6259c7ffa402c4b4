/* SPDX-License-Identifier: Apache-2.0
 *
 * The request as handlers see it: its path, tenant, route, parameters and headers. What its query and body must be is
 * in request_check.c.
 */
#include "net/request.h"
#include "base/arena.h"
#include "base/str.h"
#include "base/tenant.h"

struct bb_request *request_new(struct http_request *wire)
{
        struct bb_request *req = arena_alloc(arena_current, sizeof(*req));

        req->magic = REQUEST_MAGIC;
        req->wire = wire;
        req->response.magic = RESPONSE_MAGIC;
        req->response.request = req;
        req->remote = wire->remote;
        req->is_tls = wire->is_tls;
        req->via_proxy = router_world.trusted_proxy != NULL && router_world.trusted_proxy(wire->remote);
        list_init(&req->under_way);
        wire->router = req;
        return req;
}

int request_is(const struct bb_request *req, const char *method)
{
        return bb_str_is(req->wire->method, method);
}

/* RFC 9110 §5.3: fields of one name are one list. */
bb_str request_header(const struct bb_request *req, const char *name)
{
        const struct http_request *wire = req->wire;
        bb_str found = BB_NONE;

        for (size_t i = 0; i < wire->header_count; i++) {
                if (!str_eq_nocase(wire->headers[i].name, bb_cstr(name)))
                        continue;
                if (found.ptr == NULL)
                        found = wire->headers[i].value.ptr != NULL ? wire->headers[i].value : BB_STR("");
                else
                        found = arena_print(arena_current, "%.*s, %.*s", BB_FMT(found), BB_FMT(wire->headers[i].value));
        }
        return found;
}

bb_str request_param(const struct bb_request *req, const char *name)
{
        if (req->entry == NULL)
                return BB_NONE;
        for (size_t i = 0; i < req->entry->param_count; i++)
                if (bb_str_is(req->entry->params[i], name))
                        return req->values[i];
        return BB_NONE;
}

bb_str request_query(const struct bb_request *req, const char *name)
{
        for (size_t i = 0; i < req->query_count; i++)
                if (bb_str_is(req->queries[i].name, name))
                        return req->queries[i].value;
        return BB_NONE;
}

/* "stations:read" is in "stations:read", "stations:*" and "*". */
static int scope_covers(bb_str scope, bb_str permission)
{
        if (bb_str_eq(scope, permission) || bb_str_is(scope, "*"))
                return 1;
        return str_ends(scope, BB_STR(":*")) && str_starts(permission, str_sub(scope, 0, scope.len - 1));
}

int32_t request_allowed(const struct bb_request *req, const char *permission)
{
        for (size_t i = 0; i < req->principal.scope_count; i++)
                if (scope_covers(req->principal.scopes[i], bb_cstr(permission)))
                        return 1;
        return 0;
}

bb_str request_base_url(const struct bb_request *req)
{
        bb_str option = BB_NONE;

        if (req->tenant != NULL && router_world.tenant_option != NULL)
                option = router_world.tenant_option(req->tenant, "base_url");
        while (str_ends(option, BB_STR("/")))
                option.len--;
        if (option.len > 0)
                return option;
        return arena_print(arena_current, "%s://%.*s%.*s", req->is_tls ? "https" : "http", BB_FMT(req->wire->authority),
                           BB_FMT(req->prefix));
}

/* --- from the target to the route --- */

/* No name of anything has control characters; what would come of them in a header, a log or a terminal is not left to
 * each handler. */
static int is_text(bb_str s)
{
        for (size_t i = 0; i < s.len; i++)
                if ((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 0x7f)
                        return 0;
        return str_utf8_valid(s);
}

static bb_err decode_segment(bb_str raw, bb_str *ret)
{
        char *text = arena_alloc(arena_current, raw.len + 1);
        size_t len = 0;

        TRY(str_percent_decode(raw, 0, text, &len));
        *ret = (bb_str){.ptr = text, .len = len};
        return is_text(*ret) ? BB_OK : BB_E_INVALID;
}

static void split_target(struct bb_request *req)
{
        bb_str target = req->wire->target;
        ptrdiff_t mark = str_find(target, '?');

        req->raw_query = BB_STR("");
        req->raw_path = target;
        if (mark < 0)
                return;
        req->raw_path = str_sub(target, 0, (size_t)mark);
        req->raw_query = str_sub(target, (size_t)mark + 1, target.len);
}

/* BB_E_NOT_FOUND for what no route can be: too deep, or with dot segments, which are never resolved. */
static bb_err split_path(bb_str path, bb_str *segments, bb_str *raw, size_t *ret_count)
{
        bb_str rest, part;
        size_t count = 0;
        bb_err err = BB_OK;

        if (path.len == 0 || path.ptr[0] != '/')
                return BB_E_INVALID;
        rest = str_sub(path, 1, path.len);
        while (str_split(&rest, '/', &part)) {
                if (count == ROUTE_SEGMENTS + 2)
                        return BB_E_NOT_FOUND;
                raw[count] = part;
                TRY(decode_segment(part, &segments[count]));
                if (bb_str_is(segments[count], ".") || bb_str_is(segments[count], ".."))
                        err = BB_E_NOT_FOUND;
                count++;
        }
        *ret_count = count;
        return err;
}

static bb_str join_segments(const bb_str *segments, size_t count)
{
        size_t len = 0, at = 0;
        char *text;

        for (size_t i = 0; i < count; i++)
                len += segments[i].len + 1;
        text = arena_alloc(arena_current, len + 1);
        for (size_t i = 0; i < count; i++) {
                text[at++] = '/';
                if (segments[i].len > 0)
                        memcpy(text + at, segments[i].ptr, segments[i].len);
                at += segments[i].len;
        }
        return (bb_str){.ptr = text, .len = len};
}

int32_t request_tenant_serves(const struct route_entry *entry, const bb_tenant *tenant)
{
        return entry->who == NULL || router_world.tenant_has(entry->who, tenant);
}

/* A plugin that is enabled but out of order keeps its routes: to a station "not found" means never to come back. */
int32_t request_tenant_sees(const struct route_entry *entry, const void *tenant)
{
        if (request_tenant_serves(entry, tenant))
                return 1;
        return router_world.tenant_enables != NULL && router_world.tenant_enables(entry->who, tenant);
}

static bb_err find_route(struct bb_request *req, const bb_str *segments, size_t count)
{
        struct route_match match = {.entry = NULL};
        bb_err err = routes_match(segments, count, req->wire->method, request_tenant_sees, req->tenant, &match);

        req->allow = match.allow;
        if (err < 0)
                return err;
        req->entry = match.entry;
        req->route = &match.entry->route;
        memcpy(req->values, match.values, sizeof(match.values));
        return BB_OK;
}

/* A proxy speaks for its clients and has looked at their certificates; its own says nothing of them. */
static bb_err check_handshake(struct bb_request *req)
{
        int32_t fit = router_world.tls_fit != NULL ? router_world.tls_fit(req->tenant, req->wire) : ROUTER_TLS_FITS;

        if (fit != ROUTER_TLS_FITS)
                req->wire->client_certificate_name = BB_NONE;
        return fit == ROUTER_TLS_MISDIRECTED && !req->via_proxy ? BB_E_DENIED : BB_OK;
}

/* "/t/<tenant>" or the host; *ret_skip segments are the prefix. The prefix is taken as it is spelled, never decoded: a
 * proxy in front that lets some tenants through compares text. A path that begins with "t" otherwise is nobody's. */
static bb_err find_tenant(struct bb_request *req, const bb_str *segments, const bb_str *raw, size_t count,
                          size_t *ret_skip)
{
        req->prefix = BB_STR("");
        if (!bb_str_is(segments[0], "t")) {
                req->tenant = router_world.tenant_by_host(req->wire->host);
                return req->tenant != NULL ? BB_OK : BB_E_NOT_FOUND;
        }
        if (count < 2 || !bb_str_eq(raw[0], segments[0]) || !bb_str_eq(raw[1], segments[1]))
                return BB_E_NOT_FOUND;
        if (count > 2 && bb_str_is(segments[2], "t"))
                return BB_E_NOT_FOUND;
        req->tenant = router_world.tenant_by_id(segments[1]);
        req->prefix = arena_print(arena_current, "/t/%.*s", BB_FMT(raw[1]));
        *ret_skip = 2;
        return req->tenant != NULL ? BB_OK : BB_E_NOT_FOUND;
}

bb_err request_locate(struct bb_request *req)
{
        static const bb_str root = {.ptr = "", .len = 0};
        bb_str segments[ROUTE_SEGMENTS + 2], raw[ROUTE_SEGMENTS + 2];
        size_t count = 0, skip = 0;

        split_target(req);
        TRY(split_path(req->raw_path, segments, raw, &count));
        TRY(find_tenant(req, segments, raw, count, &skip));
        TRY(check_handshake(req));
        if (count == skip) { /* "/t/<tenant>" alone is its root */
                req->path = BB_STR("/");
                return find_route(req, &root, 1);
        }
        req->path = join_segments(segments + skip, count - skip);
        return find_route(req, segments + skip, count - skip);
}
