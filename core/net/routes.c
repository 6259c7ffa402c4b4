/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of routes. One trie for all plugins; who may see a route is decided while matching, so that a literal of a
 * plugin that a tenant lacks does not hide a {parameter} of one that it has.
 */
#include "net/routes.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include <stdlib.h>

struct node {
        bb_str literal;
        struct node **literals; /* sorted by their text */
        size_t literal_count;
        struct node *param, *rest;
        struct route_entry *routes;
};

static struct node root;

struct bb_query_param route_query(const struct bb_route *route, uint32_t index)
{
        struct bb_query_param p = {.name = NULL};
        size_t stride = route->query_stride;

        memcpy(&p, (const char *)route->query + stride * index, stride < sizeof(p) ? stride : sizeof(p));
        return p;
}

/* --- entries --- */

struct route_entry *route_ref(struct route_entry *entry)
{
        entry->refs++;
        return entry;
}

void route_unref(struct route_entry *entry)
{
        if (--entry->refs > 0)
                return;
        free(entry->params);
        free(entry->words);
        free(entry);
}

static int is_name(bb_str s)
{
        if (s.len == 0)
                return 0;
        for (size_t i = 0; i < s.len; i++) {
                char c = s.ptr[i];

                if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_')
                        return 0;
        }
        return 1;
}

/* What a segment of a pattern is. *ret_name without braces and dots. */
enum segment_kind { SEGMENT_LITERAL, SEGMENT_PARAM, SEGMENT_REST, SEGMENT_BAD };

static enum segment_kind segment_kind(bb_str segment, bb_str *ret_name)
{
        *ret_name = segment;
        if (str_find(segment, '{') < 0 && str_find(segment, '}') < 0)
                return SEGMENT_LITERAL;
        if (segment.len < 3 || segment.ptr[0] != '{' || segment.ptr[segment.len - 1] != '}')
                return SEGMENT_BAD;
        *ret_name = str_sub(segment, 1, segment.len - 2);
        if (!str_ends(*ret_name, BB_STR("...")))
                return is_name(*ret_name) ? SEGMENT_PARAM : SEGMENT_BAD;
        *ret_name = str_sub(*ret_name, 0, ret_name->len - 3);
        return is_name(*ret_name) ? SEGMENT_REST : SEGMENT_BAD;
}

static int has_param(const struct route_entry *entry, bb_str name)
{
        for (size_t i = 0; i < entry->param_count; i++)
                if (bb_str_eq(entry->params[i], name))
                        return 1;
        return 0;
}

/* Checks the pattern and notes the names of its parameters. */
static bb_err read_pattern(struct route_entry *entry)
{
        bb_str rest = bb_cstr(entry->route.path), segment, name;
        size_t count = 0;
        enum segment_kind kind = SEGMENT_LITERAL;

        if (rest.len == 0 || rest.ptr[0] != '/')
                return BB_E_INVALID;
        rest = str_sub(rest, 1, rest.len);
        entry->params = heap_new(sizeof(bb_str) * ROUTE_SEGMENTS);
        while (str_split(&rest, '/', &segment)) {
                if (kind == SEGMENT_REST || ++count > ROUTE_SEGMENTS)
                        return BB_E_INVALID;
                if (count == 1 && bb_str_is(segment, "t")) /* "/t/<tenant>/" is ours */
                        return BB_E_INVALID;
                kind = segment_kind(segment, &name);
                if (kind == SEGMENT_BAD)
                        return BB_E_INVALID;
                if (kind == SEGMENT_LITERAL)
                        continue;
                if (has_param(entry, name))
                        return BB_E_INVALID;
                entry->params[entry->param_count++] = name;
        }
        return BB_OK;
}

/* --- the trie --- */

