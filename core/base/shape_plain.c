/* SPDX-License-Identifier: Apache-2.0
 *
 * Decoding by shape straight from the bytes, for what nearly all messages are: ASCII without escapes, whole numbers,
 * members that the shape knows, each once. It builds no tree, looks at each byte once, and has no verdict of its own:
 * whatever is not so plain, or not so right, is left to shape.c, which tells what is wrong. tests/fuzz/fuzz_shape.c
 * holds the two against each other.
 */
#include "base/arena.h"
#include "base/json.h"
#include "base/json_value.h"
#include "base/str.h"

enum { DEPTH_MOST = 32, FIELDS_MOST = 64, FIRST_ITEMS = 4, TEXT_BYTES_MOST = 65536 };
/* A double is what was written up to here, and so is an int64_t (core/base/shape.c, take_decimal). */
enum { DECIMAL_DIGITS_MOST = 15, INT_DIGITS_MOST = 18 };

struct reader {
        const char *at, *end;
        int depth;
};

static char next_char(struct reader *r)
{
        while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t'))
                r->at++;
        return r->at < r->end ? *r->at : '\0';
}

static int take_char(struct reader *r, char c)
{
        if (next_char(r) != c)
                return 0;
        r->at++;
        return 1;
}

/* What lies between the quotes: nothing that is written otherwise than it is read. */
static int take_string(struct reader *r, bb_str *ret)
{
        const char *start;

        if (!take_char(r, '"'))
                return 0;
        for (start = r->at; r->at < r->end && *r->at != '"'; r->at++) {
                if (*r->at < ' ' || *r->at > '~' || *r->at == '\\')
                        return 0;
        }
        if (r->at == r->end)
                return 0;
        *ret = (bb_str){.ptr = start, .len = (size_t)(r->at - start)};
        r->at++;
        return 1;
}

static int take_word(struct reader *r, bb_str word)
{
        if ((size_t)(r->end - r->at) < word.len || memcmp(r->at, word.ptr, word.len) != 0)
                return 0;
        r->at += word.len;
        return 1;
}

static size_t take_digits(struct reader *r)
{
        const char *start = r->at;

        while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
                r->at++;
        return (size_t)(r->at - start);
}

/* RFC 8259 §6, without exponents. */
static int take_number(struct reader *r, int fraction, bb_str *ret)
{
        const char *start;
        size_t whole, behind = 0;

        (void)next_char(r);
        start = r->at;
        r->at += r->at < r->end && *r->at == '-';
        whole = take_digits(r);
        if (whole == 0 || (whole > 1 && r->at[-(ptrdiff_t)whole] == '0'))
                return 0;
        if (fraction && r->at < r->end && *r->at == '.') {
                r->at++;
                behind = take_digits(r);
                if (behind == 0)
                        return 0;
        }
        if (whole + behind > (fraction ? DECIMAL_DIGITS_MOST : INT_DIGITS_MOST))
                return 0;
        *ret = (bb_str){.ptr = start, .len = (size_t)(r->at - start)};
        return r->at == r->end || (*r->at != '.' && *r->at != 'e' && *r->at != 'E');
}

/* --- scalars --- */

static int read_str(struct reader *r, const struct bb_field *f, void *at, struct bb_fault *ignored)
{
        bb_str s;

        return take_string(r, &s) && shape_take_str(f, arena_str(arena_current, s), at, ignored) == BB_OK;
}

static int read_int(struct reader *r, const struct bb_field *f, void *at, struct bb_fault *ignored)
{
        int64_t v;
        bb_str s;

        return take_number(r, 0, &s) && str_to_int(s, &v) == BB_OK && shape_take_int(f, v, at, ignored) == BB_OK;
}

static int read_bool(struct reader *r, const struct bb_field *f, void *at, struct bb_fault *ignored)
{
        int yes = next_char(r) == 't';

        (void)f, (void)ignored;
        return take_word(r, yes ? BB_STR("true") : BB_STR("false")) && shape_take_bool(yes, at) == BB_OK;
}

static int read_time(struct reader *r, const struct bb_field *f, void *at, struct bb_fault *ignored)
{
        bb_str s;

        return take_string(r, &s) && shape_take_time(f, s, at, ignored) == BB_OK;
}

static int read_enum(struct reader *r, const struct bb_field *f, void *at, struct bb_fault *ignored)
{
        bb_str s;

        return take_string(r, &s) && shape_take_enum(f, s, at, ignored) == BB_OK;
}

static int read_decimal(struct reader *r, const struct bb_field *f, void *at, struct bb_fault *ignored)
{
        bb_str s;

        return take_number(r, 1, &s) && shape_take_decimal(f, s, at, ignored) == BB_OK;
}

