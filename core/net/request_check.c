/* SPDX-License-Identifier: Apache-2.0
 *
 * What a request's query and body must be before a handler sees it: declared parameters only, JSON where JSON is due,
 * and the shape of the route. Every refusal names what is wrong.
 */
#include "base/arena.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "net/request.h"
#include "rt/task.h"

#define LIST_LIMIT 200

/* --- query --- */

static const struct bb_query_param list_params[] = {
        {.name = "limit", .type = BB_T_INT, .about = "How many items at most."},
        {.name = "cursor", .type = BB_T_STR, .about = "next_cursor of the page before."},
};

/* Finds the declaration of a parameter: the route's own, then those of lists. */
static int find_declared(const struct bb_route *route, bb_str name, struct bb_query_param *ret, int *ret_is_limit)
{
        *ret_is_limit = 0;
        for (uint32_t i = 0; i < route->query_count; i++) {
                *ret = route_query(route, i);
                if (bb_str_is(name, ret->name))
                        return 1;
        }
        if (!(route->flags & BB_ROUTE_LIST))
                return 0;
        for (size_t i = 0; i < BB_COUNT(list_params); i++) {
                *ret = list_params[i];
                *ret_is_limit = i == 0;
                if (bb_str_is(name, ret->name))
                        return 1;
        }
        return 0;
}

static int in_values(const char *const *values, bb_str text)
{
        for (; values != NULL && *values != NULL; values++)
                if (bb_str_is(text, *values))
                        return 1;
        return 0;
}

/* NULL, or how the value must be. */
static const char *value_fault(const struct bb_query_param *p, int is_limit, bb_str value)
{
        int64_t number;

        switch (p->type) {
        case BB_T_INT:
                if (str_to_int(value, &number) < 0)
                        return "must be an integer";
                return is_limit && (number < 1 || number > LIST_LIMIT) ? "must be from 1 to 200" : NULL;
        case BB_T_BOOL:
                return bb_str_is(value, "true") || bb_str_is(value, "false") ? NULL : "must be true or false";
        case BB_T_TIME:
                return time_parse(value, &number) < 0 ? "must be an RFC 3339 time, with %2B for a plus" : NULL;
        case BB_T_ENUM:
                return in_values(p->values, value) ? NULL : "must be one of the values that the description lists";
        default:
                return NULL;
        }
}

static bb_err query_problem(struct bb_request *req, bb_str name, const char *fault)
{
        bb_str detail = bb_print("The query parameter \"%.*s\" %s.", BB_FMT(str_sub(name, 0, 100)), fault);

        if (!str_utf8_valid(detail)) /* cut within a character */
                detail = bb_print("A query parameter %s.", fault);
        return problem_set(&req->response, BB_E_INVALID, 400, "invalid-parameter", detail);
}

static bb_err decode_part(struct bb_request *req, bb_str raw, bb_str *ret)
{
        char *text = arena_alloc(arena_current, raw.len + 1);
        size_t len = 0;

        *ret = BB_STR("");
        if (str_percent_decode(raw, 1, text, &len) == BB_OK) {
                *ret = (bb_str){.ptr = text, .len = len};
                if (str_utf8_valid(*ret))
                        return BB_OK;
        }
        return problem_set(&req->response, BB_E_INVALID, 400, "invalid-parameter",
                           BB_STR("The query is not well-formed percent-encoded UTF-8."));
}

static bb_err take_parameter(struct bb_request *req, bb_str part)
{
        struct bb_query_param declared = {.name = NULL};
        ptrdiff_t equals = str_find(part, '=');
        bb_str name = equals < 0 ? part : str_sub(part, 0, (size_t)equals), value = BB_STR("");
        const char *fault;
        int is_limit;

        TRY(decode_part(req, name, &name));
        if (equals >= 0)
                TRY(decode_part(req, str_sub(part, (size_t)equals + 1, part.len), &value));
        if (!find_declared(req->route, name, &declared, &is_limit))
                return query_problem(req, name, "is not known here");
        if (request_query(req, declared.name).ptr != NULL)
                return query_problem(req, name, "is given more than once");
        fault = value_fault(&declared, is_limit, value);
        if (fault != NULL)
                return query_problem(req, name, fault);
        /* The number of declared parameters bounds this, since none comes twice. */
        req->queries[req->query_count++] = (struct request_pair){.name = name, .value = value};
        return BB_OK;
}

