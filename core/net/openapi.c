/* SPDX-License-Identifier: Apache-2.0
 *
 * OpenAPI 3.1 from the table of routes and their shapes: just what the asking tenant has. The description cannot lag
 * behind the code, because it is the same tables that the router checks requests with.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/map.h"
#include "base/str.h"
#include "base/tenant.h"
#include "net/request.h"
#include <ctype.h>

#ifdef PACKAGE_VERSION
#define API_VERSION PACKAGE_VERSION
#else
#define API_VERSION "1.0.0"
#endif

#define PROBLEM_REF "#/components/responses/Problem"

struct description {
        const bb_tenant *tenant;
        bb_json *paths, *schemas, *tags;
        struct map *operation_ids, *seen_tags;
};

/* Members as name and value in turn, ended by NULL: {"type": "string", …}. */
static bb_json *object_of(const char *name, ...)
{
        bb_json *o = bb_json_new_object();
        va_list args;

        va_start(args, name);
        for (; name != NULL; name = va_arg(args, const char *))
                bb_json_set(o, name, va_arg(args, bb_json *));
        va_end(args);
        return o;
}

static bb_json *text(const char *s)
{
        return s != NULL ? bb_json_new_str(bb_cstr(s)) : NULL;
}

static bb_json *ref(const char *to)
{
        return object_of("$ref", text(to), NULL);
}

static bb_json *array_of(bb_json *only)
{
        bb_json *a = bb_json_new_array();

        if (only != NULL)
                bb_json_append(a, only);
        return a;
}

/* --- parameters --- */

static bb_json *parameter(bb_str name, const char *in, int required, const char *about, bb_json *schema)
{
        return object_of("name", bb_json_new_str(name), "in", text(in), "required", bb_json_new_bool(required),
                         "description", text(about), "schema", schema, NULL);
}

static bb_json *enum_schema(const char *const *values)
{
        bb_json *names = bb_json_new_array();

        for (; values != NULL && *values != NULL; values++)
                bb_json_append(names, text(*values));
        return object_of("type", text("string"), "enum", names, NULL);
}

static bb_json *query_schema(const struct bb_query_param *p)
{
        switch (p->type) {
        case BB_T_INT:
                return object_of("type", text("integer"), "format", text("int64"), NULL);
        case BB_T_BOOL:
                return object_of("type", text("boolean"), NULL);
        case BB_T_TIME:
                return object_of("type", text("string"), "format", text("date-time"), NULL);
        case BB_T_ENUM:
                return enum_schema(p->values);
        default:
                return object_of("type", text("string"), NULL);
        }
}

static bb_json *string_schema(void)
{
        return object_of("type", text("string"), NULL);
}

static void add_query_parameters(bb_json *all, const struct bb_route *route)
{
        for (uint32_t i = 0; i < route->query_count; i++) {
                struct bb_query_param p = route_query(route, i);

                bb_json_append(all,
                               parameter(bb_cstr(p.name), "query", p.flags & BB_REQUIRED, p.about, query_schema(&p)));
        }
        if (!(route->flags & BB_ROUTE_LIST))
                return;
        bb_json_append(all, ref("#/components/parameters/limit"));
        bb_json_append(all, ref("#/components/parameters/cursor"));
}

static bb_json *parameters(const struct route_entry *entry)
{
        const struct bb_route *route = &entry->route;
        bb_json *all = bb_json_new_array();

        for (size_t i = 0; i < entry->param_count; i++)
                bb_json_append(all, parameter(entry->params[i], "path", 1, NULL, string_schema()));
        add_query_parameters(all, route);
        if (route->flags & BB_ROUTE_IDEMPOTENT)
                bb_json_append(all, ref("#/components/parameters/idempotencyKey"));
        if (route->flags & BB_ROUTE_IF_MATCH)
                bb_json_append(all, ref("#/components/parameters/ifMatch"));
        return bb_json_count(all) > 0 ? all : NULL;
}

/* --- bodies --- */

static bb_json *content(const char *type, bb_json *schema)
{
        return object_of(type, object_of("schema", schema, NULL), NULL);
}

static bb_json *request_body(const struct description *d, const struct bb_route *route)
{
        if (route->flags & (BB_ROUTE_RAW_BODY | BB_ROUTE_STREAM_BODY)) {
                if (strcmp(route->method, "GET") == 0 || strcmp(route->method, "DELETE") == 0)
                        return NULL;
                return object_of("required", bb_json_new_bool(1), "content",
                                 object_of("application/octet-stream", bb_json_new_object(), NULL), NULL);
        }
        if (route->request == NULL)
                return NULL;
        return object_of("required", bb_json_new_bool(1), "content",
                         content("application/json", shape_schema(route->request, d->schemas)), NULL);
}

