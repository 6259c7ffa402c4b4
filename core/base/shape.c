/* SPDX-License-Identifier: Apache-2.0
 *
 * Decoding by shape: checks a JSON value against a table and fills a struct from it. Faults are found in the order of
 * the table, members that it does not know come last. The hot path of every message, so it allocates nothing but arrays
 * and nested structs; paths are put together only when there is a fault to tell.
 */
#include "base/arena.h"
#include "base/json.h"
#include "base/json_value.h"
#include "base/number.h"
#include "base/str.h"
#include <inttypes.h>
#include <stdio.h>

enum { LOCAL_FIELDS = 64, PATH_NAME_BYTES_MOST = 128 };

/* Where we are in the document; lives on the stack, from the innermost place outwards. */
struct place {
        const struct place *outer;
        bb_str name; /* of a member; ptr NULL: an item */
        size_t index;
};

static void add_place(struct buf *out, const struct place *p)
{
        bb_str name;

        if (p == NULL)
                return;
        add_place(out, p->outer);
        buf_add_char(out, '/');
        if (p->name.ptr == NULL) {
                number_add_int(out, (int64_t)p->index);
                return;
        }
        name = str_clip(p->name, PATH_NAME_BYTES_MOST);
        for (size_t i = 0; i < name.len; i++) { /* RFC 6901 §3 */
                if (name.ptr[i] == '~' || name.ptr[i] == '/')
                        buf_add(out, name.ptr[i] == '~' ? "~0" : "~1", 2);
                else
                        buf_add_char(out, name.ptr[i]);
        }
}

static bb_err set_path(struct bb_fault *fault, const struct place *p)
{
        _cleanup_buf_ struct buf path = {.ptr = NULL};

        add_place(&path, p);
        fault->path = arena_str(arena_current, buf_str(&path));
        return BB_E_INVALID;
}

static bb_err fault_type(struct bb_fault *fault, const char *expected, const json_t *value)
{
        static const char *const kinds[] = {
                [JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array", [JSON_STRING] = "a string",
                [JSON_INTEGER] = "a number", [JSON_REAL] = "a number",  [JSON_TRUE] = "true",
                [JSON_FALSE] = "false",      [JSON_NULL] = "null",
        };

        return shape_fault(fault, BB_FAULT_TYPE, "must be %s, is %s", expected, kinds[json_typeof(value)]);
}

static bb_err take_str(const struct bb_field *f, const json_t *v, void *at, struct bb_fault *fault)
{
        if (!json_is_string(v))
                return fault_type(fault, "a string", v);
        return shape_take_str(f, json_str_of(v), at, fault);
}

static bb_err take_int(const struct bb_field *f, const json_t *v, void *at, struct bb_fault *fault)
{
        const double exact = 9007199254740992.0; /* 2^53: whole doubles up to here are what was written */
        double real;

        if (json_is_integer(v))
                return shape_take_int(f, json_integer_value(v), at, fault);
        if (!json_is_real(v))
                return fault_type(fault, "a whole number", v);
        /* "1.0" and "1e3" are integers to JSON Schema, and some stations' serialisers write them. */
        real = json_real_value(v);
        if (real < -exact || real > exact || (double)(int64_t)real != real)
                return shape_fault(fault, BB_FAULT_TYPE, "must be a whole number");
        return shape_take_int(f, (int64_t)real, at, fault);
}

static bb_err take_bool(const struct bb_field *f, const json_t *v, void *at, struct bb_fault *fault)
{
        (void)f;
        if (!json_is_boolean(v))
                return fault_type(fault, "true or false", v);
        return shape_take_bool(json_is_true(v), at);
}

static bb_err take_time(const struct bb_field *f, const json_t *v, void *at, struct bb_fault *fault)
{
        if (!json_is_string(v))
                return fault_type(fault, "a string with a date and time", v);
        return shape_take_time(f, json_str_of(v), at, fault);
}

static bb_err take_enum(const struct bb_field *f, const json_t *v, void *at, struct bb_fault *fault)
{
        if (!json_is_string(v))
                return fault_type(fault, "a string", v);
        return shape_take_enum(f, json_str_of(v), at, fault);
}

static bb_err take_decimal(const struct bb_field *f, const json_t *v, void *at, struct bb_fault *fault)
{
        char text[32];

        if (!json_is_number(v))
                return fault_type(fault, "a number", v);
        /* The shortest text of the double is what the sender wrote, up to 15 digits: 1.005 rounds as 1.005. */
        if (json_is_real(v))
                (void)number_shortest(json_real_value(v), text);
        else
                (void)snprintf(text, sizeof(text), "%" PRId64, (int64_t)json_integer_value(v));
        return shape_take_decimal(f, bb_cstr(text), at, fault);
}

/* jansson lets U+0000 through, PostgreSQL's jsonb does not. */
static int has_nul(const json_t *v)
{
        json_t *object = json_of(json_wrap(v));

        if (json_is_string(v))
                return strlen(json_string_value(v)) != json_string_length(v);
        for (size_t i = 0; i < json_array_size(v); i++) {
                if (has_nul(json_array_get(v, i)))
                        return 1;
        }
        for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
                if (has_nul(json_object_iter_value(i)))
                        return 1;
        }
        return 0;
}

