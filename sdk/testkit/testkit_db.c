/* SPDX-License-Identifier: Apache-2.0
 *
 * The database of a test: statements are remembered, answers come from a list of expectations.
 */
#include "base/arena.h"
#include "base/number.h"
#include "base/str.h"
#include "testkit_inner.h"
#include <stdio.h>
#include <stdlib.h>

#define EVENT_PARAMS 3 /* topic, key, payload */

struct bb_rows {
        const char *const *cells;
        size_t rows, columns;
        int64_t affected;
};

static struct expectation {
        struct expectation *next;
        const char *fragment;
        bb_err err;
        struct bb_rows rows;
} * expected;

static struct statement {
        struct statement *next; /* the one before */
        const char *sql;
        char **params;
        size_t count;
} * statements;
static struct buf events;

void testkit_expect(const char *fragment, bb_err err, const char *const *cells, size_t rows, size_t columns)
{
        struct expectation *e = heap_new(sizeof(*e)), **end = &expected;

        *e = (struct expectation){
                .fragment = fragment,
                .err = err,
                .rows = {.cells = cells, .rows = rows, .columns = columns, .affected = (int64_t)rows}};
        while (*end != NULL)
                end = &(*end)->next;
        *end = e;
}

static char *text_of(const struct bb_param *p)
{
        char number[32];

        switch (p->kind) {
        case BB_P_NULL:
                return NULL;
        case BB_P_INT:
        case BB_P_BOOL:
        case BB_P_TIME:
                snprintf(number, sizeof(number), "%lld", (long long)p->num);
                return strdup(number);
        default:
                return p->str.ptr != NULL ? strndup(p->str.ptr, p->str.len) : NULL;
        }
}

static void remember(const struct bb_stmt *stmt)
{
        struct statement *s = heap_new(sizeof(*s));

        *s = (struct statement){.next = statements, .sql = stmt->sql, .count = stmt->param_count};
        s->params = heap_new(sizeof(char *) * (s->count + 1));
        for (size_t i = 0; i < s->count; i++)
                s->params[i] = text_of(&stmt->params[i]);
        statements = s;
}

static bb_err answer(const struct bb_stmt *stmt, bb_rows **ret)
{
        struct bb_rows *rows = BB_NEW(struct bb_rows);
        bb_err err = BB_OK;

        for (struct expectation **at = &expected; *at != NULL; at = &(*at)->next) {
                struct expectation *e = *at;

                if (strstr(stmt->sql, e->fragment) == NULL)
                        continue;
                *rows = e->rows;
                err = e->err;
                *at = e->next;
                free(e);
                break;
        }
        if (err == BB_OK && (stmt->flags & BB_STMT_MUST_HIT) && rows->affected == 0)
                err = BB_E_NOT_FOUND;
        if (ret != NULL)
                *ret = rows;
        return err;
}

static void note_events(const struct bb_stmt *stmt)
{
        if (!(stmt->flags & BB_STMT_EVENT))
                return;
        for (size_t i = 0; i < stmt->param_count; i += EVENT_PARAMS)
                buf_print(&events, "%.*s\n", BB_FMT(stmt->params[i].str));
}

static bb_err run(const struct bb_stmt *stmts, size_t count, bb_rows **ret_rows)
{
        for (size_t i = 0; i < count; i++) {
                remember(&stmts[i]);
                TRY(answer(&stmts[i], ret_rows != NULL ? &ret_rows[i] : NULL));
        }
        for (size_t i = 0; i < count; i++)
                note_events(&stmts[i]);
        return BB_OK;
}

static bb_err begin(bb_tx **ret_tx)
{
        *ret_tx = (bb_tx *)&expected;
        return BB_OK;
}
static bb_err tx_run(bb_tx *tx, const struct bb_stmt *stmts, size_t count, bb_rows **ret_rows)
{
        (void)tx;
        return run(stmts, count, ret_rows);
}
static bb_err commit(bb_tx *tx)
{
        (void)tx;
        return BB_OK;
}
static void rollback(bb_tx *tx)
{
        (void)tx;
}

