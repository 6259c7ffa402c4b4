/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the files of base that implement "json/1": what stands behind bb_json, and the writing of it.
 */
#ifndef CORE_BASE_JSON_VALUE_H
#define CORE_BASE_JSON_VALUE_H

#include "base/buf.h"
#include <busbar/shape.h>
#include <jansson.h>

enum { JSON_DEPTH_MOST = 64 };

static inline json_t *json_of(const bb_json *j)
{
        return (json_t *)(uintptr_t)j;
}
static inline bb_json *json_wrap(const json_t *j)
{
        return (bb_json *)(uintptr_t)j;
}
static inline bb_str json_str_of(const json_t *j)
{
        return (bb_str){.ptr = json_string_value(j), .len = json_string_length(j)};
}

/* Parses into the task's memory. BB_E_INVALID with the fault otherwise; ret_fault may be NULL. */
bb_err json_parse(bb_str text, bb_json **ret, struct bb_fault *ret_fault);
/* Compact text. */
void json_write(struct buf *out, const json_t *);

/* A value at `at` (f->offset already added) from what JSON or text gave; `ret_fault` gets kind and text.
 * (shape_value.c) */
bb_err shape_take_str(const struct bb_field *, bb_str, void *at, struct bb_fault *ret_fault);
bb_err shape_take_int(const struct bb_field *, int64_t, void *at, struct bb_fault *ret_fault);
bb_err shape_take_bool(int32_t, void *at);
bb_err shape_take_time(const struct bb_field *, bb_str, void *at, struct bb_fault *ret_fault);
bb_err shape_take_enum(const struct bb_field *, bb_str, void *at, struct bb_fault *ret_fault);
/* `text` is the number as JSON writes it. */
bb_err shape_take_decimal(const struct bb_field *, bb_str text, void *at, struct bb_fault *ret_fault);
/* Sets kind and text (printf, in the task's memory); returns BB_E_INVALID. */
bb_err shape_fault(struct bb_fault *, int32_t kind, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Does the field limit its value from above? 0, 0 is no limit at all; max < min is none from above. */
int shape_has_min(const struct bb_field *);
int shape_has_max(const struct bb_field *);
/* Bytes of one item of a BB_T_ARRAY. */
size_t shape_item_size(const struct bb_field *);

/* Index of the field named `name`, looked for from `guess` on, since messages come in the order of their tables.
 * UINT32_MAX: there is none. (shape.c) */
uint32_t shape_find_field(const struct bb_shape *, uint32_t guess, bb_str name);
/* What a field becomes that is not there. */
bb_err shape_fill_absent(const struct bb_field *, char *ret_struct);
/* Straight from the bytes: 1 when they are written plainly and fit the shape. 0 says nothing of them, and the struct
 * may be half filled. (shape_plain.c) */
int shape_decode_plain(const struct bb_shape *, bb_str text, void *ret_struct);

bb_err shape_decode(const struct bb_shape *, const bb_json *, void *ret_struct, struct bb_fault *ret_fault);
bb_err shape_decode_text(const struct bb_shape *, bb_str, void *ret_struct, struct bb_fault *ret_fault);
bb_json *shape_encode(const struct bb_shape *, const void *object);
bb_str shape_encode_text(const struct bb_shape *, const void *object);

#endif