static bb_err take_json(const struct bb_field *f, const json_t *v, void *at, struct bb_fault *fault)
{
        (void)f;
        if (has_nul(v))
                return shape_fault(fault, BB_FAULT_VALUE, "must not contain U+0000");
        *(bb_json **)at = json_wrap(v);
        return BB_OK;
}

static bb_err (*const takes[])(const struct bb_field *, const json_t *, void *, struct bb_fault *) = {
        [BB_T_STR] = take_str,   [BB_T_INT] = take_int,         [BB_T_INT32] = take_int, [BB_T_BOOL] = take_bool,
        [BB_T_TIME] = take_time, [BB_T_DECIMAL] = take_decimal, [BB_T_ENUM] = take_enum, [BB_T_JSON] = take_json,
};

static bb_err take_scalar(const struct bb_field *f, const json_t *v, void *at, struct bb_fault *fault)
{
        if (f->type < 0 || f->type >= (int32_t)BB_COUNT(takes) || takes[f->type] == NULL)
                return shape_fault(fault, BB_FAULT_TYPE, "has a type that this version does not know");
        return takes[f->type](f, v, at, fault);
}

static bb_err decode_object(const struct bb_shape *s, const json_t *object, char *out, const struct place *here,
                            struct bb_fault *fault);

static bb_err check_item_count(const struct bb_field *f, size_t count, struct bb_fault *fault)
{
        if (shape_has_max(f) && (int64_t)count > f->max)
                return shape_fault(fault, BB_FAULT_MISSING, "must have at most %lld item%s, has %zu", (long long)f->max,
                                   f->max == 1 ? "" : "s", count);
        if (f->min > 0 && (int64_t)count < f->min)
                return shape_fault(fault, BB_FAULT_MISSING, "must have at least %lld item%s, has %zu",
                                   (long long)f->min, f->min == 1 ? "" : "s", count);
        return BB_OK;
}

static bb_err decode_item(const struct bb_field *f, const json_t *v, char *at, const struct place *here,
                          struct bb_fault *fault)
{
        /* The field's limits are the array's; its items share only what tells how to read them. */
        struct bb_field item = {.type = f->item, .values = f->values, .scale = f->scale};

        if (f->item == 0)
                return decode_object(f->shape, v, at, here, fault);
        if (take_scalar(&item, v, at, fault) < 0)
                return set_path(fault, here);
        return BB_OK;
}

static bb_err decode_array(const struct bb_field *f, const json_t *v, struct bb_array *ret, const struct place *here,
                           struct bb_fault *fault)
{
        size_t count = json_array_size(v), stride = shape_item_size(f);
        char *items;

        if (!json_is_array(v)) {
                (void)fault_type(fault, "an array", v);
                return set_path(fault, here);
        }
        if (check_item_count(f, count, fault) < 0)
                return set_path(fault, here);
        items = arena_alloc(arena_current, count * stride);
        for (size_t i = 0; i < count; i++) {
                struct place inner = {.outer = here, .index = i};

                TRY(decode_item(f, json_array_get(v, i), items + i * stride, &inner, fault));
        }
        *ret = (struct bb_array){.items = items, .count = count};
        return BB_OK;
}