static size_t rows_count(const bb_rows *r)
{
        return r->rows;
}
static int64_t rows_affected(const bb_rows *r)
{
        return r->affected;
}
static const char *cell(const bb_rows *r, size_t row, size_t column)
{
        return row < r->rows && column < r->columns ? r->cells[row * r->columns + column] : NULL;
}
static int32_t is_null(const bb_rows *r, size_t row, size_t column)
{
        return cell(r, row, column) == NULL;
}
static bb_str get_str(const bb_rows *r, size_t row, size_t column)
{
        return bb_cstr(cell(r, row, column));
}
static int64_t get_int(const bb_rows *r, size_t row, size_t column, int64_t otherwise)
{
        bb_str s = get_str(r, row, column);
        int64_t value;

        if (bb_str_is(s, "t") || bb_str_is(s, "f"))
                return bb_str_is(s, "t");
        return s.ptr != NULL && str_to_int(s, &value) == BB_OK ? value : otherwise;
}
static int64_t get_time(const bb_rows *r, size_t row, size_t column, int64_t otherwise)
{
        int64_t value;
        bb_str s = get_str(r, row, column);

        return s.ptr != NULL && bb_time_parse(s, &value) == BB_OK ? value : otherwise;
}

static bb_err scan(const struct bb_stmt *stmt, size_t step, bb_err (*each)(const bb_rows *, void *), void *arg)
{
        bb_rows *rows;

        (void)step;
        remember(stmt);
        TRY(answer(stmt, &rows));
        return rows->rows > 0 ? each(rows, arg) : BB_OK;
}

/* Rows of the wire cannot be made here; the statement can be looked at. */
static bb_err copy(const struct bb_copy *c)
{
        remember(c->stmt);
        TRY(answer(c->stmt, NULL));
        return BB_E_UNSUPPORTED;
}

struct bb_batch {
        bb_err (*flush)(void *const *, size_t, void *);
        void *arg;
};
static bb_batch *batch_new(bb_plugin_ref *who, bb_tenant *t, const char *name, size_t max_items,
                           bb_err (*flush)(void *const *, size_t, void *), void *arg)
{
        struct bb_batch *b = heap_new(sizeof(*b));

        (void)who;
        (void)t;
        (void)name;
        (void)max_items;
        *b = (struct bb_batch){.flush = flush, .arg = arg};
        return b;
}
static bb_err batch_submit(bb_batch *b, void *item)
{
        return b->flush(&item, 1, b->arg);
}
static void batch_free(bb_batch *b)
{
        free(b);
}

static int64_t away_ms(void)
{
        return 0;
}
static bb_err migrations(bb_plugin_ref *who, const struct bb_migration *m, size_t count, size_t stride)
{
        (void)who;
        (void)m;
        (void)stride;
        return count > 0 ? BB_OK : BB_E_INVALID;
}
static bb_err months(bb_plugin_ref *who, const char *table)
{
        (void)who;
        return table != NULL && table[0] != '\0' ? BB_OK : BB_E_INVALID;
}
/* Statements of the host's own tables: found by "-- event", "-- job", "-- audit", with what they were given as
 * parameters. */
static struct bb_stmt own(const char *sql, int32_t flags, const struct bb_param *params, size_t count)
{
        struct bb_param *kept = BB_NEW_ARRAY(struct bb_param, count);

        memcpy(kept, params, sizeof(*kept) * count);
        return (struct bb_stmt){.sql = sql, .flags = flags, .params = kept, .param_count = count};
}
static struct bb_stmt event_list_stmt(const struct bb_new_event *list, size_t count)
{
        struct bb_param *params = BB_NEW_ARRAY(struct bb_param, count * EVENT_PARAMS);

        for (size_t i = 0; i < count; i++) {
                params[i * EVENT_PARAMS] = BB_CTEXT(list[i].topic);
                params[i * EVENT_PARAMS + 1] = BB_TEXT(list[i].key);
                params[i * EVENT_PARAMS + 2] = BB_TEXT(list[i].payload);
        }
        return own("-- event", BB_STMT_EVENT, params, count * EVENT_PARAMS);
}
static struct bb_stmt event_stmt(bb_str topic, bb_str key, bb_str payload_json)
{
        const struct bb_param params[EVENT_PARAMS] = {BB_TEXT(topic), BB_TEXT(key), BB_TEXT(payload_json)};

        return own("-- event", BB_STMT_EVENT, params, EVENT_PARAMS);
}
static struct bb_stmt job_stmt(const char *type, bb_str id, bb_str params_json)
{
        const struct bb_param params[] = {BB_CTEXT(type), BB_TEXT(id), BB_TEXT(params_json)};

