/* SPDX-License-Identifier: Apache-2.0
 *
 * Versions of objects in requests and answers: If-Match and If-None-Match (RFC 9110 §13). A gzip'ed answer carries the
 * tag with "-gzip" at its end; both forms name the same version when a caller sends them back.
 */
#include "base/str.h"
#include "net/request.h"

#define GZIP_SUFFIX "-gzip"

/* Takes one entity-tag off the list; 0 at its end or at what is none. */
static int next_tag(bb_str *list, bb_str *ret_tag, int *ret_weak)
{
        bb_str rest = *list;
        ptrdiff_t end;

        while (rest.len > 0 && (rest.ptr[0] == ',' || rest.ptr[0] == ' ' || rest.ptr[0] == '\t'))
                rest = str_sub(rest, 1, rest.len);
        *ret_weak = str_starts(rest, BB_STR("W/"));
        if (*ret_weak)
                rest = str_sub(rest, 2, rest.len);
        if (rest.len == 0 || rest.ptr[0] != '"')
                return 0;
        rest = str_sub(rest, 1, rest.len);
        end = str_find(rest, '"');
        if (end < 0)
                return 0;
        *ret_tag = str_sub(rest, 0, (size_t)end);
        *list = str_sub(rest, (size_t)end + 1, rest.len);
        return 1;
}

int etag_in_list(bb_str list, bb_str tag, int weak)
{
        bb_str item;
        int is_weak;

        if (tag.ptr == NULL)
                return 0;
        list = str_trim(list);
        if (bb_str_is(list, "*"))
                return 1;
        while (next_tag(&list, &item, &is_weak)) {
                if (is_weak && !weak)
                        continue;
                if (!bb_str_eq(item, tag) && str_ends(item, BB_STR(GZIP_SUFFIX)))
                        item.len -= strlen(GZIP_SUFFIX);
                if (bb_str_eq(item, tag))
                        return 1;
        }
        return 0;
}

static int is_tag(bb_str tag)
{
        for (size_t i = 0; i < tag.len; i++) {
                unsigned char c = (unsigned char)tag.ptr[i];

                if (c <= ' ' || c == '"' || c == 0x7f)
                        return 0;
        }
        return 1;
}

static void set_tag(struct bb_response *res, bb_str tag)
{
        response_set_header(res, "ETag", bb_print("\"%.*s\"", BB_FMT(tag)));
}

static bb_err check_read(const struct bb_request *req, struct bb_response *res, bb_str tag)
{
        bb_str none_match = request_header(req, "if-none-match");

        bb_str packed = bb_print("%.*s" GZIP_SUFFIX, BB_FMT(tag));

        if (tag.ptr == NULL)
                return BB_OK;
        set_tag(res, tag);
        if (none_match.ptr == NULL || !etag_in_list(none_match, tag, 1))
                return BB_OK;
        res->not_modified = 1;
        if (etag_in_list(none_match, packed, 1) && !bb_str_is(none_match, "*"))
                set_tag(res, packed); /* the form that the caller has */
        return BB_OK;
}

static bb_err check_change(const struct bb_request *req, struct bb_response *res, bb_str tag)
{
        bb_str match = request_header(req, "if-match"), none_match = request_header(req, "if-none-match");

        if (match.ptr != NULL && !etag_in_list(match, tag, 0))
                return problem_set(res, BB_E_PRECONDITION, 412, "precondition-failed",
                                   BB_STR("The object has another version than If-Match says; read it again."));
        if (none_match.ptr != NULL && etag_in_list(none_match, tag, 1))
                return problem_set(res, BB_E_PRECONDITION, 412, "precondition-failed",
                                   BB_STR("If-None-Match asks for this only when the object is not there yet."));
        if (match.ptr == NULL && tag.ptr != NULL && (req->route->flags & BB_ROUTE_IF_MATCH))
                return problem_set(res, BB_E_PRECONDITION, 428, "precondition-required",
                                   BB_STR("Send If-Match with the object's ETag, or \"*\"."));
        return BB_OK;
}

bb_err etag_check(struct bb_request *req, struct bb_response *res, bb_str tag)
{
        /* A POST that makes something has no version to match; one about an object may name it. */
        int changes = request_is(req, "PUT") || request_is(req, "PATCH") || request_is(req, "DELETE") ||
                      (request_is(req, "POST") && request_header(req, "if-match").ptr != NULL);

        if (!is_tag(tag))
                return problem_set(res, BB_E_INTERNAL, 500, NULL, BB_NONE);
        if (request_is(req, "GET") || request_is(req, "HEAD"))
                return check_read(req, res, tag);
        if (changes && !req->precondition_seen) {
                req->precondition_seen = 1;
                return check_change(req, res, tag);
        }
        if (tag.ptr != NULL)
                set_tag(res, tag);
        return BB_OK;
}