static bb_err decode_field(const struct bb_field *f, const json_t *v, char *out, const struct place *here,
                           struct bb_fault *fault)
{
        char *at = out + f->offset;

        if (f->type == BB_T_ARRAY)
                return decode_array(f, v, (struct bb_array *)(void *)at, here, fault);
        if (f->type == BB_T_OBJECT && (f->flags & BB_PTR) != 0) {
                *(char **)(void *)at = arena_alloc(arena_current, f->shape->struct_size);
                at = *(char **)(void *)at;
        }
        if (f->type == BB_T_OBJECT)
                return decode_object(f->shape, v, at, here, fault);
        if (take_scalar(f, v, at, fault) < 0)
                return set_path(fault, here);
        return BB_OK;
}

/* A fallback that its own shape refuses is a defect of the table; it is told like a fault, so that it is noticed. */
static bb_err fill_fallback(const struct bb_field *f, char *out, const struct place *here, struct bb_fault *fault)
{
        bb_json *value;

        if (f->type == BB_T_ARRAY || f->type == BB_T_OBJECT || f->type == BB_T_JSON) {
                if (json_parse(bb_cstr(f->fallback), &value, fault) < 0)
                        return set_path(fault, here);
                return decode_field(f, json_of(value), out, here, fault);
        }
        if (shape_scalar_from_text(f, bb_cstr(f->fallback), out, &fault->text) == BB_OK)
                return BB_OK;
        fault->kind = BB_FAULT_VALUE;
        return set_path(fault, here);
}

/* An optional struct that is embedded, not pointed to, gets its own fallbacks: a section of the configuration that is
 * left out altogether. */
static bb_err fill_absent(const struct bb_field *f, char *out, const struct place *here, struct bb_fault *fault)
{
        if (f->fallback != NULL)
                return fill_fallback(f, out, here, fault);
        if (f->type != BB_T_OBJECT || (f->flags & BB_PTR) != 0)
                return BB_OK;
        for (uint32_t i = 0; i < f->shape->field_count; i++) {
                const struct bb_field *inner = shape_field(f->shape, i);
                struct place at = {.outer = here, .name = bb_cstr(inner->name)};

                TRY(fill_absent(inner, out + f->offset, &at, fault));
        }
        return BB_OK;
}

bb_err shape_fill_absent(const struct bb_field *f, char *out)
{
        struct bb_fault ignored = {.kind = BB_FAULT_NONE};

        return fill_absent(f, out, NULL, &ignored);
}

static int is_absent(const struct bb_field *f, const json_t *v)
{
        return v == NULL || (f->flags & BB_READONLY) != 0 || ((f->flags & BB_NULLABLE) != 0 && json_is_null(v));
}

static bb_err decode_member(const struct bb_shape *s, uint32_t index, const json_t *v, char *out,
                            const struct place *outer, struct bb_fault *fault)
{
        const struct bb_field *f = shape_field(s, index);
        struct place here = {.outer = outer, .name = {.ptr = f->name, .len = 0}};

        if (is_absent(f, v)) {
                if ((f->flags & (BB_REQUIRED | BB_READONLY)) != BB_REQUIRED) {
                        here.name.len = strlen(f->name);
                        return fill_absent(f, out, &here, fault);
                }
                here.name = bb_cstr(f->name);
                (void)shape_fault(fault, BB_FAULT_MISSING, "is required");
                return set_path(fault, &here);
        }
        here.name.len = strlen(f->name);
        TRY(decode_field(f, v, out, &here, fault));
        if (s->present_offset >= 0 && index < 64)
                *(uint64_t *)(void *)(out + s->present_offset) |= UINT64_C(1) << index;
        return BB_OK;
}

static int is_field(const struct bb_shape *s, uint32_t index, bb_str name)
{
        const char *field = shape_field(s, index)->name;

        return strncmp(field, name.ptr, name.len) == 0 && field[name.len] == '\0';
}