static bb_json *list_schema(bb_json *item)
{
        bb_json *required = array_of(text("items")), *type = array_of(text("string")), *cursor;

        bb_json_append(type, text("null"));
        cursor = object_of("type", type, "description", text("For ?cursor= of the next page; null on the last one."),
                           NULL);
        return object_of(
                "type", text("object"), "required", required, "properties",
                object_of("items", object_of("type", text("array"), "items", item, NULL), "next_cursor", cursor, NULL),
                NULL);
}

static bb_json *success(const struct description *d, const struct bb_route *route)
{
        bb_json *schema = NULL;

        if (route->flags & BB_ROUTE_WEBSOCKET)
                return object_of("description", text("The connection is a WebSocket now."), NULL);
        if (route->response != NULL)
                schema = shape_schema(route->response, d->schemas);
        if (route->flags & BB_ROUTE_LIST)
                schema = list_schema(schema != NULL ? schema : bb_json_new_object());
        return object_of("description", text("Success."), "content",
                         schema != NULL ? content("application/json", schema) : NULL, NULL);
}

static int32_t success_status(const struct bb_route *route)
{
        if (route->flags & BB_ROUTE_WEBSOCKET)
                return 101;
        return route->status != 0 ? route->status : 200;
}

static bb_json *responses(const struct description *d, const struct bb_route *route)
{
        bb_json *all = bb_json_new_object();

        bb_json_set(all, bb_print("%d", success_status(route)).ptr, success(d, route));
        if (route->permission != NULL) {
                bb_json_set(all, "401", ref(PROBLEM_REF));
                bb_json_set(all, "403", ref(PROBLEM_REF));
        }
        bb_json_set(all, "4XX", ref(PROBLEM_REF));
        bb_json_set(all, "default", ref(PROBLEM_REF));
        return all;
}

/* --- operations --- */

/* A segment as a word of an identifier: "charging-profiles" is "ChargingProfiles", "{id}" is "ById". */
static void add_word(struct buf *out, bb_str segment)
{
        int up = 1;

        if (segment.len > 0 && segment.ptr[0] == '{')
                buf_add_c(out, "By");
        for (size_t i = 0; i < segment.len; i++) {
                unsigned char c = (unsigned char)segment.ptr[i];

                if (!isalnum(c)) {
                        up = 1;
                        continue;
                }
                buf_add_char(out, (char)(up ? toupper(c) : c));
                up = 0;
        }
}

/* "listStations", "getStationsById". Without the leading version, which goes to the end when two would be the same. */
static bb_json *operation_id(struct description *d, const struct bb_route *route)
{
        _cleanup_buf_ struct buf id = {.ptr = NULL};
        bb_str rest = bb_cstr(route->path + 1), segment;
        size_t plain;

        if (route->flags & BB_ROUTE_LIST)
                buf_add_c(&id, "list");
        for (const char *c = route->method; id.len < strlen(route->method) && !(route->flags & BB_ROUTE_LIST); c++)
                buf_add_char(&id, (char)tolower((unsigned char)*c));
        while (str_split(&rest, '/', &segment))
                if (!bb_str_is(segment, "v1"))
                        add_word(&id, segment);
        plain = id.len;
        for (int n = 2; map_get(d->operation_ids, buf_str(&id)) != NULL; n++) {
                id.len = plain;
                buf_print(&id, "%d", n);
        }
        map_set(d->operation_ids, buf_str(&id), d);
        return bb_json_new_str(buf_str(&id));
}

static bb_json *security_of(const struct bb_route *route)
{
        if (route->permission == NULL)
                return bb_json_new_array(); /* an empty list: public */
        return array_of(object_of("bearer", bb_json_new_array(), NULL));
}

static const char *tag_of(struct description *d, const struct route_entry *entry)
{
        const char *tag = entry->route.tag;

        if (tag == NULL && entry->who != NULL)
                tag = router_world.plugin_name(entry->who);
        if (tag == NULL)
                tag = "busbar";
        if (map_set(d->seen_tags, bb_cstr(tag), d) == NULL)
                bb_json_append(d->tags, object_of("name", text(tag), NULL));
        return tag;
}

static bb_json *operation(struct description *d, const struct route_entry *entry)
{
        const struct bb_route *route = &entry->route;

        return object_of("operationId", operation_id(d, route), "summary",
                         text(route->summary != NULL ? route->summary : route->path), "tags",
                         array_of(text(tag_of(d, entry))), "security", security_of(route), "x-required-scope",
                         text(route->permission), "parameters", parameters(entry), "requestBody",
                         request_body(d, route), "responses", responses(d, route), NULL);
}

