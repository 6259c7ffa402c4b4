/* SPDX-License-Identifier: Apache-2.0
 *
 * A host for one plugin without busbard: loads its .so, answers its statements from a list, calls its routes, and shows
 * what it asked for. Tasks, memory, logs, JSON and shapes are the real ones; the database, the network, the bus and the
 * other plugins are what the test says. Link with -lbusbar-testkit (see sdk/testkit/README.md).
 */
#ifndef BUSBAR_TESTKIT_H
#define BUSBAR_TESTKIT_H

#include <busbar/plugin.h>

/* Offers an interface that the plugin needs, "charging/1"; before testkit_load. */
void testkit_provide(const char *interface, const void *ops);
/* Loads the plugin and starts it for one tenant with these options (JSON, "{}" for none). An error is the plugin's own,
 * BB_E_INVALID when the options do not fit its shape, BB_E_NOT_FOUND or BB_E_UNSUPPORTED when the file is no plugin for
 * this ABI, or an interface that it needs is missing; then standard error has a sentence. */
bb_err testkit_load(const char *so_path, const char *options_json);
/* Stops the tenant and unloads. What the test provided and expected is forgotten; another plugin can be loaded. */
void testkit_unload(void);

/* The next statement that contains `fragment` gets these rows: `cells` row by row, NULL is SQL NULL; or `err`.
 * Expectations are used once, oldest first; a statement without one gets no rows. */
void testkit_expect(const char *fragment, bb_err err, const char *const *cells, size_t rows, size_t columns);
/* Every statement so far that contains `fragment`. */
size_t testkit_statements(const char *fragment);
/* Parameter `index` of the last statement that contains `fragment`, as text; "" when absent. The host's own statements
 * are "-- event" (topic, key, payload), "-- job" (type, id, params) and "-- audit" (actor, action, object, details). */
const char *testkit_parameter(const char *fragment, size_t index);
/* Topics of the events that the plugin wrote in runs that succeeded, one a line. */
const char *testkit_events(void);

/* Hands the plugin an event, as busbard does after the commit: the error of its handler, BB_E_NOT_FOUND when it
 * subscribed to no such topic. */
bb_err testkit_event(const char *topic, const char *key, const char *payload_json);

struct testkit_job_answer {
        bb_err err;                 /* BB_E_NOT_FOUND: the plugin has no such type */
        const char *result, *error; /* as the job said; "" for nothing. Until the next job */
        int64_t done, total;        /* the last progress */
};
/* Runs a job of this type, once. */
struct testkit_job_answer testkit_job(const char *type, const char *params_json);

struct testkit_answer {
        int32_t status;
        const char *body, *content_type; /* until the next request */
        const char *headers;             /* that the plugin set: "Location: /v1/things/1", one a line */
};
/* Calls the route that fits, as somebody with every scope. `body` may be NULL. status 404 when no route fits. */
struct testkit_answer testkit_request(const char *method, const char *target, const char *body);

/* An interface that the plugin provides. */
const void *testkit_provided(const char *interface);
/* Runs `fn` in a task of the tenant and waits for its end: for calling what the plugin provides. */
void testkit_run(void (*fn)(void *), void *arg);
bb_tenant *testkit_tenant(void);
/* Did the plugin log this event? */
int32_t testkit_logged(const char *event);
/* Every line of the log so far. */
const char *testkit_log(void);

#endif
