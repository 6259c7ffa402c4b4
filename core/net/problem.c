/* SPDX-License-Identifier: Apache-2.0
 *
 * Problems (RFC 9457): what a caller reads when something is refused. The sentences here are for bare error codes; a
 * handler that knows more says it with bb_problem().
 */
#include "base/arena.h"
#include "net/http1_parse.h"
#include "net/request.h"
#include <stdlib.h>
#include <sys/random.h>

struct problem_kind {
        bb_err err;
        int32_t status;
        const char *code, *detail;
};

static const struct problem_kind problem_kinds[] = {
        {BB_E_INVALID, 400, "invalid-request", "The request is not valid."},
        {BB_E_NOT_FOUND, 404, "not-found", "There is nothing at this address."},
        {BB_E_EXISTS, 409, "already-exists", "An object with this identity exists already."},
        {BB_E_CONFLICT, 409, "conflict", "The object's present state does not allow this."},
        {BB_E_UNAUTHORIZED, 401, "unauthorized", "Valid credentials are needed."},
        {BB_E_DENIED, 403, "forbidden", "These credentials do not allow this."},
        {BB_E_TIMEOUT, 504, "timeout", "No answer came in time; whether the request took effect is not known."},
        {BB_E_CANCELED, 503, "restarting", "The request was interrupted by a restart; please try again."},
        {BB_E_UNAVAILABLE, 503, "unavailable", "A service that this needs is away; please try again."},
        {BB_E_LIMIT, 429, "limit-reached", "A limit is reached; please try again later."},
        {BB_E_PROTOCOL, 502, "bad-gateway", "The other side broke its protocol."},
        {BB_E_IO, 500, "internal", "Something went wrong on our side."},
        {BB_E_CLOSED, 503, "unavailable", "A connection that this needs was closed; please try again."},
        {BB_E_BUSY, 503, "busy", "Too much is waiting already; please try again."},
        {BB_E_UNSUPPORTED, 501, "not-supported", "This is not supported here."},
        {BB_E_PRECONDITION, 412, "precondition-failed", "The object has changed since it was read."},
        {BB_E_INTERNAL, 500, "internal", "Something went wrong on our side."},
        {BB_E_OFFLINE, 409, "station-offline", "The station is not connected."},
        {BB_E_REJECTED, 409, "rejected", "The other side understood the request and refused it."},
};

static const struct problem_kind *kind_of(bb_err err)
{
        static const struct problem_kind unknown = {BB_E_INTERNAL, 500, "internal",
                                                    "Something went wrong on our side."};

        for (size_t i = 0; i < BB_COUNT(problem_kinds); i++)
                if (problem_kinds[i].err == err)
                        return &problem_kinds[i];
        return &unknown;
}

/* 64 random bits as hex: finds the request's line in the log, and tells nothing. */
void trace_new(char ret[17])
{
        static const char digits[] = "0123456789abcdef";
        uint8_t bytes[8];

        if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
                abort(); /* not possible for so few bytes once the kernel has booted */
        for (size_t i = 0; i < sizeof(bytes); i++) {
                ret[2 * i] = digits[bytes[i] >> 4];
                ret[2 * i + 1] = digits[bytes[i] & 15];
        }
        ret[16] = '\0';
}

bb_err problem_set(struct bb_response *res, bb_err err, int32_t status, const char *code, bb_str detail)
{
        const struct problem_kind *kind = kind_of(err);

        res->has_problem = 1;
        res->problem.err = err;
        res->problem.status = status >= 400 && status <= 599 ? status : kind->status;
        res->problem.code = code != NULL ? code : kind->code;
        res->problem.detail = detail.len > 0 ? bb_str_dup(detail) : bb_cstr(kind->detail);
        return err;
}

void problem_from_err(struct bb_response *res, bb_err err)
{
        problem_set(res, err, 0, NULL, BB_NONE);
}

void problem_field(struct bb_response *res, bb_str pointer, bb_str detail)
{
        bb_json *entry = bb_json_new_object();

        if (res->errors == NULL)
                res->errors = bb_json_new_array();
        bb_json_set_str(entry, "pointer", pointer.ptr != NULL ? pointer : BB_STR(""));
        bb_json_set_str(entry, "detail", detail);
        bb_json_append(res->errors, entry);
}

bb_str problem_text(int32_t status, const char *code, bb_str detail, bb_json *errors, const char *trace)
{
        bb_json *p = bb_json_new_object();

        bb_json_set_str(p, "type", bb_print("urn:busbar:problem:%s", code));
        bb_json_set_str(p, "title", bb_cstr(http1_reason(status)));
        bb_json_set_int(p, "status", status);
        bb_json_set_str(p, "detail", detail);
        bb_json_set_str(p, "code", bb_cstr(code));
        bb_json_set(p, "errors", errors);
        bb_json_set_str(p, "trace_id", bb_cstr(trace));
        return bb_json_text(p);
}

/* Headers that described the answer which the problem replaces. */
static const char *const dropped_headers[] = {"ETag",          "Location",      "Content-Disposition",
                                              "Cache-Control", "Accept-Ranges", "Last-Modified"};

void problem_render(struct bb_response *res)
{
        for (size_t i = 0; i < BB_COUNT(dropped_headers); i++)
                response_remove_header(res, dropped_headers[i]);
        res->status = res->problem.status;
        res->not_modified = 0;
        res->content_type = "application/problem+json";
        res->body = problem_text(res->problem.status, res->problem.code, res->problem.detail, res->errors,
                                 res->request->trace);
        /* Spread over ten seconds, so that those who were turned away together do not come back together. */
        if ((res->status == 503 || res->status == 429) && response_header(res, "Retry-After").ptr == NULL)
                response_set_header(res, "Retry-After", bb_print("%d", 1 + (int)(res->request->trace[0] % 10)));
}
