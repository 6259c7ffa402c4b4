/* SPDX-License-Identifier: Apache-2.0
 *
 * The implementation of "json/1" on jansson. A bb_json is a json_t that the arena of the task holds a reference to; a
 * value that is put into another one has two holders, and nobody frees anything by hand.
 */
#include "base/json.h"
#include "base/arena.h"
#include "base/decimal.h"
#include "base/json_value.h"
#include "base/number.h"
#include "base/str.h"
#include <busbar/log.h>
#include <stdlib.h>

const struct bb_json_ops *bb_json_ = &base_json_ops;

/* A value takes some 200 bytes, so that a megabyte of "[]," would become a hundred. */
enum { VALUES_MOST = 200000, WRITE_DEPTH_MOST = 256 };

/* Where json_member() was last. jansson walks its members by a chain; asking for one after the other must not start
 * from the front each time. Forgotten whenever an object may have changed or died. */
static _Thread_local struct {
        const json_t *object;
        void *iterator;
        size_t index;
} cursor;

static void drop(void *value)
{
        cursor.object = NULL;
        json_decref(value);
}

/* Takes over the reference. */
static bb_json *keep(json_t *value)
{
        if (value == NULL)
                abort(); /* jansson fails here only when memory is gone */
        arena_cleanup(arena_current, drop, value);
        return json_wrap(value);
}

/* jansson recurses up to 2048 levels, too deep for a task's stack, and has no limit on the number of values. So the
 * text is looked over first. Returns what is wrong, or NULL. */
static const char *check_size(bb_str text, int32_t *ret_line)
{
        size_t values = 0;
        int depth = 0;
        const char *p = text.ptr, *end = p + text.len;

        for (*ret_line = 1; p < end; p++) {
                switch (*p) {
                case '"':
                        for (p++; p < end && *p != '"'; p++)
                                p += *p == '\\' && p + 1 < end;
                        break;
                case '[':
                case '{':
                        values++;
                        if (++depth > JSON_DEPTH_MOST)
                                return "is nested deeper than 64 levels";
                        break;
                case ']':
                case '}':
                        depth--;
                        break;
                case ',':
                        if (++values > VALUES_MOST)
                                return "has more than 200,000 values";
                        break;
                case '\n':
                        ++*ret_line;
                        break;
                default:
                        break;
                }
        }
        return NULL;
}

static const char *syntax_text(const json_error_t *error)
{
        switch (json_error_code(error)) {
        case json_error_premature_end_of_input:
                return "ends too early";
        case json_error_end_of_input_expected:
                return "goes on after its end";
        case json_error_invalid_utf8:
                return "is not UTF-8";
        case json_error_duplicate_key:
                return "has the same member twice";
        case json_error_null_byte_in_key:
                return "has U+0000 in a member's name";
        case json_error_numeric_overflow:
                return "has a number that is too big";
        default:
                return "is not JSON";
        }
}

bb_err json_parse(bb_str text, bb_json **ret, struct bb_fault *ret_fault)
{
        struct bb_fault ignored = {.kind = BB_FAULT_NONE}, *fault = ret_fault != NULL ? ret_fault : &ignored;
        json_error_t error;
        const char *wrong;
        json_t *value;

        *fault = (struct bb_fault){.path = BB_STR("")};
        if (text.len == 0)
                return shape_fault(fault, BB_FAULT_SYNTAX, "is empty");
        wrong = check_size(text, &fault->line);
        if (wrong != NULL)
                return shape_fault(fault, BB_FAULT_SYNTAX, "%s", wrong);
        /* U+0000 passes here, so that a shape can say in which member it stands. */
        value = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
        if (value == NULL) {
                fault->line = error.line;
                return shape_fault(fault, BB_FAULT_SYNTAX, "%s (line %d, column %d)", syntax_text(&error), error.line,
                                   error.column);
        }
        fault->line = 0;
        *ret = keep(value);
        return BB_OK;
}

static void write_value(struct buf *out, const json_t *j, int depth);

static void write_object(struct buf *out, const json_t *j, int depth)
{
        json_t *object = json_of(json_wrap(j)); /* jansson's iterators are not const */
        int first = 1;

        buf_add_char(out, '{');
        for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
                if (!first)
                        buf_add_char(out, ',');
                first = 0;
                buf_add_json_str(out, (bb_str){json_object_iter_key(i), json_object_iter_key_len(i)});
                buf_add_char(out, ':');
                write_value(out, json_object_iter_value(i), depth + 1);
        }
        buf_add_char(out, '}');
}

static void write_array(struct buf *out, const json_t *j, int depth)
{
        size_t count = json_array_size(j);

        buf_add_char(out, '[');
        for (size_t i = 0; i < count; i++) {
                if (i > 0)
                        buf_add_char(out, ',');
                write_value(out, json_array_get(j, i), depth + 1);
        }
        buf_add_char(out, ']');
}

static void write_value(struct buf *out, const json_t *j, int depth)
{
        if (depth > WRITE_DEPTH_MOST)
                abort(); /* a value that holds itself: a defect, and the stack would end soon */
        switch (json_typeof(j)) {
        case JSON_OBJECT:
                write_object(out, j, depth);
                break;
        case JSON_ARRAY:
                write_array(out, j, depth);
                break;
        case JSON_STRING:
                buf_add_json_str(out, json_str_of(j));
                break;
        case JSON_INTEGER:
                number_add_int(out, json_integer_value(j));
                break;
        case JSON_REAL:
                number_add_real(out, json_real_value(j));
                break;
        case JSON_TRUE:
                buf_add_c(out, "true");
                break;
        case JSON_FALSE:
                buf_add_c(out, "false");
                break;
        case JSON_NULL:
                buf_add_c(out, "null");
                break;
        }
}

