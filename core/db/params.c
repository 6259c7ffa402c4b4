/* SPDX-License-Identifier: Apache-2.0
 *
 * Parameters in PostgreSQL's binary form: nothing is quoted, nothing ends at a NUL, and the server checks the types.
 */
#include "db/pool.h"
#include <string.h>

/* Type numbers of pg_type.dat; they never change. */
enum {
        OID_BOOL = 16,
        OID_BYTEA = 17,
        OID_INT8 = 20,
        OID_TEXT = 25,
        OID_INT8_ARRAY = 1016,
        OID_TEXT_ARRAY = 1009,
        OID_TIMESTAMPTZ = 1184,
        OID_TIMESTAMPTZ_ARRAY = 1185,
        OID_UUID = 2950,
        OID_UUID_ARRAY = 2951,
        OID_JSONB = 3802
};

static const Oid type_of[] = {[BB_P_NULL] = 0,
                              [BB_P_TEXT] = OID_TEXT,
                              [BB_P_INT] = OID_INT8,
                              [BB_P_BOOL] = OID_BOOL,
                              [BB_P_TIME] = OID_TIMESTAMPTZ,
                              [BB_P_JSON] = OID_JSONB,
                              [BB_P_BYTES] = OID_BYTEA,
                              [BB_P_UUID] = OID_UUID,
                              [BB_P_TEXT_ARRAY] = OID_TEXT_ARRAY,
                              [BB_P_INT_ARRAY] = OID_INT8_ARRAY,
                              [BB_P_TIME_ARRAY] = OID_TIMESTAMPTZ_ARRAY,
                              [BB_P_UUID_ARRAY] = OID_UUID_ARRAY};

#define EPOCH_2000_MS INT64_C(946684800000)
#define ARRAY_HEAD 20
#define UUID_BYTES 16
#define UUID_CHARS 36
#define VALUE_MAX ((size_t)256 * 1024 * 1024)

static char *put32(char *p, uint32_t v)
{
        v = __builtin_bswap32(v);
        memcpy(p, &v, sizeof(v));
        return p + sizeof(v);
}

static char *put64(char *p, uint64_t v)
{
        v = __builtin_bswap64(v);
        memcpy(p, &v, sizeof(v));
        return p + sizeof(v);
}

/* Microseconds since 2000. What does not fit is as far away as possible; the server refuses it. */
static uint64_t pg_time(int64_t ms)
{
        int64_t us;

        if (__builtin_sub_overflow(ms, EPOCH_2000_MS, &us) || __builtin_mul_overflow(us, 1000, &us))
                return (uint64_t)INT64_MAX - 1;
        return (uint64_t)us;
}

struct value {
        const char *ptr; /* NULL: SQL NULL */
        size_t len;
};

static struct value value_of_number(uint64_t v)
{
        char *p = arena_alloc(arena_current, sizeof(v));

        put64(p, v);
        return (struct value){.ptr = p, .len = sizeof(v)};
}

static struct value value_of_bool(int64_t v)
{
        char *p = arena_alloc(arena_current, 1);

        *p = v != 0;
        return (struct value){.ptr = p, .len = 1};
}

static struct value value_of_bytes(bb_str s)
{
        /* libpq takes a NULL pointer for SQL NULL, an empty string needs one that is not. */
        return (struct value){.ptr = s.ptr, .len = s.len};
}

/* jsonb's binary form is its text after a version byte. */
static struct value value_of_json(bb_str s)
{
        char *p;

        if (s.ptr == NULL)
                return (struct value){.ptr = NULL};
        p = arena_alloc(arena_current, s.len + 1);
        *p = 1;
        memcpy(p + 1, s.ptr, s.len);
        return (struct value){.ptr = p, .len = s.len + 1};
}

