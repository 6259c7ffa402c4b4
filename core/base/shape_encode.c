/* SPDX-License-Identifier: Apache-2.0
 *
 * Encoding by shape, straight into a buffer. Members stand in the order of the table, without spaces.
 */
#include "base/arena.h"
#include "base/json.h"
#include "base/json_value.h"
#include "base/number.h"
#include "base/time.h"
#include <busbar/log.h>

static void put_object(struct buf *out, const struct bb_shape *s, const char *object);

static void put_str(struct buf *out, const struct bb_field *f, const void *at)
{
        bb_str s = *(const bb_str *)at;

        if (s.ptr == NULL && (f->flags & BB_NULLABLE) != 0)
                buf_add_c(out, "null");
        else
                buf_add_json_str(out, s);
}

static void put_int(struct buf *out, const struct bb_field *f, const void *at)
{
        (void)f;
        number_add_int(out, *(const int64_t *)at);
}

static void put_int32(struct buf *out, const struct bb_field *f, const void *at)
{
        (void)f;
        number_add_int(out, *(const int32_t *)at);
}

static void put_bool(struct buf *out, const struct bb_field *f, const void *at)
{
        (void)f;
        buf_add_c(out, *(const int32_t *)at != 0 ? "true" : "false");
}

static void put_time(struct buf *out, const struct bb_field *f, const void *at)
{
        char text[32];
        size_t len = time_format(*(const int64_t *)at, text);

        (void)f;
        buf_add_char(out, '"');
        buf_add(out, text, len);
        buf_add_char(out, '"');
}

/* NULL for an index that the table does not have. */
static const char *enum_name(const struct bb_field *f, int32_t index)
{
        for (int32_t i = 0; f->values[i] != NULL; i++) {
                if (i == index)
                        return f->values[i];
        }
        return NULL;
}

static void put_enum(struct buf *out, const struct bb_field *f, const void *at)
{
        const char *name = enum_name(f, *(const int32_t *)at);

        if (name != NULL)
                buf_add_json_str(out, bb_cstr(name));
        else
                buf_add_c(out, "null");
}

static void put_decimal(struct buf *out, const struct bb_field *f, const void *at)
{
        number_add_decimal(out, *(const int64_t *)at, f->scale);
}

static void put_json(struct buf *out, const struct bb_field *f, const void *at)
{
        (void)f;
        json_write(out, json_of(*(bb_json *const *)at));
}

static void put_nested(struct buf *out, const struct bb_field *f, const void *at)
{
        const char *object = (f->flags & BB_PTR) != 0 ? *(const char *const *)at : at;

        if (object != NULL)
                put_object(out, f->shape, object);
        else
                buf_add_c(out, "null");
}

static void put_array(struct buf *out, const struct bb_field *f, const void *at);

static void (*const puts_[])(struct buf *, const struct bb_field *, const void *) = {
        [BB_T_STR] = put_str,         [BB_T_INT] = put_int,       [BB_T_INT32] = put_int32, [BB_T_BOOL] = put_bool,
        [BB_T_TIME] = put_time,       [BB_T_ENUM] = put_enum,     [BB_T_JSON] = put_json,   [BB_T_ARRAY] = put_array,
        [BB_T_DECIMAL] = put_decimal, [BB_T_OBJECT] = put_nested,
};

static int is_type(int32_t type)
{
        return type > 0 && type < (int32_t)BB_COUNT(puts_) && puts_[type] != NULL;
}

static void put_array(struct buf *out, const struct bb_field *f, const void *at)
{
        const struct bb_array *a = at;
        struct bb_field item = {.type = f->item != 0 ? f->item : BB_T_OBJECT,
                                .values = f->values,
                                .scale = f->scale,
                                .shape = f->shape};
        size_t stride = shape_item_size(f);

        buf_add_char(out, '[');
        for (size_t i = 0; a->items != NULL && i < a->count && is_type(item.type); i++) {
                if (i > 0)
                        buf_add_char(out, ',');
                puts_[item.type](out, &item, (const char *)a->items + i * stride);
        }
        buf_add_char(out, ']');
}

/* Strings, arrays and pointers tell by themselves whether they are there; scalars by their present bit. */
static int is_there(const struct bb_shape *s, uint32_t index, const struct bb_field *f, const char *object)
{
        const char *at = object + f->offset;

        if ((f->flags & BB_SECRET) != 0 || !is_type(f->type))
                return 0;
        if ((f->flags & BB_REQUIRED) != 0)
                return 1;
        if (f->type == BB_T_STR)
                return ((const bb_str *)(const void *)at)->ptr != NULL;
        if (f->type == BB_T_ARRAY)
                return ((const struct bb_array *)(const void *)at)->items != NULL;
        if (f->type == BB_T_JSON || (f->type == BB_T_OBJECT && (f->flags & BB_PTR) != 0))
                return *(const void *const *)(const void *)at != NULL;
        if (s->present_offset < 0 || index >= 64)
                return 1;
        return (*(const uint64_t *)(const void *)(object + s->present_offset) >> index & 1) != 0;
}

static void put_object(struct buf *out, const struct bb_shape *s, const char *object)
{
        int first = 1;

        buf_add_char(out, '{');
        for (uint32_t i = 0; i < s->field_count; i++) {
                const struct bb_field *f = shape_field(s, i);

                if (!is_there(s, i, f, object))
                        continue;
                if (!first)
                        buf_add_char(out, ',');
                first = 0;
                buf_add_json_str(out, bb_cstr(f->name));
                buf_add_char(out, ':');
                puts_[f->type](out, f, object + f->offset);
        }
        buf_add_char(out, '}');
}

bb_str shape_encode_text(const struct bb_shape *s, const void *object)
{
        _cleanup_buf_ struct buf out = {.ptr = NULL};

        buf_reserve(&out, 512);
        put_object(&out, s, object);
        return arena_str(arena_current, buf_str(&out));
}

/* By way of the text: one set of rules, and the values' limits of depth and number hold here too. */
bb_json *shape_encode(const struct bb_shape *s, const void *object)
{
        bb_json *value;

        if (json_parse(shape_encode_text(s, object), &value, NULL) == BB_OK)
                return value;
        bb_log(BB_ERROR, "shape.encode", "an object is too big to be JSON", bb_kv_cstr("shape", s->name));
        return base_json_ops.new_object();
}
