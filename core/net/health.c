/* SPDX-License-Identifier: Apache-2.0
 *
 * The operation listener: is it alive, is it ready, what do its numbers say. No tenants, no plugins, no secrets.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/str.h"
#include "net/request.h"

static const struct health_world *health_world;

struct health_answer {
        int32_t status;
        const char *type;
        bb_str body;
};

/* That this is answered at all is the news: the loop turns. */
static void answer_livez(struct health_answer *ret)
{
        *ret = (struct health_answer){200, "application/json", BB_STR("{\"alive\":true}")};
}

static void answer_readyz(struct health_answer *ret)
{
        bb_str why = BB_NONE;
        int32_t ready = health_world->ready(&why);

        if (why.len == 0)
                why = BB_STR("{}");
        ret->status = ready ? 200 : 503;
        ret->type = "application/json";
        ret->body = bb_print("{\"ready\":%s,\"state\":%.*s}", ready ? "true" : "false", BB_FMT(why));
}

static void answer_metrics(struct health_answer *ret)
{
        _cleanup_buf_ struct buf text = {.ptr = NULL};

        metrics_render(&text);
        *ret = (struct health_answer){200, "text/plain; version=0.0.4; charset=utf-8",
                                      arena_str(arena_current, buf_str(&text))};
}

static const struct {
        const char *path;
        void (*answer)(struct health_answer *);
} pages[] = {
        {"/livez", answer_livez},
        {"/readyz", answer_readyz},
        {"/metrics", answer_metrics},
};

static void refuse(struct health_answer *ret, int32_t status, const char *code, const char *detail)
{
        char trace[17];

        trace_new(trace);
        *ret = (struct health_answer){status, "application/problem+json",
                                      problem_text(status, code, bb_cstr(detail), NULL, trace)};
}

static void find_answer(const struct http_request *wire, struct health_answer *ret)
{
        bb_str target = wire->target, path;

        str_split(&target, '?', &path);
        for (size_t i = 0; i < BB_COUNT(pages); i++) {
                if (!bb_str_is(path, pages[i].path))
                        continue;
                if (bb_str_is(wire->method, "GET") || bb_str_is(wire->method, "HEAD"))
                        pages[i].answer(ret);
                else
                        refuse(ret, 405, "method-not-allowed", "This address answers to GET, HEAD.");
                return;
        }
        refuse(ret, 404, "not-found", "There is nothing at this address.");
}

static void handle(struct http_request *wire, void *arg)
{
        struct health_answer answer;
        struct bb_http_header headers[] = {
                {BB_STR("Content-Type"), BB_NONE},
                {BB_STR("Cache-Control"), BB_STR("no-store")},
                {BB_STR("X-Content-Type-Options"), BB_STR("nosniff")},
                {BB_STR("Allow"), BB_STR("GET, HEAD")},
        };

        (void)arg;
        find_answer(wire, &answer);
        headers[0].value = bb_cstr(answer.type);
        http_reply(wire, answer.status, headers, BB_COUNT(headers) - (answer.status == 405 ? 0 : 1), answer.body);
}

static void plan(struct http_request *wire, struct http_plan *ret, void *arg)
{
        (void)wire;
        (void)arg;
        ret->max_body = 1024;
        ret->websocket = 0;
}

static void error_body(int32_t status, const char *code, bb_str detail, bb_str *ret_type, bb_str *ret_body, void *arg)
{
        char trace[17];

        (void)arg;
        trace_new(trace);
        *ret_type = BB_STR("application/problem+json");
        *ret_body = problem_text(status, code, detail, NULL, trace);
}

const struct http_service *health_service(const struct health_world *world)
{
        static const struct http_service service = {.plan = plan, .handle = handle, .error_body = error_body};

        health_world = world;
        return &service;
}