/* "/files/{name...}" is "/files/{name}" here: OpenAPI knows no other way to say it. */
static const char *plain_path(const char *path)
{
        bb_str s = bb_cstr(path);

        if (!str_ends(s, BB_STR("...}")))
                return path;
        return bb_print("%.*s}", BB_FMT(str_sub(s, 0, s.len - 4))).ptr;
}

static void describe(struct route_entry *entry, void *arg)
{
        struct description *d = arg;
        const char *path = plain_path(entry->route.path);
        bb_json *item = bb_json_get(d->paths, path);
        char method[17] = "";

        if (entry->route.flags & BB_ROUTE_HIDDEN || strlen(entry->route.method) >= sizeof(method))
                return;
        if (!request_tenant_sees(entry, d->tenant))
                return;
        for (size_t i = 0; entry->route.method[i] != '\0'; i++)
                method[i] = (char)tolower((unsigned char)entry->route.method[i]);
        if (item == NULL) {
                item = bb_json_new_object();
                bb_json_set(d->paths, path, item);
                item = bb_json_get(d->paths, path);
        }
        bb_json_set(item, method, operation(d, entry));
}

/* --- what all share --- */

static bb_json *problem_schema(void)
{
        bb_json *fault = object_of("pointer", string_schema(), "detail", string_schema(), NULL);
        bb_json *errors = object_of("type", text("array"), "items",
                                    object_of("type", text("object"), "properties", fault, NULL), NULL);
        bb_json *required = array_of(text("type"));

        bb_json_append(required, text("title"));
        bb_json_append(required, text("status"));
        bb_json_append(required, text("code"));
        bb_json_append(required, text("trace_id"));
        return object_of("type", text("object"), "description", text("A problem as in RFC 9457."), "required", required,
                         "properties",
                         object_of("type", object_of("type", text("string"), "format", text("uri"), NULL), "title",
                                   string_schema(), "status", object_of("type", text("integer"), NULL), "detail",
                                   string_schema(), "code", string_schema(), "errors", errors, "trace_id",
                                   string_schema(), NULL),
                         NULL);
}

static bb_json *shared_parameters(void)
{
        bb_json *limit = object_of("type", text("integer"), "minimum", bb_json_new_int(1), "maximum",
                                   bb_json_new_int(200), NULL);
        bb_json *key = object_of("type", text("string"), "minLength", bb_json_new_int(1), "maxLength",
                                 bb_json_new_int(255), NULL);

        return object_of("limit", parameter(BB_STR("limit"), "query", 0, "How many items at most.", limit), "cursor",
                         parameter(BB_STR("cursor"), "query", 0, "next_cursor of the page before.", string_schema()),
                         "idempotencyKey",
                         parameter(BB_STR("Idempotency-Key"), "header", 0,
                                   "The same request with the same key within 24 hours gets the first answer again.",
                                   key),
                         "ifMatch",
                         parameter(BB_STR("If-Match"), "header", 0,
                                   "The ETag of the version to change; 412 when it is another.", string_schema()),
                         NULL);
}

static bb_json *components(const struct description *d)
{
        bb_json *bearer = object_of("type", text("http"), "scheme", text("bearer"), "description",
                                    text("An API key of this network."), NULL);
        bb_json *problem =
                object_of("description", text("What went wrong, and the trace_id to ask about it."), "content",
                          content("application/problem+json", ref("#/components/schemas/Problem")), NULL);

        bb_json_set(d->schemas, "Problem", problem_schema());
        return object_of("schemas", d->schemas, "responses", object_of("Problem", problem, NULL), "parameters",
                         shared_parameters(), "securitySchemes", object_of("bearer", bearer, NULL), NULL);
}

bb_json *router_openapi(const bb_tenant *tenant, bb_str base_url)
{
        struct description d = {.tenant = tenant,
                                .paths = bb_json_new_object(),
                                .schemas = bb_json_new_object(),
                                .tags = bb_json_new_array(),
                                .operation_ids = map_new(),
                                .seen_tags = map_new()};
        bb_json *info = object_of("title", bb_json_new_str(tenant->name), "version", text(API_VERSION), NULL);

        routes_each(describe, &d);
        map_free(d.operation_ids);
        map_free(d.seen_tags);
        return object_of("openapi", text("3.1.0"), "info", info, "servers",
                         array_of(object_of("url", bb_json_new_str(base_url), NULL)), "tags", d.tags, "paths", d.paths,
                         "components", components(&d), NULL);
}

bb_err openapi_handle(struct bb_request *req, struct bb_response *res)
{
        response_json(res, router_openapi(req->tenant, request_base_url(req)));
        return BB_OK;
}
