/* SPDX-License-Identifier: Apache-2.0
 *
 * One log line and a few numbers for each request. Labels come from the table of routes, never from what a caller sent,
 * so that nobody can fill the memory with series.
 */
#include "base/str.h"
#include "base/time.h"
#include "net/request.h"

#define NO_ROUTE "(none)"

static const char *method_label(const struct bb_request *req)
{
        static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

        for (size_t i = 0; i < BB_COUNT(known); i++)
                if (bb_str_is(req->wire->method, known[i]))
                        return known[i];
        return "OTHER";
}

static bb_metric *in_flight(void)
{
        static bb_metric *gauge;

        if (gauge == NULL)
                gauge = bb_metric_get(BB_METRIC_GAUGE, "http_in_flight", "Requests under way.");
        return gauge;
}

static bb_metric *seconds_of(struct route_entry *entry)
{
        static bb_metric *unrouted;
        bb_metric **kept = entry != NULL ? &entry->seconds : &unrouted;

        if (*kept == NULL)
                *kept = bb_metric_get(BB_METRIC_HISTOGRAM, "http_request_seconds", "How long requests took.",
                                      bb_kv_cstr("route", entry != NULL ? entry->route.path : NO_ROUTE));
        return *kept;
}

void access_begin(struct bb_request *req)
{
        trace_new(req->trace);
        req->started_us = time_mono_us();
        bb_metric_add(in_flight(), 1);
}

/* 101 for a connection that is a WebSocket now, 0 for one that got no answer. */
static int32_t final_status(const struct bb_request *req)
{
        if (req->response.status != 0)
                return req->response.status;
        return http_replied(req->wire) ? 101 : 0;
}

static bb_str path_shown(const struct bb_request *req)
{
        if (req->route != NULL && (req->route->flags & BB_ROUTE_SECRET_PATH))
                return BB_NONE;
        return str_sub(req->raw_path, 0, 200);
}

void access_end(struct bb_request *req, bb_err err)
{
        const char *route = req->route != NULL ? req->route->path : NO_ROUTE;
        int64_t us = time_mono_us() - req->started_us;
        int32_t status = final_status(req);
        bb_str status_text = bb_print("%d", status);
        bb_str actor = req->principal.actor.ptr != NULL ? req->principal.actor : BB_STR("anonymous");

        bb_metric_add(in_flight(), -1);
        bb_metric_set(seconds_of(req->entry), (double)us / 1e6);
        bb_metric_add(bb_metric_get(BB_METRIC_COUNTER, "http_requests_total", "Requests answered.",
                                    bb_kv_cstr("method", method_label(req)), bb_kv_cstr("route", route),
                                    bb_kv_str("status", status_text)),
                      1);
        /* The query is left out: it may carry what is nobody's business. */
        bb_log(status >= 500 ? BB_INFO : BB_DEBUG, "http.request", NULL, bb_kv_str("method", req->wire->method),
               bb_kv_str("path", path_shown(req)), bb_kv_cstr("route", route), bb_kv_int("status", status),
               bb_kv_int("bytes", req->response.sent_bytes), bb_kv_int("duration_us", us),
               bb_kv_str("remote", req->remote), bb_kv_str("actor", actor),
               bb_kv_err(req->response.has_problem && req->response.problem.err < 0 ? req->response.problem.err : err),
               bb_kv_cstr("code", req->response.has_problem ? req->response.problem.code : NULL),
               bb_kv_cstr("trace_id", req->trace));
}
