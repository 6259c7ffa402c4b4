/* SPDX-License-Identifier: Apache-2.0
 *
 * What can be exported by a tenant: the data sets of the host and of the plugins that it has, and statements made of
 * their constant texts.
 */
#ifndef EXPORT_SETS_H
#define EXPORT_SETS_H

#include "table.h"
#include <busbar/dataset.h>
#include <busbar/plugin.h>

enum { MOST_COLUMNS = 100, MOST_FILTERS = 32, MOST_JOINS = 64 };

/* A set with what this tenant has joined to it. */
struct data_view {
        const struct bb_data_set *set;
        const struct bb_data_join *joins[MOST_JOINS];
        size_t join_count;
};

/* Sets by place, for lists; BB_E_NOT_FOUND behind the last. */
bb_err set_at(const bb_tenant *, size_t index, struct data_view *ret);
bb_err set_named(const bb_tenant *, bb_str name, struct data_view *ret);
/* Columns and filters by place, those of the set first; NULL behind the last. *ret_join: -1 for the set's own. */
const struct bb_data_column *view_column(const struct data_view *, size_t index, ptrdiff_t *ret_join);
const struct bb_data_filter *view_filter(const struct data_view *, size_t index, ptrdiff_t *ret_join);

/* What somebody chose. */
struct chosen_column {
        uint64_t present;
        bb_str name, title; /* title BB_NONE: the usual one */
};
struct chosen_filter {
        bb_str name;
        bb_json *value;
        bb_str pointer; /* where it came from, for remarks */
};
struct choice {
        bb_str dataset;
        const bb_request *who;               /* who gets the usual columns; NULL: those that need no other permission */
        const struct chosen_column *columns; /* none: the usual ones */
        size_t column_count;
        struct chosen_filter filters[MOST_FILTERS];
        size_t filter_count;
};

/* What is wrong with a choice. */
struct remark {
        bb_str pointer, text;
};
struct remarks {
        struct remark items[16];
        size_t count;
};
void remark(struct remarks *, bb_str pointer, bb_str text);
/* Remarks upon a title that XML cannot carry; BB_NONE is none. */
void check_title(bb_str title, bb_str pointer, struct remarks *);

/* A choice as a statement; in the task's memory. */
struct plan {
        struct data_view view;
        struct table_column *columns;
        size_t column_count;
        uint64_t joined, filtered; /* bits of view.joins: used at all; by filters */
        bb_str sql, count_sql;
        struct bb_param params[MOST_FILTERS];
        size_t param_count;
        int64_t from_ms, to_ms; /* the filters of these names; 0: none */
};
/* BB_E_INVALID: see the remarks. */
bb_err plan_make(const bb_tenant *, const struct choice *, struct plan *ret, struct remarks *);
/* A permission that the plan needs and the request lacks, or NULL. */
const char *plan_denied(const struct plan *, const bb_request *);
/* The joins that a choice uses, without making it a statement. BB_E_NOT_FOUND: there is no such set, column or filter.
 */
bb_err choice_joins(const bb_tenant *, const struct choice *, struct plan *ret);

#endif
