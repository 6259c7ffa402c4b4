/* SPDX-License-Identifier: Apache-2.0
 *
 * Events and jobs when the test says so: the handlers that the plugin registered, called in a task of the tenant.
 */
#include "base/str.h"
#include "testkit_inner.h"
#include <stdlib.h>

#define MOST 64

struct bb_job {
        int64_t done, total;
};

static struct {
        const char *topic;
        bb_err (*handle)(const struct bb_event *, void *);
} subscriptions[MOST];
static struct {
        const char *type;
        bb_err (*work)(bb_job *, bb_str, void *, bb_str *, bb_str *);
} types[MOST];
static size_t subscription_count, type_count;
static struct testkit_job_answer last;
static char *result, *error;

bb_err testkit_subscribe(bb_plugin_ref *who, const char *topic, bb_err (*handle)(const struct bb_event *, void *))
{
        (void)who;
        if (subscription_count == MOST)
                return BB_E_LIMIT;
        subscriptions[subscription_count].topic = topic;
        subscriptions[subscription_count++].handle = handle;
        return BB_OK;
}

bb_err testkit_job_type(bb_plugin_ref *who, const char *type,
                        bb_err (*work)(bb_job *, bb_str, void *, bb_str *, bb_str *))
{
        (void)who;
        if (type_count == MOST)
                return BB_E_LIMIT;
        types[type_count].type = type;
        types[type_count++].work = work;
        return BB_OK;
}

bb_err testkit_job_progress(bb_job *job, int64_t done, int64_t total)
{
        job->done = done;
        job->total = total;
        return BB_OK;
}

bb_str testkit_job_id(const bb_job *job)
{
        (void)job;
        return BB_STR("0197b1f0-0000-7000-8000-000000000001");
}

/* "session.*" takes every topic that begins with "session.". */
static int takes(const char *pattern, bb_str topic)
{
        bb_str p = bb_cstr(pattern);

        return str_ends(p, BB_STR(".*")) ? str_starts(topic, str_sub(p, 0, p.len - 1)) : bb_str_eq(p, topic);
}

struct delivery {
        struct bb_event event;
        bb_err err;
};

static void deliver(void *arg)
{
        struct delivery *d = arg;

        for (size_t i = 0; i < subscription_count; i++) {
                if (!takes(subscriptions[i].topic, d->event.topic))
                        continue;
                d->err = subscriptions[i].handle(&d->event, testkit_plugin.state);
                if (d->err < 0)
                        return;
        }
}

bb_err testkit_event(const char *topic, const char *key, const char *payload_json)
{
        struct delivery d = {.err = BB_E_NOT_FOUND,
                             .event = {.size = sizeof(d.event),
                                       .id = BB_STR("0197b1f0-0000-7000-8000-000000000002"),
                                       .topic = bb_cstr(topic),
                                       .key = bb_cstr(key),
                                       .payload = bb_cstr(payload_json),
                                       .at_ms = bb_now_ms(),
                                       .attempt = 1}};

        testkit_run(deliver, &d);
        return d.err;
}

struct working {
        size_t type;
        bb_str params;
};

static void work(void *arg)
{
        struct working *w = arg;
        struct bb_job job = {.total = 0};
        bb_str said = BB_NONE, why = BB_NONE;

        last.err = types[w->type].work(&job, w->params, testkit_plugin.state, &said, &why);
        last.done = job.done;
        last.total = job.total;
        result = strndup(said.ptr != NULL ? said.ptr : "", said.len);
        error = strndup(why.ptr != NULL ? why.ptr : "", why.len);
}

struct testkit_job_answer testkit_job(const char *type, const char *params_json)
{
        struct working w = {.params = bb_cstr(params_json)};

        while (w.type < type_count && strcmp(types[w.type].type, type) != 0)
                w.type++;
        if (w.type == type_count)
                return (struct testkit_job_answer){.err = BB_E_NOT_FOUND, .result = "", .error = "no such type"};
        free(result);
        free(error);
        testkit_run(work, &w);
        last.result = result;
        last.error = error;
        return last;
}

void testkit_work_reset(void)
{
        subscription_count = type_count = 0;
        free(result);
        free(error);
        result = error = NULL;
}
