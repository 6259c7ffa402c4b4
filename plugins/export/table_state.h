/* SPDX-License-Identifier: Apache-2.0
 *
 * What the three writers share. Each begins with a struct table_state.
 */
#ifndef EXPORT_TABLE_STATE_H
#define EXPORT_TABLE_STATE_H

#include "copy_row.h"
#include "moment.h"
#include "out.h"

struct table_state {
        const struct table_spec *spec;
        struct sink sink;
        struct moments moments;
        struct table_totals totals;
        struct copy_rows copy;
        int32_t outcome; /* COPY_… of the last message */
};

/* -1: the specification is none. */
int table_begin(struct table_state *, const struct table_spec *, const struct sink *, copy_row_fn, void *arg) BB_HIDDEN;
/* Members of every writer's ops. */
int table_row(void *writer, const char *copy_data, size_t len) BB_HIDDEN;
const char *table_fault(const void *writer) BB_HIDDEN;
/* Has the trailer come, and nothing failed? */
int32_t table_is_whole(const struct table_state *) BB_HIDDEN;
/* Passes bytes to the sink, and counts them; a receiver for struct out. `arg` is the state. */
int table_pass(void *arg, const void *data, size_t len) BB_HIDDEN;

/* "Started (Europe/Berlin)" */
enum { TITLE_CHARS = 512 /* bytes: of 100 characters, and a zone */ };
void table_title(const struct table_spec *, const struct table_column *, char ret[TITLE_CHARS]) BB_HIDDEN;
/* The word for a value; NULL when there is none. */
const char *table_enum(const struct table_column *, int64_t value) BB_HIDDEN;
/* 36 characters; where it ended. */
char *put_uuid(char *at, const char bytes[16]) BB_HIDDEN;
/* Also PostgreSQL's "infinity" and "-infinity". */
char *put_any_moment(char *at, struct moments *, int64_t at_us) BB_HIDDEN;

extern const struct table_writer_ops xlsx_table BB_HIDDEN;
extern const struct table_writer_ops csv_table BB_HIDDEN;
extern const struct table_writer_ops ndjson_table BB_HIDDEN;

#endif
