/* SPDX-License-Identifier: Apache-2.0
 *
 * What every resource of the API has in common: pages with keyset cursors, ETags, merging changes.
 */
#include "admin.h"

int64_t int_query(bb_request *req, const char *name, int64_t otherwise)
{
        bb_str text = bb_request_query(req, name);
        size_t negative = text.len > 0 && text.ptr[0] == '-';
        int64_t value = 0;

        if (text.len == 0)
                return otherwise;
        /* The router has checked that it is a number that fits; downwards, since INT64_MIN has no positive twin. */
        for (size_t i = negative; i < text.len; i++)
                value = value * 10 - (text.ptr[i] - '0');
        return negative ? value : -value;
}

bb_err int_of(bb_str text, int64_t *ret)
{
        size_t negative = text.len > 1 && text.ptr[0] == '-';
        int64_t n = 0;

        if (text.len == 0 || text.len - negative > 10)
                return BB_E_NOT_FOUND;
        for (size_t i = negative; i < text.len; i++) {
                if (text.ptr[i] < '0' || text.ptr[i] > '9')
                        return BB_E_NOT_FOUND;
                n = n * 10 + (text.ptr[i] - '0');
        }
        *ret = negative ? -n : n;
        return BB_OK;
}

bb_err query_in_range(bb_response *res, const char *name, int64_t value, int64_t min, int64_t max)
{
        if (value >= min && value <= max)
                return BB_OK;
        return bb_problem(res, BB_E_INVALID, 400, "invalid-parameter",
                          bb_print("The query parameter \"%s\" must be from %lld to %lld.", name, (long long)min,
                                   (long long)max));
}

bb_err filters_filled(bb_request *req, bb_response *res, ...)
{
        const char *name, *empty = NULL;
        va_list names;
        bb_str text;

        va_start(names, res);
        while (empty == NULL && (name = va_arg(names, const char *)) != NULL) {
                text = bb_request_query(req, name);
                if (text.ptr != NULL && text.len == 0)
                        empty = name;
        }
        va_end(names);
        if (empty == NULL)
                return BB_OK;
        return bb_problem(
                res, BB_E_INVALID, 400, "invalid-parameter",
                bb_print("The query parameter \"%s\" must not be empty; leave it out for everything.", empty));
}

int32_t bool_query(bb_request *req, const char *name)
{
        bb_str text = bb_request_query(req, name);

        if (text.ptr == NULL)
                return -1;
        return bb_str_is(text, "true") || bb_str_is(text, "1");
}

bb_err time_query(bb_request *req, const char *name, int64_t *ret)
{
        bb_str text = bb_request_query(req, name);

        *ret = 0;
        return text.ptr != NULL ? bb_time_parse(text, ret) : BB_OK;
}

bb_err page_of(bb_request *req, bb_response *res, struct page *ret)
{
        return bb_page(req, res, &ret->limit, &ret->after);
}

bb_err page_fault(bb_response *res, const struct page *page, bb_err err)
{
        if (page->after.ptr == NULL || (err != BB_E_NOT_FOUND && err != BB_E_INVALID))
                return err;
        return bb_problem(res, BB_E_INVALID, 400, "bad-cursor",
                          BB_STR("The query parameter cursor is not one that this list gave out."));
}

/* The contract says "0: absent" of times and of what may be unknown; a shape wants present bits. */
static void mark_present(const struct bb_shape *shape, void *object)
{
        uint64_t *present = (void *)((char *)object + shape->present_offset);

        *present = 0;
        for (uint32_t i = 0; i < shape->field_count; i++) {
                const struct bb_field *field = &shape->fields[i];
                void *member = (char *)object + field->offset;
                int32_t zero_is_absent = field->type == BB_T_TIME || field->type == BB_T_DECIMAL ||
                                         (field->type == BB_T_INT && (field->flags & BB_NULLABLE));

                if (field->type == BB_T_ARRAY && field->shape != NULL) {
                        const struct bb_array *array = member;

                        for (size_t k = 0; k < array->count; k++)
                                mark_present(field->shape, (char *)array->items + k * field->shape->struct_size);
                }
                if (!zero_is_absent || *(const int64_t *)member != 0)
                        *present |= 1ull << i;
        }
}

