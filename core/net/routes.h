/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of routes: a trie of path segments. Knows patterns, methods and owners; not requests and not permissions.
 */
#ifndef CORE_NET_ROUTES_H
#define CORE_NET_ROUTES_H

#include <busbar/http.h>
#include <busbar/log.h>

#define ROUTE_SEGMENTS 32

struct route_entry {
        struct bb_route route; /* a copy: a plugin's table may have another stride */
        bb_plugin_ref *who;    /* NULL: the router's own */
        char *words;           /* the strings of an absent plugin's route; NULL: they are the plugin's */
        bb_str *params;        /* their names, in the order of the path */
        size_t param_count;
        uint32_t refs;            /* the table's own, and one for each request under way */
        bb_metric *seconds;       /* the histogram, looked up at first use */
        struct route_entry *next; /* same path, other method */
};

struct route_match {
        struct route_entry *entry;
        bb_str values[ROUTE_SEGMENTS]; /* as many as entry->param_count */
        bb_str allow; /* for 405 and OPTIONS: "GET, HEAD, PUT, OPTIONS", BB_NONE when nothing matched */
};

/* Asked for every candidate: does it exist for the one who asks? */
typedef int32_t (*route_filter)(const struct route_entry *, const void *arg);

/* BB_E_INVALID for a pattern that is none, BB_E_EXISTS when the method has this path already; both are logged. */
bb_err routes_add(bb_plugin_ref *who, const struct bb_route *);
/* The same for a plugin that is not loaded, so that its routes exist although nobody can answer them. Of the route only
 * method, path, permission, summary, tag, flags and status count; they are copied. Errors are not logged. */
bb_err routes_add_absent(bb_plugin_ref *who, const struct bb_route *);
void routes_remove(const bb_plugin_ref *who);
void routes_clear(void);

/* The most specific route for these decoded segments: a literal wins over {name}, which wins over {name...}. Of several
 * that fit the path, the first that has the method wins. BB_E_NOT_FOUND: no such path. BB_E_UNSUPPORTED: not this
 * method; ret->allow says which. A HEAD is answered by the GET route. */
bb_err routes_match(const bb_str *segments, size_t count, bb_str method, route_filter, const void *arg,
                    struct route_match *ret);
/* All of them, sorted by path. */
void routes_each(void (*fn)(struct route_entry *, void *arg), void *arg);

struct route_entry *route_ref(struct route_entry *);
void route_unref(struct route_entry *);
/* Parameter `index` of the query table, whatever its stride; absent members are zero. */
struct bb_query_param route_query(const struct bb_route *, uint32_t index);

#endif
