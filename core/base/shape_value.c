/* SPDX-License-Identifier: Apache-2.0
 *
 * One scalar of a shape: its limits, and its way into the struct. Both JSON (shape.c) and text (query parameters,
 * configuration, fallbacks) come through here, so that a limit is checked and worded once.
 */
#include "base/arena.h"
#include "base/json.h"
#include "base/json_value.h"
#include "base/number.h"
#include "base/str.h"
#include "base/time.h"

const struct bb_field *shape_field(const struct bb_shape *s, uint32_t index)
{
        return (const struct bb_field *)(const void *)((const char *)s->fields + (size_t)index * s->field_size);
}

bb_err shape_fault(struct bb_fault *fault, int32_t kind, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        fault->kind = kind;
        fault->text = arena_vprint(arena_current, format, args);
        va_end(args);
        return BB_E_INVALID;
}

int shape_has_min(const struct bb_field *f)
{
        return f->min != 0 || f->max != 0;
}

int shape_has_max(const struct bb_field *f)
{
        return f->max >= f->min && (f->min != 0 || f->max != 0);
}

size_t shape_item_size(const struct bb_field *f)
{
        static const size_t sizes[] = {
                [BB_T_STR] = sizeof(bb_str),     [BB_T_INT] = sizeof(int64_t),   [BB_T_BOOL] = sizeof(int32_t),
                [BB_T_TIME] = sizeof(int64_t),   [BB_T_ENUM] = sizeof(int32_t),  [BB_T_DECIMAL] = sizeof(int64_t),
                [BB_T_JSON] = sizeof(bb_json *), [BB_T_INT32] = sizeof(int32_t),
        };

        if (f->item == 0)
                return f->shape->struct_size;
        return f->item > 0 && f->item < (int32_t)BB_COUNT(sizes) ? sizes[f->item] : 0;
}

static const char *plural(int64_t n, const char *one, const char *many)
{
        return n == 1 ? one : many;
}

bb_err shape_take_str(const struct bb_field *f, bb_str s, void *at, struct bb_fault *fault)
{
        if (s.len > 0 && memchr(s.ptr, '\0', s.len) != NULL)
                return shape_fault(fault, BB_FAULT_VALUE, "must not contain U+0000");
        /* A character has one to four bytes: most strings need no counting. */
        if (shape_has_max(f) && (int64_t)s.len > f->max) {
                int64_t count = (int64_t)str_utf8_count(s);

                if (count > f->max)
                        return shape_fault(fault, BB_FAULT_VALUE, "must be at most %lld %s, is %lld", (long long)f->max,
                                           plural(f->max, "character", "characters"), (long long)count);
        }
        if (f->min > 0 && (int64_t)s.len < f->min * 4) {
                int64_t count = (int64_t)str_utf8_count(s);

                if (count < f->min)
                        return shape_fault(fault, BB_FAULT_VALUE, "must be at least %lld %s, is %lld",
                                           (long long)f->min, plural(f->min, "character", "characters"),
                                           (long long)count);
        }
        *(bb_str *)at = s;
        return BB_OK;
}

static bb_err check_range(const struct bb_field *f, int64_t v, struct bb_fault *fault)
{
        if (shape_has_min(f) && v < f->min)
                return shape_fault(fault, BB_FAULT_VALUE, "must be at least %lld, is %lld", (long long)f->min,
                                   (long long)v);
        if (shape_has_max(f) && v > f->max)
                return shape_fault(fault, BB_FAULT_VALUE, "must be at most %lld, is %lld", (long long)f->max,
                                   (long long)v);
        return BB_OK;
}

bb_err shape_take_int(const struct bb_field *f, int64_t v, void *at, struct bb_fault *fault)
{
        TRY(check_range(f, v, fault));
        if (f->type != BB_T_INT32) {
                *(int64_t *)at = v;
                return BB_OK;
        }
        if (v < INT32_MIN || v > INT32_MAX)
                return shape_fault(fault, BB_FAULT_VALUE, "must be within 32 bits, is %lld", (long long)v);
        *(int32_t *)at = (int32_t)v;
        return BB_OK;
}

bb_err shape_take_bool(int32_t v, void *at)
{
        *(int32_t *)at = v != 0;
        return BB_OK;
}

bb_err shape_take_time(const struct bb_field *f, bb_str s, void *at, struct bb_fault *fault)
{
        (void)f;
        if (time_parse(s, at) < 0)
                return shape_fault(fault, BB_FAULT_VALUE,
                                   "must be a date and time with a zone, like 2026-11-22T09:00:00Z");
        return BB_OK;
}