bb_str path_segment(bb_str s)
{
        static const char hex[] = "0123456789ABCDEF";
        char *out = bb_alloc(s.len * 3 + 1);
        size_t n = 0;

        for (size_t i = 0; i < s.len; i++) {
                unsigned char c = (unsigned char)s.ptr[i];

                if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
                    c == '_' || c == '.' || c == '~') {
                        out[n++] = (char)c;
                        continue;
                }
                out[n++] = '%';
                out[n++] = hex[c >> 4];
                out[n++] = hex[c & 15];
        }
        return (bb_str){.ptr = out, .len = n};
}

void page_send(bb_response *res, const struct bb_shape *shape, void *items, size_t count, const struct page *page,
               bb_str last)
{
        bb_json *list = bb_json_new_array();

        for (size_t i = 0; i < count; i++) {
                void *item = (char *)items + i * shape->struct_size;

                mark_present(shape, item);
                bb_json_append(list, bb_shape_encode(shape, item));
        }
        bb_response_page(res, list, count > 0 && count == page->limit ? last : BB_NONE);
}

bb_json *json_of(bb_str text)
{
        struct bb_fault fault;
        bb_json *value;

        return text.len > 0 && bb_json_parse(text, &value, &fault) == BB_OK ? value : NULL;
}

bb_json *object_json(const struct bb_shape *shape, void *object)
{
        mark_present(shape, object);
        return bb_shape_encode(shape, object);
}

void object_encode(bb_response *res, const struct bb_shape *shape, void *object)
{
        bb_response_json(res, object_json(shape, object));
}

static bb_str tag_of(int64_t version)
{
        return bb_print("v%lld", (long long)version);
}

bb_err object_send(bb_request *req, bb_response *res, const struct bb_shape *shape, void *object, int64_t version)
{
        TRY(bb_etag(req, res, tag_of(version)));
        object_encode(res, shape, object);
        return BB_OK;
}

bb_err version_wanted(bb_request *req, bb_response *res, int32_t exists, int64_t version, int64_t *ret_if_version)
{
        bb_str if_match = bb_request_header(req, "if-match"), if_none = bb_request_header(req, "if-none-match");

        *ret_if_version = 0;
        if (bb_str_is(if_none, "*")) {
                *ret_if_version = -1;
                return exists ? bb_problem(res, BB_E_PRECONDITION, 412, "exists", BB_STR("It exists already.")) : BB_OK;
        }
        if (if_match.ptr == NULL)
                return BB_OK;
        if (!exists)
                return bb_problem(res, BB_E_PRECONDITION, 412, "no-such-version",
                                  BB_STR("There is nothing to change yet."));
        TRY(bb_etag(req, res, tag_of(version)));
        *ret_if_version = version;
        return BB_OK;
}

static bb_json *overlay(const bb_json *below, const bb_json *above)
{
        bb_json *merged = bb_json_new_object();
        bb_json *value;
        bb_str name;

        for (size_t i = 0; below != NULL && i < bb_json_count(below); i++) {
                if (bb_json_member(below, i, &name, &value) == BB_OK && bb_json_get(above, bb_str_c(name)) == NULL)
                        bb_json_set(merged, bb_str_c(name), value);
        }
        for (size_t i = 0; i < bb_json_count(above); i++) {
                if (bb_json_member(above, i, &name, &value) == BB_OK && bb_json_kind(value) != BB_J_NULL)
                        bb_json_set(merged, bb_str_c(name), value);
        }
        return merged;
}

bb_err body_over(bb_request *req, bb_response *res, const struct bb_shape *shape, void *present_object,
                 void *ret_struct)
{
        bb_json *body;
        struct bb_fault fault;

        if (present_object != NULL)
                mark_present(shape, present_object);

        /* The router has checked the body against the shape already; what can fail now is the merged whole. */
        TRY(bb_json_parse(bb_request_body(req), &body, &fault));
        if (bb_shape_decode(shape,
                            overlay(present_object != NULL ? bb_shape_encode(shape, present_object) : NULL, body),
                            ret_struct, &fault) == BB_OK)
                return BB_OK;
        bb_problem_field(res, fault.path, fault.text);
        return bb_problem(res, BB_E_INVALID, 422, "validation-failed", BB_STR("The change does not fit."));
}

void changed_send(bb_request *req, bb_response *res, const struct bb_shape *shape, void *object, int64_t version,
                  int32_t created, bb_str path)
{
        if (created) {
                bb_response_status(res, 201);
                bb_response_header(res, "Location",
                                   bb_print("%.*s%.*s", BB_FMT(bb_request_base_url(req)), BB_FMT(path)));
        }
        bb_response_header(res, "ETag", bb_print("\"%.*s\"", BB_FMT(tag_of(version))));
        object_encode(res, shape, object);
}