static int nibble(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        c = (char)(c | 0x20);
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 8-4-4-4-12 digits, nothing else. */
static bb_err put_uuid(char *p, bb_str s)
{
        if (s.len != UUID_CHARS)
                return BB_E_INVALID;
        for (size_t i = 0; i < s.len;) {
                int high, low;

                if (i == 8 || i == 13 || i == 18 || i == 23) {
                        if (s.ptr[i++] != '-')
                                return BB_E_INVALID;
                        continue;
                }
                high = nibble(s.ptr[i++]);
                low = nibble(s.ptr[i++]);
                if (high < 0 || low < 0)
                        return BB_E_INVALID;
                *p++ = (char)(high * 16 + low);
        }
        return BB_OK;
}

static bb_err value_of_uuid(bb_str s, struct value *ret)
{
        char *p;

        *ret = (struct value){.ptr = NULL};
        if (s.ptr == NULL)
                return BB_OK;
        ret->ptr = p = arena_alloc(arena_current, UUID_BYTES);
        ret->len = UUID_BYTES;
        return put_uuid(p, s);
}

/* One dimension, from 1: dimensions, has NULLs, element type, length, lower bound; then length and bytes of each. */
static char *array_head(char *p, size_t count, int has_null, Oid type)
{
        p = put32(p, count > 0 ? 1 : 0);
        p = put32(p, (uint32_t)has_null);
        p = put32(p, type);
        if (count == 0)
                return p;
        p = put32(p, (uint32_t)count);
        return put32(p, 1);
}

static struct value value_of_numbers(const int64_t *items, size_t count, Oid type)
{
        char *start = arena_alloc(arena_current, ARRAY_HEAD + count * 12), *p;

        p = array_head(start, count, 0, type);
        for (size_t i = 0; i < count; i++) {
                p = put32(p, 8);
                p = put64(p, type == OID_TIMESTAMPTZ ? pg_time(items[i]) : (uint64_t)items[i]);
        }
        return (struct value){.ptr = start, .len = (size_t)(p - start)};
}

static struct value value_of_texts(const bb_str *items, size_t count)
{
        size_t room = ARRAY_HEAD + count * 4;
        int has_null = 0;
        char *start, *p;

        for (size_t i = 0; i < count; i++) {
                room += items[i].len;
                has_null |= items[i].ptr == NULL;
        }
        start = arena_alloc(arena_current, room);
        p = array_head(start, count, has_null, OID_TEXT);
        for (size_t i = 0; i < count; i++) {
                p = put32(p, items[i].ptr == NULL ? UINT32_MAX : (uint32_t)items[i].len);
                if (items[i].len > 0)
                        memcpy(p, items[i].ptr, items[i].len);
                p += items[i].len;
        }
        return (struct value){.ptr = start, .len = (size_t)(p - start)};
}

static bb_err value_of_uuids(const bb_str *items, size_t count, struct value *ret)
{
        char *start = arena_alloc(arena_current, ARRAY_HEAD + count * (4 + UUID_BYTES)), *p;
        int has_null = 0;

        for (size_t i = 0; i < count; i++)
                has_null |= items[i].ptr == NULL;
        p = array_head(start, count, has_null, OID_UUID);
        for (size_t i = 0; i < count; i++) {
                p = put32(p, items[i].ptr == NULL ? UINT32_MAX : UUID_BYTES);
                if (items[i].ptr == NULL)
                        continue;
                if (items[i].len == UUID_BYTES)
                        memcpy(p, items[i].ptr, UUID_BYTES);
                else
                        TRY(put_uuid(p, items[i]));
                p += UUID_BYTES;
        }
        *ret = (struct value){.ptr = start, .len = (size_t)(p - start)};
        return BB_OK;
}

static bb_err value_of(const struct bb_param *p, struct value *ret)
{
        static const char empty[1];

        *ret = (struct value){.ptr = NULL};
        switch (p->kind) {
        case BB_P_NULL:
                return BB_OK;
        case BB_P_TEXT:
        case BB_P_BYTES:
                *ret = value_of_bytes(p->str);
                if (ret->ptr != NULL && ret->len == 0)
                        ret->ptr = empty;
                return BB_OK;
        case BB_P_INT:
                *ret = value_of_number((uint64_t)p->num);
                return BB_OK;
        case BB_P_BOOL:
                *ret = value_of_bool(p->num);
                return BB_OK;
        case BB_P_TIME:
                *ret = value_of_number(pg_time(p->num));
                return BB_OK;
        case BB_P_JSON:
                *ret = value_of_json(p->str);
                return BB_OK;
        case BB_P_UUID:
                return value_of_uuid(p->str, ret);
        case BB_P_TEXT_ARRAY:
                *ret = value_of_texts(p->array, p->count);
                return BB_OK;
        case BB_P_INT_ARRAY:
                *ret = value_of_numbers(p->array, p->count, OID_INT8);
                return BB_OK;
        case BB_P_TIME_ARRAY:
                *ret = value_of_numbers(p->array, p->count, OID_TIMESTAMPTZ);
                return BB_OK;
        case BB_P_UUID_ARRAY:
                return value_of_uuids(p->array, p->count, ret);
        default:
                return BB_E_INVALID;
        }
}

/* A NULL may say what it would have been. */
static bb_err oid_of(const struct bb_param *p, Oid *ret)
{
        int32_t kind = p->kind == BB_P_NULL ? p->null_kind : p->kind;

        if (kind < 0 || (size_t)kind >= BB_COUNT(type_of))
                return BB_E_INVALID;
        *ret = type_of[kind];
        return BB_OK;
}

bb_err params_values(const struct bb_stmt *stmt, struct encoded *ret)
{
        size_t n = stmt->param_count;
        Oid *types = arena_alloc(arena_current, sizeof(Oid) * (n + 1));
        const char **values = arena_alloc(arena_current, sizeof(*values) * (n + 1));
        int *lengths = arena_alloc(arena_current, sizeof(int) * (n + 1));
        int *formats = arena_alloc(arena_current, sizeof(int) * (n + 1));

        if (stmt->sql == NULL || n > UINT16_MAX)
                return BB_E_INVALID;
        for (size_t i = 0; i < n; i++) {
                struct value v;

                TRY(oid_of(&stmt->params[i], &types[i]));
                TRY(value_of(&stmt->params[i], &v));
                if (v.len > VALUE_MAX)
                        return BB_E_LIMIT;
                values[i] = v.ptr;
                lengths[i] = (int)v.len;
                formats[i] = 1;
        }
        *ret = (struct encoded){.sql = stmt->sql,
                                .param_count = n,
                                .types = types,
                                .values = values,
                                .lengths = lengths,
                                .formats = formats,
                                .flags = stmt->flags};
        return BB_OK;
}

bb_err params_encode(const struct bb_stmt *stmt, struct encoded *ret)
{
        TRY(params_values(stmt, ret));
        ret->prepared = prepared_find(stmt->sql, ret->types, ret->param_count);
        return BB_OK;
}

struct encoded plain_statement(const char *sql)
{
        static const Oid none;

        return (struct encoded){.sql = sql, .prepared = prepared_find(sql, &none, 0)};
}

void tenant_statement(const bb_tenant *tenant, struct encoded *ret)
{
        struct bb_stmt stmt = BB_STMT("select set_config('busbar.tenant', $1, true)", BB_TEXT(tenant->id));

        /* A text is always well formed. */
        (void)params_encode(&stmt, ret);
}
