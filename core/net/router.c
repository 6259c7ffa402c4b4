/* SPDX-License-Identifier: Apache-2.0
 *
 * The way of a request: a row of steps, each of which lets it through or refuses it, with the plugin's handler as the
 * last one. Nothing about the request is kept between plan() and handle(): a tenant may have stopped in between.
 */
#include "net/router.h"
#include "base/arena.h"
#include "base/str.h"
#include "base/tenant.h"
#include "net/request.h"
#include "rt/task.h"

#define DEFAULT_BODY (1024 * 1024)
#define HANDLER_MS 60000
#define ENDING_MS 10000

struct router_world router_world;

static struct list under_way = {&under_way, &under_way};

/* --- steps --- */

static bb_err step_ready(struct bb_request *req)
{
        if (router_world.ready != NULL && !router_world.ready())
                return problem_set(&req->response, BB_E_UNAVAILABLE, 503, "not-ready",
                                   BB_STR("The server is starting or stopping; please try again."));
        return BB_OK;
}

static bb_err method_not_allowed(struct bb_request *req)
{
        response_set_header(&req->response, "Allow", req->allow);
        if (request_is(req, "OPTIONS")) {
                req->response.status = 204;
                req->answered = 1;
                return BB_OK;
        }
        return problem_set(&req->response, BB_E_UNSUPPORTED, 405, "method-not-allowed",
                           bb_print("This address answers to %.*s.", BB_FMT(req->allow)));
}

/* An unknown tenant, a plugin that the tenant lacks and a path that nobody has: one answer, so that nothing is told. */
static bb_err step_locate(struct bb_request *req)
{
        bb_err err = request_locate(req);

        if (err == BB_E_INVALID)
                return problem_set(
                        &req->response, err, 400, "invalid-path",
                        BB_STR("The path is not well-formed percent-encoded UTF-8, or has control characters."));
        if (err == BB_E_DENIED)
                return problem_set(&req->response, err, 421, "misdirected-request",
                                   BB_STR("This network asks for another TLS connection: one that is opened under its "
                                          "own name, with a client certificate if it requires one."));
        if (err == BB_E_UNSUPPORTED)
                err = method_not_allowed(req);
        if (err < 0 || req->answered)
                return err;
        route_ref(req->entry);
        req->task = task_id(task_current());
        list_append(&under_way, &req->under_way);
        task_set_tenant(req->tenant);
        if (req->tenant->stopping)
                return problem_set(&req->response, BB_E_UNAVAILABLE, 503, "restarting",
                                   BB_STR("This network is being restarted; please try again."));
        if (request_tenant_serves(req->entry, req->tenant))
                return BB_OK;
        return problem_set(&req->response, BB_E_UNAVAILABLE, 503, "plugin-unavailable",
                           BB_STR("This part of the network is out of order; please try again later."));
}

static int names_websocket(bb_str upgrade)
{
        bb_str part;

        while (str_split(&upgrade, ',', &part))
                if (str_eq_nocase(str_trim(part), BB_STR("websocket")))
                        return 1;
        return 0;
}

static bb_err step_upgrade(struct bb_request *req)
{
        if (!(req->route->flags & BB_ROUTE_WEBSOCKET) || names_websocket(request_header(req, "upgrade")))
                return BB_OK;
        response_set_header(&req->response, "Upgrade", BB_STR("websocket"));
        return problem_set(&req->response, BB_E_INVALID, 426, "upgrade-required",
                           BB_STR("This address speaks WebSocket (RFC 6455)."));
}

static bb_err unauthorized(struct bb_request *req, bb_str why, int has_credentials)
{
        response_set_header(&req->response, "WWW-Authenticate",
                            has_credentials ? BB_STR("Bearer error=\"invalid_token\"") : BB_STR("Bearer"));
        return problem_set(&req->response, BB_E_UNAUTHORIZED, 401, "unauthorized", why);
}

static BB_AWAIT bb_err step_authorize(struct bb_request *req)
{
        const char *permission = req->route->permission;
        bb_str credentials = request_header(req, "authorization"), why = BB_NONE;
        const struct bb_auth_ops *auth;
        bb_err err;

        if (permission == NULL)
                return BB_OK;
        auth = router_world.auth != NULL ? router_world.auth(req->tenant) : NULL;
        if (!BB_HAS(auth, authenticate) && router_world.auth_away != NULL && router_world.auth_away(req->tenant))
                return problem_set(&req->response, BB_E_UNAVAILABLE, 503, "plugin-unavailable",
                                   BB_STR("Nobody can log in to this network now; please try again later."));
        if (!BB_HAS(auth, authenticate))
                return unauthorized(req, BB_STR("Nobody can log in to this network."), credentials.ptr != NULL);
        req->principal.size = sizeof(req->principal);
        err = auth->authenticate(credentials, req->remote, &req->principal, &why);
        if (err < 0) /* nothing of a half-filled principal may count */
                req->principal = (struct bb_principal){.size = sizeof(req->principal)};
        if (err == BB_E_UNAUTHORIZED)
                return unauthorized(req, why, credentials.ptr != NULL);
        TRY(err); /* an outage is not a wrong key */
        if (request_allowed(req, permission))
                return BB_OK;
        response_set_header(&req->response, "WWW-Authenticate",
                            bb_print("Bearer error=\"insufficient_scope\", scope=\"%s\"", permission));
        return problem_set(&req->response, BB_E_DENIED, 403, "forbidden",
                           bb_print("This needs the scope \"%s\".", permission));
}