        return own("-- job", BB_STMT_JOB, params, BB_COUNT(params));
}
static struct bb_stmt audit_stmt(bb_str actor, const char *action, bb_str object, bb_str details_json)
{
        const struct bb_param params[] = {BB_TEXT(actor), BB_CTEXT(action), BB_TEXT(object), BB_TEXT(details_json)};

        return own("-- audit", 0, params, BB_COUNT(params));
}

/* What operators' plugins ask the host for: a host without PostgreSQL has none of it. */
static bb_err job_get(bb_str id, struct bb_job_info *ret)
{
        (void)id, (void)ret;
        return BB_E_UNSUPPORTED;
}
static bb_err job_wait(bb_str id, const struct bb_job_info *seen, int64_t timeout_ms, struct bb_job_info *ret)
{
        (void)seen, (void)timeout_ms;
        return job_get(id, ret);
}
static bb_err job_list(const char *type, bb_str before, size_t limit, struct bb_job_info **ret, size_t *ret_count)
{
        (void)type, (void)before, (void)limit, (void)ret, (void)ret_count;
        return BB_E_UNSUPPORTED;
}
static bb_err by_id(bb_str id)
{
        (void)id;
        return BB_E_UNSUPPORTED;
}
static bb_err dead_letter_list(bb_str before, size_t limit, struct bb_dead_letter **ret, size_t *ret_count)
{
        (void)before, (void)limit, (void)ret, (void)ret_count;
        return BB_E_UNSUPPORTED;
}
static bb_err audit_list(bb_str object, int64_t before, size_t limit, struct bb_audit_entry **ret, size_t *ret_count)
{
        (void)object, (void)before, (void)limit, (void)ret, (void)ret_count;
        return BB_E_UNSUPPORTED;
}

const struct bb_db_ops testkit_db_ops = {.size = sizeof(testkit_db_ops),
                                         .run = run,
                                         .begin = begin,
                                         .tx_run = tx_run,
                                         .commit = commit,
                                         .rollback = rollback,
                                         .rows_count = rows_count,
                                         .rows_affected = rows_affected,
                                         .is_null = is_null,
                                         .get_str = get_str,
                                         .get_int = get_int,
                                         .get_time = get_time,
                                         .get_bytes = get_str,
                                         .scan = scan,
                                         .batch_new = batch_new,
                                         .batch_submit = batch_submit,
                                         .batch_free = batch_free,
                                         .away_ms = away_ms,
                                         .migrations = migrations,
                                         .event_stmt = event_stmt,
                                         .event_list_stmt = event_list_stmt,
                                         .subscribe = testkit_subscribe,
                                         .job_type = testkit_job_type,
                                         .job_stmt = job_stmt,
                                         .job_progress = testkit_job_progress,
                                         .job_id = testkit_job_id,
                                         .job_get = job_get,
                                         .job_list = job_list,
                                         .job_cancel = by_id,
                                         .audit_stmt = audit_stmt,
                                         .dead_letter_list = dead_letter_list,
                                         .dead_letter_replay = by_id,
                                         .audit_list = audit_list,
                                         .months = months,
                                         .copy = copy,
                                         .job_wait = job_wait};
const struct bb_db_ops *bb_db_ = &testkit_db_ops;

size_t testkit_statements(const char *fragment)
{
        size_t count = 0;

        for (struct statement *s = statements; s != NULL; s = s->next)
                count += strstr(s->sql, fragment) != NULL;
        return count;
}

const char *testkit_parameter(const char *fragment, size_t index)
{
        for (struct statement *s = statements; s != NULL; s = s->next) {
                if (strstr(s->sql, fragment) != NULL)
                        return index < s->count && s->params[index] != NULL ? s->params[index] : "";
        }
        return "";
}

const char *testkit_events(void)
{
        buf_add_char(&events, '\0');
        events.len--;
        return events.ptr;
}

void testkit_db_reset(void)
{
        while (statements != NULL) {
                struct statement *s = statements;

                statements = s->next;
                for (size_t i = 0; i < s->count; i++)
                        free(s->params[i]);
                free(s->params);
                free(s);
        }
        while (expected != NULL) {
                struct expectation *e = expected;

                expected = e->next;
                free(e);
        }
        buf_free(&events);
}