/* Where `literal` is among the children, or where it belongs (*ret_found 0). */
static size_t literal_place(const struct node *n, bb_str literal, int *ret_found)
{
        size_t low = 0, high = n->literal_count;

        *ret_found = 0;
        while (low < high) {
                size_t middle = (low + high) / 2;
                int order = str_compare(n->literals[middle]->literal, literal);

                if (order == 0) {
                        *ret_found = 1;
                        return middle;
                }
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static struct node *literal_child(struct node *n, bb_str literal)
{
        int found;
        size_t at = literal_place(n, literal, &found);
        struct node *child;

        if (found)
                return n->literals[at];
        child = heap_new(sizeof(*child));
        child->literal = heap_str(literal);
        n->literals = heap_grow(n->literals, sizeof(struct node *) * (n->literal_count + 1));
        memmove(n->literals + at + 1, n->literals + at, sizeof(struct node *) * (n->literal_count - at));
        n->literals[at] = child;
        n->literal_count++;
        return child;
}

static struct node *child_for(struct node *n, bb_str segment)
{
        bb_str name;
        enum segment_kind kind = segment_kind(segment, &name);
        struct node **place = kind == SEGMENT_REST ? &n->rest : &n->param;

        if (kind == SEGMENT_LITERAL)
                return literal_child(n, segment);
        if (*place == NULL)
                *place = heap_new(sizeof(**place));
        return *place;
}

static struct node *node_for(const char *path)
{
        bb_str rest = bb_cstr(path + 1), segment;
        struct node *n = &root;

        while (str_split(&rest, '/', &segment))
                n = child_for(n, segment);
        return n;
}

static struct route_entry *method_in(const struct node *n, bb_str method)
{
        for (struct route_entry *e = n->routes; e != NULL; e = e->next)
                if (bb_str_is(method, e->route.method))
                        return e;
        return NULL;
}

static int query_table_fits(const struct bb_route *r)
{
        if (r->query_count == 0)
                return 1;
        return r->query != NULL && r->query_stride >= offsetof(struct bb_query_param, about);
}

/* Takes the entry when it fits; otherwise *ret_why says what is wrong, and it stays the caller's. */
static bb_err add_entry(struct route_entry *entry, const char **ret_why)
{
        const struct bb_route *route = &entry->route;
        struct node *n;

        *ret_why = "a route needs a method, a path and a handler";
        if (route->method == NULL || route->path == NULL || route->handle == NULL)
                return BB_E_INVALID;
        *ret_why = "the query table of this route has no stride; use BB_QUERY()";
        if (!query_table_fits(route))
                return BB_E_INVALID;
        *ret_why = "the path of this route is not a pattern that the router knows";
        TRY(read_pattern(entry));
        n = node_for(route->path);
        *ret_why = "another route has this method and path already";
        if (method_in(n, bb_cstr(route->method)) != NULL)
                return BB_E_EXISTS;
        entry->next = n->routes;
        n->routes = entry;
        return BB_OK;
}

static struct route_entry *entry_new(bb_plugin_ref *who, const struct bb_route *route)
{
        struct route_entry *entry = heap_new(sizeof(*entry));

        entry->route = *route;
        entry->who = who;
        entry->refs = 1;
        return entry;
}

bb_err routes_add(bb_plugin_ref *who, const struct bb_route *route)
{
        struct route_entry *entry = entry_new(who, route);
        const char *why;
        bb_err err = add_entry(entry, &why);

        if (err == BB_OK)
                return BB_OK;
        bb_log(BB_ERROR, "router.route_refused", why, bb_kv_cstr("method", route->method),
               bb_kv_cstr("path", route->path));
        route_unref(entry);
        return err;
}

/* The router asks whether the plugin runs before it calls anybody. */
static bb_err nobody(bb_request *req, bb_response *res)
{
        (void)req;
        (void)res;
        return BB_E_UNAVAILABLE;
}

/* Moves the strings of the route into one block of its own. */
static char *keep_words(struct bb_route *route)
{
        const char **const words[] = {&route->method, &route->path, &route->permission, &route->summary, &route->tag};
        size_t len = 0, at = 0;
        char *block;

        for (size_t i = 0; i < BB_COUNT(words); i++)
                len += *words[i] != NULL ? strlen(*words[i]) + 1 : 0;
        block = heap_new(len + 1);
        for (size_t i = 0; i < BB_COUNT(words); i++) {
                size_t bytes = *words[i] != NULL ? strlen(*words[i]) + 1 : 0;

                if (bytes == 0)
                        continue;
                memcpy(block + at, *words[i], bytes);
                *words[i] = block + at;
                at += bytes;
        }
        return block;
}

bb_err routes_add_absent(bb_plugin_ref *who, const struct bb_route *route)
{
        const struct bb_route known = {.method = route->method,
                                       .path = route->path,
                                       .permission = route->permission,
                                       .handle = nobody,
                                       .summary = route->summary,
                                       .tag = route->tag,
                                       .flags = route->flags,
                                       .status = route->status};
        struct route_entry *entry = entry_new(who, &known);
        const char *why;
        bb_err err;

        entry->words = keep_words(&entry->route);
        err = add_entry(entry, &why);
        if (err < 0)
                route_unref(entry);
        return err;
}

static void entries_remove(struct node *n, const bb_plugin_ref *who, int all)
{
        struct route_entry **at = &n->routes;

        while (*at != NULL) {
                struct route_entry *entry = *at;

                if (!all && entry->who != who) {
                        at = &entry->next;
                        continue;
                }
                *at = entry->next;
                route_unref(entry);
        }
}

static int node_empty(const struct node *n)
{
        return n->routes == NULL && n->literal_count == 0 && n->param == NULL && n->rest == NULL;
}

static void node_remove(struct node *n, const bb_plugin_ref *who, int all);

static void child_remove(struct node **place, const bb_plugin_ref *who, int all)
{
        struct node *child = *place;

        if (child == NULL)
                return;
        node_remove(child, who, all);
        if (!node_empty(child))
                return;
        free((void *)child->literal.ptr);
        free(child);
        *place = NULL;
}

static void node_remove(struct node *n, const bb_plugin_ref *who, int all)
{
        size_t kept = 0;

        entries_remove(n, who, all);
        child_remove(&n->param, who, all);
        child_remove(&n->rest, who, all);
        for (size_t i = 0; i < n->literal_count; i++) {
                child_remove(&n->literals[i], who, all);
                if (n->literals[i] != NULL)
                        n->literals[kept++] = n->literals[i];
        }
        n->literal_count = kept;
        if (kept > 0)
                return;
        free(n->literals);
        n->literals = NULL;
}

void routes_remove(const bb_plugin_ref *who)
{
        node_remove(&root, who, 0);
}

void routes_clear(void)
{
        node_remove(&root, NULL, 1);
}

/* --- matching --- */

struct search {
        const bb_str *segments;
        size_t count;
        bb_str method;
        route_filter filter;
        const void *arg;
        bb_str values[ROUTE_SEGMENTS]; /* on the way to the node that is looked at */
        size_t value_count;
        const char *methods[16]; /* that some fitting node has, for Allow */
        size_t method_count;
        struct route_match *match;
};

static void note_method(struct search *s, const char *method)
{
        for (size_t i = 0; i < s->method_count; i++)
                if (strcmp(s->methods[i], method) == 0)
                        return;
        if (s->method_count < BB_COUNT(s->methods))
                s->methods[s->method_count++] = method;
}

/* 1: the search is over. */
static int visit(struct search *s, const struct node *n)
{
        for (struct route_entry *e = n->routes; e != NULL; e = e->next) {
                if (!s->filter(e, s->arg))
                        continue;
                note_method(s, e->route.method);
                if (!bb_str_is(s->method, e->route.method))
                        continue;
                s->match->entry = e;
                memcpy(s->match->values, s->values, sizeof(bb_str) * s->value_count);
                return 1;
        }
        return 0;
}

/* The rest as one string. A slash that was encoded would be taken for a separator in it, so that fits nothing. */
static int join_rest(const struct search *s, size_t from, bb_str *ret)
{
        size_t len = s->count - from - 1, at = 0;
        char *text;

        for (size_t i = from; i < s->count; i++) {
                if (str_find(s->segments[i], '/') >= 0)
                        return 0;
                len += s->segments[i].len;
        }
        text = arena_alloc(arena_current, len + 1);
        for (size_t i = from; i < s->count; i++) {
                if (i > from)
                        text[at++] = '/';
                if (s->segments[i].len > 0)
                        memcpy(text + at, s->segments[i].ptr, s->segments[i].len);
                at += s->segments[i].len;
        }
        *ret = (bb_str){.ptr = text, .len = len};
        return 1;
}

/* Every node is looked at once at most, because its depth says which segment it is compared with. */
static int descend(struct search *s, const struct node *n, size_t depth)
{
        int found;
        size_t at;

        if (depth == s->count)
                return visit(s, n);
        at = literal_place(n, s->segments[depth], &found);
        if (found && descend(s, n->literals[at], depth + 1))
                return 1;
        if (n->param != NULL && s->segments[depth].len > 0) {
                s->values[s->value_count++] = s->segments[depth];
                if (descend(s, n->param, depth + 1))
                        return 1;
                s->value_count--;
        }
        if (n->rest != NULL && join_rest(s, depth, &s->values[s->value_count])) {
                s->value_count++;
                if (visit(s, n->rest))
                        return 1;
                s->value_count--;
        }
        return 0;
}

static bb_str allow_text(const struct search *s)
{
        _cleanup_buf_ struct buf text = {.ptr = NULL};
        int options = 0;

        for (size_t i = 0; i < s->method_count; i++) {
                if (strcmp(s->methods[i], "OPTIONS") == 0)
                        options = 1;
                buf_add_c(&text, text.len > 0 ? ", " : "");
                buf_add_c(&text, s->methods[i]);
                if (strcmp(s->methods[i], "GET") == 0)
                        buf_add_c(&text, ", HEAD");
        }
        if (!options)
                buf_add_c(&text, ", OPTIONS");
        return arena_str(arena_current, buf_str(&text));
}

bb_err routes_match(const bb_str *segments, size_t count, bb_str method, route_filter filter, const void *arg,
                    struct route_match *ret)
{
        struct search s = {.segments = segments, .count = count, .filter = filter, .arg = arg, .match = ret};

        s.method = bb_str_is(method, "HEAD") ? BB_STR("GET") : method;
        ret->allow = BB_NONE;
        ret->entry = NULL;
        if (count == 0 || count > ROUTE_SEGMENTS)
                return BB_E_NOT_FOUND;
        if (descend(&s, &root, 0))
                return BB_OK;
        if (s.method_count == 0)
                return BB_E_NOT_FOUND;
        ret->allow = allow_text(&s);
        return BB_E_UNSUPPORTED;
}

static void node_each(const struct node *n, void (*fn)(struct route_entry *, void *), void *arg)
{
        for (struct route_entry *e = n->routes; e != NULL; e = e->next)
                fn(e, arg);
        for (size_t i = 0; i < n->literal_count; i++)
                node_each(n->literals[i], fn, arg);
        if (n->param != NULL)
                node_each(n->param, fn, arg);
        if (n->rest != NULL)
                node_each(n->rest, fn, arg);
}

void routes_each(void (*fn)(struct route_entry *, void *arg), void *arg)
{
        node_each(&root, fn, arg);
}