void json_write(struct buf *out, const json_t *j)
{
        if (j == NULL)
                buf_add_c(out, "null");
        else
                write_value(out, j, 0);
}

static bb_str json_text(const bb_json *j)
{
        _cleanup_buf_ struct buf out = {.ptr = NULL};

        json_write(&out, json_of(j));
        return arena_str(arena_current, buf_str(&out));
}

static int32_t json_kind(const bb_json *j)
{
        static const int32_t kinds[] = {
                [JSON_OBJECT] = BB_J_OBJECT, [JSON_ARRAY] = BB_J_ARRAY, [JSON_STRING] = BB_J_STR,
                [JSON_INTEGER] = BB_J_INT,   [JSON_REAL] = BB_J_REAL,   [JSON_TRUE] = BB_J_BOOL,
                [JSON_FALSE] = BB_J_BOOL,    [JSON_NULL] = BB_J_NULL,
        };

        return j != NULL ? kinds[json_typeof(json_of(j))] : BB_J_NULL;
}

static size_t json_count(const bb_json *j)
{
        const json_t *value = json_of(j);

        return json_is_array(value) ? json_array_size(value) : json_object_size(value);
}

static bb_json *json_member_get(const bb_json *object, const char *name)
{
        return json_wrap(json_object_get(json_of(object), name));
}

static bb_json *json_item(const bb_json *array, size_t index)
{
        return json_wrap(json_array_get(json_of(array), index));
}

static bb_err json_member(const bb_json *j, size_t index, bb_str *ret_name, bb_json **ret_value)
{
        json_t *object = json_of(j);

        if (index >= json_object_size(object))
                return BB_E_NOT_FOUND;
        if (cursor.object != object || cursor.index > index) {
                cursor.object = object;
                cursor.iterator = json_object_iter(object);
                cursor.index = 0;
        }
        for (; cursor.index < index; cursor.index++)
                cursor.iterator = json_object_iter_next(object, cursor.iterator);
        if (ret_name != NULL)
                *ret_name = (bb_str){json_object_iter_key(cursor.iterator), json_object_iter_key_len(cursor.iterator)};
        if (ret_value != NULL)
                *ret_value = json_wrap(json_object_iter_value(cursor.iterator));
        return BB_OK;
}

static bb_str json_as_str(const bb_json *j)
{
        return json_is_string(json_of(j)) ? json_str_of(json_of(j)) : BB_NONE;
}

/* Of a boolean too: 0 or 1. */
static int64_t json_as_int(const bb_json *j, int64_t otherwise)
{
        const json_t *value = json_of(j);

        if (json_is_integer(value))
                return json_integer_value(value);
        return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

static double json_as_real(const bb_json *j, double otherwise)
{
        return json_is_number(json_of(j)) ? json_number_value(json_of(j)) : otherwise;
}

static bb_json *json_new_object(void)
{
        return keep(json_object());
}

static bb_json *json_new_array(void)
{
        return keep(json_array());
}

/* A copy whose ill-formed parts are U+FFFD: jansson would refuse the whole string. */
static json_t *repaired_string(bb_str s)
{
        _cleanup_buf_ struct buf good = {.ptr = NULL};
        size_t step;

        for (size_t i = 0; i < s.len; i += step) {
                step = str_utf8_step(s.ptr + i, s.len - i);
                if (step > 0) {
                        buf_add(&good, s.ptr + i, step);
                        continue;
                }
                buf_add(&good, "\xef\xbf\xbd", 3);
                step = 1;
        }
        return json_stringn_nocheck(buf_str(&good).ptr, good.len);
}

static bb_json *json_new_str(bb_str s)
{
        if (s.ptr == NULL)
                return keep(json_null());
        return keep(str_utf8_valid(s) ? json_stringn_nocheck(s.ptr, s.len) : repaired_string(s));
}

static bb_json *json_new_int(int64_t v)
{
        return keep(json_integer(v));
}

static bb_json *json_new_real(double v)
{
        json_t *value = json_real(v);

        return keep(value != NULL ? value : json_null()); /* NaN and infinity are not JSON */
}

static bb_json *json_new_bool(int32_t v)
{
        return keep(json_boolean(v != 0));
}

static bb_json *json_new_null(void)
{
        return keep(json_null());
}

static void json_set(bb_json *object, const char *name, bb_json *value)
{
        cursor.object = NULL;
        if (value == NULL)
                return;
        if (json_object_set(json_of(object), name, json_of(value)) < 0)
                bb_log(BB_ERROR, "json.set",
                       "a value was set in what is no object, in itself, or under an ill-formed name");
}

static void json_append_item(bb_json *array, bb_json *value)
{
        cursor.object = NULL;
        if (value == NULL)
                return;
        if (json_array_append(json_of(array), json_of(value)) < 0)
                bb_log(BB_ERROR, "json.append", "a value was appended to what is no array, or to itself");
}

const struct bb_json_ops base_json_ops = {
        .size = sizeof(struct bb_json_ops),
        .parse = json_parse,
        .text = json_text,
        .kind = json_kind,
        .count = json_count,
        .get = json_member_get,
        .at = json_item,
        .member = json_member,
        .as_str = json_as_str,
        .as_int = json_as_int,
        .as_real = json_as_real,
        .new_object = json_new_object,
        .new_array = json_new_array,
        .new_str = json_new_str,
        .new_int = json_new_int,
        .new_real = json_new_real,
        .new_bool = json_new_bool,
        .new_null = json_new_null,
        .set = json_set,
        .append = json_append_item,
        .decode = shape_decode,
        .decode_text = shape_decode_text,
        .encode = shape_encode,
        .encode_text = shape_encode_text,
        .decimal = decimal_parse,
};