bb_err request_check_query(struct bb_request *req)
{
        const struct bb_route *route = req->route;
        bb_str rest = req->raw_query, part;

        req->queries = BB_NEW_ARRAY(struct request_pair, route->query_count + BB_COUNT(list_params));
        while (rest.len > 0 && str_split(&rest, '&', &part))
                if (part.len > 0)
                        TRY(take_parameter(req, part));
        for (uint32_t i = 0; i < route->query_count; i++) {
                struct bb_query_param p = route_query(route, i);

                if ((p.flags & BB_REQUIRED) && request_query(req, p.name).ptr == NULL)
                        return query_problem(req, bb_cstr(p.name), "is required");
        }
        return BB_OK;
}

/* --- body --- */

/* However long it takes: the wire ends what comes too slowly. */
BB_AWAIT bb_err request_read(struct bb_request *req, void *buffer, size_t room, size_t *ret_count)
{
        enum { AFTERWARDS_MS = 60000 };
        bb_err err;

        task_set_timeout(0);
        err = http_request_read(req->wire, buffer, room, ret_count);
        task_set_timeout(AFTERWARDS_MS);
        return err;
}

static int charset_is_utf8(bb_str parameter)
{
        ptrdiff_t equals = str_find(parameter, '=');
        bb_str value;

        if (equals < 0 || !str_eq_nocase(str_trim(str_sub(parameter, 0, (size_t)equals)), BB_STR("charset")))
                return 1; /* other parameters mean nothing for JSON */
        value = str_trim(str_sub(parameter, (size_t)equals + 1, parameter.len));
        if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
                value = str_sub(value, 1, value.len - 2);
        return str_eq_nocase(value, BB_STR("utf-8"));
}

static int is_json_type(bb_str content_type)
{
        bb_str rest = content_type, part;

        if (content_type.ptr == NULL)
                return 1;
        if (!str_split(&rest, ';', &part) || !str_eq_nocase(str_trim(part), BB_STR("application/json")))
                return 0;
        while (str_split(&rest, ';', &part))
                if (!charset_is_utf8(str_trim(part)))
                        return 0;
        return 1;
}

static bb_err parse_body(struct bb_request *req, struct bb_response *res)
{
        struct bb_fault fault = {.kind = 0};
        bb_str body = req->wire->body;

        if (req->json != NULL)
                return BB_OK;
        if (body.len == 0) /* as if it were an empty object: what is missing is then named */
                body = BB_STR("{}");
        if (bb_json_parse(body, &req->json, &fault) == BB_OK)
                return BB_OK;
        req->json = NULL;
        return problem_set(res, BB_E_INVALID, 400, "malformed-json", bb_print("The body %.*s.", BB_FMT(fault.text)));
}

static bb_err decode_body(struct bb_request *req, const struct bb_shape *shape, void *ret, struct bb_response *res)
{
        struct bb_fault fault = {.kind = 0};

        TRY(parse_body(req, res));
        if (bb_shape_decode(shape, req->json, ret, &fault) == BB_OK)
                return BB_OK;
        problem_field(res, fault.path, fault.text);
        return problem_set(res, BB_E_INVALID, 422, "invalid-body",
                           BB_STR("The body is JSON, but not what is expected here; see errors."));
}

bb_err request_decode(struct bb_request *req, const struct bb_shape *shape, void *ret_struct, struct bb_response *res)
{
        if (shape == req->route->request && req->decoded != NULL) {
                memcpy(ret_struct, req->decoded, shape->struct_size);
                return BB_OK;
        }
        return decode_body(req, shape, ret_struct, res);
}

bb_err request_check_body(struct bb_request *req)
{
        const struct bb_route *route = req->route;
        void *decoded;

        if (route->flags & (BB_ROUTE_RAW_BODY | BB_ROUTE_STREAM_BODY | BB_ROUTE_WEBSOCKET))
                return BB_OK;
        if (req->wire->body.len > 0 && !is_json_type(request_header(req, "content-type")))
                return problem_set(&req->response, BB_E_INVALID, 415, "unsupported-media-type",
                                   BB_STR("The body must be application/json, in UTF-8."));
        if (route->request == NULL)
                return BB_OK;
        decoded = bb_alloc(route->request->struct_size);
        TRY(decode_body(req, route->request, decoded, &req->response));
        req->decoded = decoded;
        return BB_OK;
}
