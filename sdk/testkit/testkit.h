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
 * or BB_E_INVALID when the options do not fit its shape. */
bb_err testkit_load(const char *so_path, const char *options_json);
/* Stops the tenant and unloads. */
void testkit_unload(void);

/* The next statement that contains `fragment` gets these rows: `cells` row by row, NULL is SQL NULL; or `err`.
 * Expectations are used once, oldest first; a statement without one gets no rows. */
void testkit_expect(const char *fragment, bb_err err, const char *const *cells, size_t rows, size_t columns);
/* Every statement so far that contains `fragment`. */
size_t testkit_statements(const char *fragment);
/* Parameter `index` of the last statement that contains `fragment`, as text; "" when absent. */
const char *testkit_parameter(const char *fragment, size_t index);
/* Topics of the events that the plugin wrote, one a line. */
const char *testkit_events(void);

struct testkit_answer {
        int32_t status;
        const char *body, *content_type; /* until the next request */
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

#endif