/* Without BB_T_JSON, which is a tree. */
static int (*const reads[])(struct reader *, const struct bb_field *, void *, struct bb_fault *) = {
        [BB_T_STR] = read_str,   [BB_T_INT] = read_int,         [BB_T_INT32] = read_int, [BB_T_BOOL] = read_bool,
        [BB_T_TIME] = read_time, [BB_T_DECIMAL] = read_decimal, [BB_T_ENUM] = read_enum,
};

static int read_scalar(struct reader *r, const struct bb_field *f, void *at)
{
        struct bb_fault ignored = {.kind = BB_FAULT_NONE};

        if (f->type < 0 || f->type >= (int32_t)BB_COUNT(reads) || reads[f->type] == NULL)
                return 0;
        return reads[f->type](r, f, at, &ignored);
}

/* --- objects and arrays --- */

static int read_object(struct reader *r, const struct bb_shape *s, char *out);

static int read_item(struct reader *r, const struct bb_field *f, char *at)
{
        const struct bb_field item = {.type = f->item, .values = f->values, .scale = f->scale};

        return f->item == 0 ? read_object(r, f->shape, at) : read_scalar(r, &item, at);
}

static int read_items(struct reader *r, const struct bb_field *f, struct bb_array *ret)
{
        size_t stride = shape_item_size(f), room = FIRST_ITEMS;

        ret->items = arena_alloc(arena_current, room * stride);
        if (take_char(r, ']'))
                return 1;
        do {
                if (ret->count == room) {
                        char *more = arena_alloc(arena_current, 2 * room * stride);

                        memcpy(more, ret->items, room * stride);
                        ret->items = more;
                        room *= 2;
                }
                if (!read_item(r, f, (char *)ret->items + ret->count * stride))
                        return 0;
                ret->count++;
        } while (take_char(r, ','));
        return take_char(r, ']');
}

static int read_array(struct reader *r, const struct bb_field *f, struct bb_array *ret)
{
        struct bb_array array = {.items = NULL};

        if (!take_char(r, '[') || !read_items(r, f, &array))
                return 0;
        if ((shape_has_max(f) && (int64_t)array.count > f->max) || (f->min > 0 && (int64_t)array.count < f->min))
                return 0;
        *ret = array;
        return 1;
}

static int read_field(struct reader *r, const struct bb_field *f, char *out)
{
        char *at = out + f->offset;

        if (f->type == BB_T_ARRAY)
                return read_array(r, f, (struct bb_array *)(void *)at);
        if (f->type != BB_T_OBJECT)
                return read_scalar(r, f, at);
        if ((f->flags & BB_PTR) != 0) {
                *(char **)(void *)at = arena_alloc(arena_current, f->shape->struct_size);
                at = *(char **)(void *)at;
        }
        return read_object(r, f->shape, at);
}

static int read_members(struct reader *r, const struct bb_shape *s, char *out, uint64_t *ret_seen)
{
        uint32_t guess = 0;

        if (take_char(r, '}'))
                return 1;
        do {
                bb_str name;
                uint32_t i;

                if (!take_string(r, &name) || !take_char(r, ':'))
                        return 0;
                i = shape_find_field(s, guess, name);
                if (i == UINT32_MAX || (*ret_seen >> i & 1) != 0 || (shape_field(s, i)->flags & BB_READONLY) != 0 ||
                    !read_field(r, shape_field(s, i), out))
                        return 0;
                *ret_seen |= UINT64_C(1) << i;
                guess = i + 1;
        } while (take_char(r, ','));
        return take_char(r, '}');
}

static int read_object(struct reader *r, const struct bb_shape *s, char *out)
{
        uint64_t seen = 0;

        if (s->field_count > FIELDS_MOST || ++r->depth > DEPTH_MOST || !take_char(r, '{') ||
            !read_members(r, s, out, &seen))
                return 0;
        r->depth--;
        for (uint32_t i = 0; i < s->field_count; i++) {
                const struct bb_field *f = shape_field(s, i);

                if ((seen >> i & 1) != 0)
                        continue;
                if ((f->flags & (BB_REQUIRED | BB_READONLY)) == BB_REQUIRED || shape_fill_absent(f, out) < 0)
                        return 0;
        }
        if (s->present_offset >= 0)
                *(uint64_t *)(void *)(out + s->present_offset) = seen;
        return 1;
}

int shape_decode_plain(const struct bb_shape *s, bb_str text, void *ret_struct)
{
        struct reader r = {.at = text.ptr, .end = text.ptr + text.len};

        if (text.len == 0 || text.len > TEXT_BYTES_MOST)
                return 0;
        return read_object(&r, s, ret_struct) && next_char(&r) == '\0' && r.at == r.end;
}