uint32_t shape_find_field(const struct bb_shape *s, uint32_t guess, bb_str name)
{
        for (uint32_t i = guess; i < s->field_count; i++) {
                if (is_field(s, i, name))
                        return i;
        }
        for (uint32_t i = 0; i < guess && i < s->field_count; i++) {
                if (is_field(s, i, name))
                        return i;
        }
        return UINT32_MAX;
}

/* Sorts the members into `found`; the first one that the shape does not have goes to *ret_unknown. */
static void sort_members(const struct bb_shape *s, const json_t *v, const json_t **found, bb_str *ret_unknown)
{
        json_t *object = json_of(json_wrap(v));
        uint32_t guess = 0;

        for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
                bb_str name = {json_object_iter_key(i), json_object_iter_key_len(i)};
                uint32_t index = shape_find_field(s, guess, name);

                if (index == UINT32_MAX) {
                        if (ret_unknown->ptr == NULL)
                                *ret_unknown = name;
                        continue;
                }
                found[index] = json_object_iter_value(i);
                guess = index + 1;
        }
}

/* The same for an object with far more members than fields: the time it takes must not be the product of the two. */
static void sort_members_by_lookup(const struct bb_shape *s, const json_t *v, const json_t **found, bb_str *ret_unknown)
{
        json_t *object = json_of(json_wrap(v));

        for (uint32_t i = 0; i < s->field_count; i++)
                found[i] = json_object_get(v, shape_field(s, i)->name);
        for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
                bb_str name = {json_object_iter_key(i), json_object_iter_key_len(i)};

                if (shape_find_field(s, 0, name) == UINT32_MAX) {
                        *ret_unknown = name;
                        return;
                }
        }
}

static bb_err decode_object(const struct bb_shape *s, const json_t *object, char *out, const struct place *here,
                            struct bb_fault *fault)
{
        const json_t *local[LOCAL_FIELDS], **found = local;
        bb_str unknown = BB_NONE;

        if (!json_is_object(object)) {
                (void)fault_type(fault, "an object", object);
                return set_path(fault, here);
        }
        if (s->field_count > LOCAL_FIELDS)
                found = arena_alloc(arena_current, s->field_count * sizeof(*found));
        memset(found, 0, s->field_count * sizeof(*found));
        if (json_object_size(object) <= s->field_count + 64u)
                sort_members(s, object, found, &unknown);
        else
                sort_members_by_lookup(s, object, found, &unknown);
        for (uint32_t i = 0; i < s->field_count; i++)
                TRY(decode_member(s, i, found[i], out, here, fault));
        if (unknown.ptr != NULL && (s->flags & BB_SHAPE_OPEN) == 0) {
                struct place at = {.outer = here, .name = unknown};

                (void)shape_fault(fault, BB_FAULT_UNKNOWN, "is not known here");
                return set_path(fault, &at);
        }
        return BB_OK;
}

bb_err shape_decode(const struct bb_shape *s, const bb_json *value, void *ret_struct, struct bb_fault *ret_fault)
{
        struct bb_fault ignored = {.kind = BB_FAULT_NONE}, *fault = ret_fault != NULL ? ret_fault : &ignored;

        *fault = (struct bb_fault){.path = BB_STR("")};
        memset(ret_struct, 0, s->struct_size);
        if (!json_is_object(json_of(value)))
                return shape_fault(fault, BB_FAULT_SYNTAX, "must be a JSON object");
        return decode_object(s, json_of(value), ret_struct, NULL, fault);
}

bb_err shape_decode_text(const struct bb_shape *s, bb_str text, void *ret_struct, struct bb_fault *ret_fault)
{
        bb_json *value;

        memset(ret_struct, 0, s->struct_size);
        if (shape_decode_plain(s, text, ret_struct)) {
                if (ret_fault != NULL)
                        *ret_fault = (struct bb_fault){.path = BB_STR("")};
                return BB_OK;
        }
        memset(ret_struct, 0, s->struct_size);
        TRY(json_parse(text, &value, ret_fault));
        return shape_decode(s, value, ret_struct, ret_fault);
}