static bb_err fault_not_listed(const struct bb_field *f, struct bb_fault *fault)
{
        _cleanup_buf_ struct buf list = {.ptr = NULL};

        for (size_t i = 0; f->values[i] != NULL; i++) {
                if (i > 0)
                        buf_add_c(&list, f->values[i + 1] != NULL ? ", " : " or ");
                buf_add_c(&list, f->values[i]);
        }
        return shape_fault(fault, BB_FAULT_VALUE, "must be %s%.*s",
                           f->values[0] != NULL && f->values[1] != NULL ? "one of " : "", BB_FMT(buf_str(&list)));
}

bb_err shape_take_enum(const struct bb_field *f, bb_str s, void *at, struct bb_fault *fault)
{
        for (int32_t i = 0; f->values[i] != NULL; i++) {
                const char *name = f->values[i];

                if (strncmp(name, s.ptr, s.len) == 0 && name[s.len] == '\0') {
                        *(int32_t *)at = i;
                        return BB_OK;
                }
        }
        return fault_not_listed(f, fault);
}

/* A scaled value as people write it, for a sentence. */
static bb_str decimal_text(int64_t v, int scale)
{
        _cleanup_buf_ struct buf b = {.ptr = NULL};

        number_add_decimal(&b, v, scale);
        return arena_str(arena_current, buf_str(&b));
}

bb_err shape_take_decimal(const struct bb_field *f, bb_str text, void *at, struct bb_fault *fault)
{
        int64_t v;

        if (str_to_decimal(text, f->scale, &v) < 0)
                return shape_fault(fault, BB_FAULT_VALUE, "must be a number of a sensible size");
        if (shape_has_min(f) && v < f->min)
                return shape_fault(fault, BB_FAULT_VALUE, "must be at least %.*s",
                                   BB_FMT(decimal_text(f->min, f->scale)));
        if (shape_has_max(f) && v > f->max)
                return shape_fault(fault, BB_FAULT_VALUE, "must be at most %.*s",
                                   BB_FMT(decimal_text(f->max, f->scale)));
        *(int64_t *)at = v;
        return BB_OK;
}

static bb_err text_str(const struct bb_field *f, bb_str text, void *at, struct bb_fault *fault)
{
        if (!str_utf8_valid(text))
                return shape_fault(fault, BB_FAULT_VALUE, "must be UTF-8");
        return shape_take_str(f, text.ptr != NULL ? text : BB_STR(""), at, fault);
}

static bb_err text_int(const struct bb_field *f, bb_str text, void *at, struct bb_fault *fault)
{
        int64_t v;

        if (str_to_int(text, &v) < 0)
                return shape_fault(fault, BB_FAULT_TYPE, "must be a whole number");
        return shape_take_int(f, v, at, fault);
}

static bb_err text_bool(const struct bb_field *f, bb_str text, void *at, struct bb_fault *fault)
{
        (void)f;
        if (!bb_str_is(text, "true") && !bb_str_is(text, "false"))
                return shape_fault(fault, BB_FAULT_TYPE, "must be true or false");
        return shape_take_bool(bb_str_is(text, "true"), at);
}

static bb_err text_enum(const struct bb_field *f, bb_str text, void *at, struct bb_fault *fault)
{
        return shape_take_enum(f, text.ptr != NULL ? text : BB_STR(""), at, fault);
}

bb_err shape_scalar_from_text(const struct bb_field *f, bb_str text, void *ret_struct, bb_str *ret_why)
{
        static bb_err (*const takes[])(const struct bb_field *, bb_str, void *, struct bb_fault *) = {
                [BB_T_STR] = text_str,
                [BB_T_INT] = text_int,
                [BB_T_INT32] = text_int,
                [BB_T_BOOL] = text_bool,
                [BB_T_ENUM] = text_enum,
                [BB_T_TIME] = shape_take_time,
                [BB_T_DECIMAL] = shape_take_decimal,
        };
        struct bb_fault fault = {.kind = BB_FAULT_NONE};
        bb_err err;

        if (f->type < 0 || f->type >= (int32_t)BB_COUNT(takes) || takes[f->type] == NULL)
                err = shape_fault(&fault, BB_FAULT_TYPE, "cannot be written as a single value");
        else
                err = takes[f->type](f, text, (char *)ret_struct + f->offset, &fault);
        if (ret_why != NULL)
                *ret_why = fault.text;
        return err;
}