static BB_AWAIT bb_err step_handle(struct bb_request *req)
{
        const bb_plugin_ref *before = task_enter_plugin(req->entry->who, req->route->path);
        bb_err err = req->route->handle(req, &req->response);

        task_leave_plugin(before);
        return err;
}

/* Who is not allowed in learns nothing of what the body should be; what is ill-formed takes no Idempotency-Key. */
static BB_AWAIT bb_err (*const steps[])(struct bb_request *) = {
        step_ready,          step_locate,        step_upgrade,      step_authorize,
        request_check_query, request_check_body, idempotency_begin, step_handle,
};

static BB_AWAIT bb_err take_steps(struct bb_request *req)
{
        bb_err err = BB_OK;

        for (size_t i = 0; i < BB_COUNT(steps) && err >= 0 && !req->answered; i++)
                err = steps[i](req);
        return err;
}

/* --- the service --- */

static BB_AWAIT void handle(struct http_request *wire, void *arg)
{
        struct bb_request *req = request_new(wire);
        bb_err err;

        (void)arg;
        task_set_tenant(NULL);
        task_set_timeout(HANDLER_MS);
        access_begin(req);
        request_find_peer(req);
        err = take_steps(req);
        response_settle(&req->response, err);
        task_set_timeout(ENDING_MS); /* a handler that used up its time must still be able to leave things in order */
        idempotency_end(req);
        response_send(&req->response, err);
        access_end(req, err);
        list_remove(&req->under_way); /* to the last use of what lies in the plugin: its strings, its shapes */
        if (req->entry != NULL)
                route_unref(req->entry);
}

static void plan(struct http_request *wire, struct http_plan *ret, void *arg)
{
        struct bb_request *req = request_new(wire);

        (void)arg;
        ret->max_body = DEFAULT_BODY;
        ret->websocket = 0;
        ret->stream_body = 0;
        if (request_locate(req) == BB_OK) {
                ret->max_body = req->route->max_body > 0 ? req->route->max_body : DEFAULT_BODY;
                ret->websocket = (req->route->flags & BB_ROUTE_WEBSOCKET) != 0;
                ret->stream_body = (req->route->flags & BB_ROUTE_STREAM_BODY) != 0;
        }
        wire->router = NULL; /* looked up again when the body is there */
}

static void error_body(int32_t status, const char *code, bb_str detail, bb_str *ret_type, bb_str *ret_body, void *arg)
{
        char trace[17];

        (void)arg;
        trace_new(trace);
        *ret_type = BB_STR("application/problem+json");
        *ret_body = problem_text(status, code, detail, NULL, trace);
        bb_log(BB_DEBUG, "http.refused", "a request was refused before it had a route", bb_kv_int("status", status),
               bb_kv_cstr("code", code), bb_kv_str("detail", detail), bb_kv_cstr("trace_id", trace));
}

const struct http_service *router_service(void)
{
        static const struct http_service service = {.plan = plan, .handle = handle, .error_body = error_body};

        return &service;
}

/* --- plugins come and go --- */

static const struct bb_route own_routes[] = {
        {.method = "GET",
         .path = "/v1/openapi.json",
         .handle = openapi_handle,
         .summary = "This description",
         .tag = "description"},
};

void router_init(const struct router_world *world)
{
        router_world = *world;
        routes_remove(NULL); /* a second call replaces the world, not the routes of plugins */
        for (size_t i = 0; i < BB_COUNT(own_routes); i++)
                (void)routes_add(NULL, &own_routes[i]); /* constants that a test covers */
}

void router_remove_plugin(const bb_plugin_ref *who)
{
        routes_remove(who);
}

void router_set_absent(bb_plugin_ref *who, const struct bb_route *routes, size_t count)
{
        routes_remove(who);
        for (size_t i = 0; i < count; i++)
                if (routes_add_absent(who, &routes[i]) < 0)
                        bb_log(BB_DEBUG, "router.absent_route_refused", NULL, bb_kv_cstr("method", routes[i].method),
                               bb_kv_cstr("path", routes[i].path));
}

struct each_of_plugin {
        const bb_plugin_ref *who;
        void (*fn)(const struct bb_route *, void *arg);
        void *arg;
};

static void if_of_plugin(struct route_entry *entry, void *arg)
{
        const struct each_of_plugin *each = arg;

        if (entry->who == each->who)
                each->fn(&entry->route, each->arg);
}

void router_each_route(const bb_plugin_ref *who, void (*fn)(const struct bb_route *, void *arg), void *arg)
{
        struct each_of_plugin each = {.who = who, .fn = fn, .arg = arg};

        routes_each(if_of_plugin, &each);
}

void router_close(void)
{
        routes_clear();
}

static int in_group(const struct bb_request *req, const bb_plugin_ref *who, const bb_tenant *tenant)
{
        return (who == NULL || req->entry->who == who) && (tenant == NULL || req->tenant == tenant);
}

size_t router_group_count(const bb_plugin_ref *who, const bb_tenant *tenant)
{
        size_t count = 0;

        LIST_EACH (item, &under_way)
                count += in_group(LIST_OF(struct bb_request, under_way, item), who, tenant) ? 1 : 0;
        return count;
}

void router_cancel_group(const bb_plugin_ref *who, const bb_tenant *tenant)
{
        LIST_EACH (item, &under_way) {
                struct bb_request *req = LIST_OF(struct bb_request, under_way, item);

                if (in_group(req, who, tenant))
                        bb_task_cancel(req->task);
        }
}

void router_cancel_endless(void)
{
        LIST_EACH (item, &under_way) {
                struct bb_request *req = LIST_OF(struct bb_request, under_way, item);

                if (req->route->flags & BB_ROUTE_ENDLESS)
                        bb_task_cancel(req->task);
        }
}
