/* SPDX-License-Identifier: Apache-2.0
 *
 * Example: a WebSocket that sends back what it gets, at /echo. No subprotocol and no limits beyond the core's, so that
 * a WebSocket conformance suite can be pointed at it.
 */
#include <busbar/plugin.h>

static void on_message(bb_ws *ws, void *user, int32_t kind, bb_str data)
{
        (void)user;
        if (bb_ws_send(ws, kind, data) == BB_E_LIMIT)
                bb_ws_close(ws, 1013, BB_STR("the peer does not read"));
}

static void on_close(bb_ws *ws, void *user, int32_t code, bb_str reason)
{
        (void)ws;
        (void)user;
        (void)code;
        (void)reason;
}

static bb_err echo(bb_request *req, bb_response *res)
{
        static const struct bb_ws_handler handler = {
                .size = sizeof(handler), .max_message = 64 << 20, .on_message = on_message, .on_close = on_close};
        bb_ws *ws;

        (void)res;
        return bb_ws_accept(req, &handler, NULL, &ws);
}

static const struct bb_route routes[] = {
        {.method = "GET",
         .path = "/echo",
         .handle = echo,
         .flags = BB_ROUTE_WEBSOCKET,
         .summary = "Sends back what it gets"},
};

static bb_err load(const struct bb_host *host, void **ret_self)
{
        (void)host;
        *ret_self = NULL;
        return bb_http_routes(routes, BB_COUNT(routes));
}

BB_PLUGIN(load, .name = "echo", .version = "1.0", .vendor = "Busbar examples", .license = "Apache-2.0");
