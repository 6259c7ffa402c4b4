/* SPDX-License-Identifier: Apache-2.0
 *
 * COPY takes no parameters. So each value becomes a setting of the transaction, and each $n of the text the expression
 * that reads it: stable, so the planner knows the value, an index is used, and row security lets it pass, since no
 * column goes through it. An array is read once by a subquery instead: taking it apart for each row would be slow.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "db/copy.h"
#include <string.h>

static const char *const type_names[] = {[BB_P_TEXT] = "text",          [BB_P_INT] = "bigint",
                                         [BB_P_BOOL] = "boolean",       [BB_P_TIME] = "timestamptz",
                                         [BB_P_JSON] = "jsonb",         [BB_P_BYTES] = "bytea",
                                         [BB_P_UUID] = "uuid",          [BB_P_TEXT_ARRAY] = "text[]",
                                         [BB_P_INT_ARRAY] = "bigint[]", [BB_P_TIME_ARRAY] = "timestamptz[]",
                                         [BB_P_UUID_ARRAY] = "uuid[]"};

struct reader {
        bb_str sql;
        size_t at;
        struct buf out;
        const struct bb_stmt *stmt;
        const struct encoded *values;
};

static char look(const struct reader *r, size_t ahead)
{
        return r->at + ahead < r->sql.len ? r->sql.ptr[r->at + ahead] : '\0';
}

static void keep(struct reader *r, size_t count)
{
        size_t left = r->sql.len - r->at;

        if (count > left)
                count = left;
        buf_add(&r->out, r->sql.ptr + r->at, count);
        r->at += count;
}

static int is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static int starts_name(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
}

/* Up to and with the text that ends it. */
static void keep_through(struct reader *r, size_t from, bb_str end)
{
        const char *start = r->sql.ptr + r->at;
        size_t left = r->sql.len - r->at;
        const char *found = from < left ? memmem(start + from, left - from, end.ptr, end.len) : NULL;

        keep(r, found != NULL ? (size_t)(found - start) + end.len : left);
}

/* 'it''s' is two literals side by side to this reader, which is as good. */
static void keep_quoted(struct reader *r, char quote, int escapes)
{
        size_t i = 1;

        while (look(r, i) != '\0' && look(r, i) != quote)
                i += escapes && look(r, i) == '\\' ? 2 : 1;
        keep(r, i + 1);
}

static void keep_comment(struct reader *r)
{
        int depth = 0;

        do {
                int opens = look(r, 0) == '/' && look(r, 1) == '*', closes = look(r, 0) == '*' && look(r, 1) == '/';

                depth += opens - closes;
                keep(r, opens || closes ? 2 : 1);
        } while (depth > 0 && r->at < r->sql.len);
}

/* A name may have a $ in it. One that is E goes with a literal in which \' does not end it. */
static void keep_name(struct reader *r)
{
        size_t len = 1;
        int escapes = (look(r, 0) | 0x20) == 'e' && look(r, 1) == '\'';

        while (starts_name(look(r, len)) || is_digit(look(r, len)) || look(r, len) == '$')
                len++;
        keep(r, len);
        if (escapes)
                keep_quoted(r, '\'', 1);
}

static void add_value(struct reader *r, size_t n, const char *type)
{
        if (r->values->values[n] == NULL)
                buf_print(&r->out, "(null::%s)", type);
        else if (type[strlen(type) - 1] == ']')
                buf_print(&r->out, "((select pg_catalog.current_setting('busbar.p%zu')::%s)::%s)", n + 1, type, type);
        else
                buf_print(&r->out, "(pg_catalog.current_setting('busbar.p%zu')::%s)", n + 1, type);
}

static bb_err replace_parameter(struct reader *r)
{
        const struct bb_param *p;
        size_t n = 0, len = 1;
        int32_t kind;

        for (; is_digit(look(r, len)); len++)
                n = n < 100000 ? n * 10 + (size_t)(look(r, len) - '0') : n;
        if (n == 0 || n > r->stmt->param_count)
                return BB_E_INVALID;
        p = &r->stmt->params[n - 1];
        kind = p->kind == BB_P_NULL ? p->null_kind : p->kind;
        if (kind == BB_P_NULL)
                buf_add_c(&r->out, "null");
        else
                add_value(r, n - 1, type_names[kind]);
        r->at += len;
        return BB_OK;
}

/* $1, or $tag$ … $tag$. */
static bb_err read_dollar(struct reader *r)
{
        size_t len = 1;

        if (is_digit(look(r, 1)))
                return replace_parameter(r);
        while (starts_name(look(r, len)) || (len > 1 && is_digit(look(r, len))))
                len++;
        if (look(r, len) == '$')
                keep_through(r, len + 1, (bb_str){.ptr = r->sql.ptr + r->at, .len = len + 1});
        else
                keep(r, len);
        return BB_OK;
}

static bb_err read_piece(struct reader *r)
{
        char c = look(r, 0), next = look(r, 1);

        if (c == '$')
                return read_dollar(r);
        if (starts_name(c))
                keep_name(r);
        else if (c == '\'' || c == '"')
                keep_quoted(r, c, 0);
        else if (c == '-' && next == '-')
                keep_through(r, 2, BB_STR("\n"));
        else if (c == '/' && next == '*')
                keep_comment(r);
        else
                keep(r, 1);
        return BB_OK;
}

bb_err copy_text(const struct bb_stmt *stmt, const struct encoded *values, bb_str *ret)
{
        struct reader r = {.sql = bb_cstr(stmt->sql), .stmt = stmt, .values = values};
        bb_err err = BB_OK;

        while (r.at < r.sql.len && err == BB_OK)
                err = read_piece(&r);
        if (err == BB_OK)
                *ret = arena_str(arena_current, buf_str(&r.out));
        buf_free(&r.out);
        return err;
}
