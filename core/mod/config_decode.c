/* SPDX-License-Identifier: Apache-2.0
 *
 * A tree of the configuration into a struct, by a shape. Unlike JSON's decoder (base/shape.c) it goes on after a fault,
 * so that all of a file's faults are told at once, each with its line, what was expected and what was found.
 */
#include "base/json.h"
#include "base/str.h"
#include "mod/config_tree.h"
#include <stdlib.h>

#define SHOWN_CHARACTERS 40
#define NEAREST_MAX 64

struct decoder {
        struct config_source *source;
        size_t faults;
};

static void decode_map(struct decoder *, const struct config_node *, bb_str path, int32_t line, const struct bb_shape *,
                       void *ret_struct);

/* --- words --- */

static bb_str bounds_text(struct arena *arena, int64_t min, int64_t max, const char *unit)
{
        if (min == 0 && max == 0)
                return BB_STR("");
        if (max == 0)
                return arena_print(arena, " of at least %lld%s", (long long)min, unit);
        if (max == INT64_MAX)
                return arena_print(arena, " of at least %lld%s", (long long)min, unit);
        if (min == 0 && unit[0] != '\0')
                return arena_print(arena, " of at most %lld%s", (long long)max, unit);
        return arena_print(arena, " from %lld to %lld%s", (long long)min, (long long)max, unit);
}

static bb_str enum_text(struct arena *arena, const struct bb_field *field)
{
        bb_str text = BB_STR("one of");

        for (size_t i = 0; field->values != NULL && field->values[i] != NULL; i++)
                text = arena_print(arena, "%.*s%s %s", BB_FMT(text), i > 0 ? "," : "", field->values[i]);
        return text;
}

static bb_str list_text(struct arena *arena, const struct bb_field *field)
{
        bb_str bounds = bounds_text(arena, field->min, field->max, " items");

        return arena_print(arena, "a list%.*s", BB_FMT(bounds));
}

/* What belongs here, in words. */
static bb_str expected_text(struct arena *arena, const struct bb_field *field)
{
        bb_str bounds;

        switch (field->type) {
        case BB_T_STR:
                bounds = bounds_text(arena, field->min, field->max, " characters");
                return arena_print(arena, "text%.*s", BB_FMT(bounds));
        case BB_T_INT:
        case BB_T_INT32:
                bounds = bounds_text(arena, field->min, field->max, "");
                return arena_print(arena, "a whole number%.*s", BB_FMT(bounds));
        case BB_T_BOOL:
                return BB_STR("true or false");
        case BB_T_TIME:
                return BB_STR("a time such as 2026-01-31T12:00:00Z");
        case BB_T_ENUM:
                return enum_text(arena, field);
        case BB_T_DECIMAL:
                return arena_print(arena, "a number of at most %d decimals", (int)field->scale);
        case BB_T_ARRAY:
                return list_text(arena, field);
        case BB_T_OBJECT:
                return BB_STR("a mapping of names to values");
        default:
                return BB_STR("a value");
        }
}

/* What the shape says of the field, which is a sentence in some and a few words in others. */
static const char *about_text(struct arena *arena, const struct bb_field *field)
{
        bb_str about = bb_cstr(field->about);

        if (about.len > 0 && about.ptr[about.len - 1] == '.')
                about.len--;
        return about.len > 0 ? arena_print(arena, " (%.*s)", BB_FMT(about)).ptr : "";
}

static bb_str found_text(struct arena *arena, const struct config_node *node, int32_t secret)
{
        bb_str shown;

        if (config_is_null(node))
                return BB_STR("nothing");
        if (node->kind == CONFIG_LIST)
                return BB_STR("a list");
        if (node->kind == CONFIG_MAP)
                return BB_STR("a mapping");
        if (secret || node->secret)
                return BB_STR("a secret that does not fit");
        shown = str_sub(node->text, 0, SHOWN_CHARACTERS);
        /* Not in the middle of a character. */
        while (shown.len > 0 && !str_utf8_valid(shown))
                shown.len--;
        return arena_print(arena, "%s\"%.*s%s\"", node->plain ? "" : "the text ", BB_FMT(shown),
                           shown.len < node->text.len ? "…" : "");
}

__attribute__((format(printf, 4, 5))) static void fault(struct decoder *d, int32_t line, bb_str path,
                                                        const char *format, ...)
{
        va_list args;

        d->faults++;
        va_start(args, format);
        config_error_vprint(d->source->errors, d->source->name, line, path.ptr, format, args);
        va_end(args);
}

static void wrong(struct decoder *d, const struct config_node *node, bb_str path, const struct bb_field *field)
{
        struct arena *arena = d->source->errors->arena;
        bb_str expected = expected_text(arena, field);
        bb_str found = found_text(arena, node, field->flags & BB_SECRET);

        fault(d, node->line, path, "expected %.*s%s, found %.*s", BB_FMT(expected), about_text(arena, field),
              BB_FMT(found));
}

static bb_str path_join(struct decoder *d, bb_str path, bb_str name)
{
        if (path.len == 0)
                return arena_str(d->source->errors->arena, name);
        return arena_print(d->source->errors->arena, "%.*s.%.*s", BB_FMT(path), BB_FMT(name));
}

/* --- the nearest name --- */

static size_t least(size_t a, size_t b, size_t c)
{
        size_t ab = a < b ? a : b;

        return ab < c ? ab : c;
}

/* Levenshtein's distance, with one row. */
static size_t distance(bb_str a, bb_str b)
{
        size_t row[NEAREST_MAX + 1];

        for (size_t j = 0; j <= b.len; j++)
                row[j] = j;
        for (size_t i = 1; i <= a.len; i++) {
                size_t diagonal = row[0];

                row[0] = i;
                for (size_t j = 1; j <= b.len; j++) {
                        size_t above = row[j];
                        size_t cost = a.ptr[i - 1] == b.ptr[j - 1] ? 0 : 1;

                        row[j] = least(above + 1, row[j - 1] + 1, diagonal + cost);
                        diagonal = above;
                }
        }
        return row[b.len];
}

const char *config_nearest(bb_str wrong_name, const char *const *names, size_t count)
{
        const char *best = NULL;
        size_t best_distance = wrong_name.len / 3 + 2;

        if (wrong_name.len == 0 || wrong_name.len > NEAREST_MAX)
                return NULL;
        for (size_t i = 0; i < count; i++) {
                bb_str name = bb_cstr(names[i]);
                size_t d;

                if (name.len > NEAREST_MAX)
                        continue;
                d = distance(wrong_name, name);
                if (d < best_distance && d < name.len) {
                        best = names[i];
                        best_distance = d;
                }
        }
        return best;
}

/* --- values of any kind, for BB_T_JSON --- */

static bb_json *json_of_scalar(const struct config_node *node)
{
        struct bb_fault ignored;
        bb_json *value;
        int32_t kind;

        if (config_is_null(node))
                return bb_json_new_null();
        if (!node->plain)
                return bb_json_new_str(node->text);
        /* A plain scalar that is a JSON number or truth value is one; everything else is text. */
        if (bb_json_parse(node->text, &value, &ignored) < 0)
                return bb_json_new_str(node->text);
        kind = bb_json_kind(value);
        if (kind == BB_J_BOOL || kind == BB_J_INT || kind == BB_J_REAL)
                return value;
        return bb_json_new_str(node->text);
}

static bb_json *json_of(const struct config_node *node)
{
        bb_json *value;

        if (node->kind == CONFIG_SCALAR)
                return json_of_scalar(node);
        value = node->kind == CONFIG_MAP ? bb_json_new_object() : bb_json_new_array();
        for (const struct config_node *n = node->first; n != NULL; n = n->next) {
                if (node->kind == CONFIG_MAP)
                        bb_json_set(value, n->key.ptr, json_of(n));
                else
                        bb_json_append(value, json_of(n));
        }
        return value;
}

/* --- fields --- */

/* Text in quotes is text: a number or a truth value in quotes was meant otherwise than it would work. */
static int32_t wants_plain(int32_t type)
{
        return type == BB_T_INT || type == BB_T_INT32 || type == BB_T_BOOL || type == BB_T_DECIMAL;
}

static void decode_scalar(struct decoder *d, const struct config_node *node, bb_str path, const struct bb_field *field,
                          void *ret_struct)
{
        bb_str why = BB_NONE;

        if (node->kind != CONFIG_SCALAR || config_is_null(node) ||
            (wants_plain(field->type) && !node->plain && !node->secret)) {
                wrong(d, node, path, field);
                return;
        }
        if (shape_scalar_from_text(field, node->text, ret_struct, &why) < 0)
                wrong(d, node, path, field);
}

static size_t scalar_size(int32_t type)
{
        switch (type) {
        case BB_T_STR:
                return sizeof(bb_str);
        case BB_T_BOOL:
        case BB_T_ENUM:
        case BB_T_INT32:
                return sizeof(int32_t);
        case BB_T_JSON:
                return sizeof(bb_json *);
        default:
                return sizeof(int64_t);
        }
}

static void decode_items(struct decoder *d, const struct config_node *node, bb_str path, const struct bb_field *field,
                         struct bb_array *ret)
{
        struct bb_field item = {.name = field->name,
                                .type = field->item,
                                .flags = field->flags,
                                .scale = field->scale,
                                .values = field->values,
                                .about = field->about};
        size_t size = field->item != 0 ? scalar_size(field->item) : field->shape->struct_size;
        size_t i = 0;

        ret->count = node->count;
        ret->items = arena_alloc(d->source->arena, node->count * size + 1);
        for (const struct config_node *n = node->first; n != NULL; n = n->next, i++) {
                bb_str at = arena_print(d->source->errors->arena, "%.*s[%zu]", BB_FMT(path), i);
                void *slot = (char *)ret->items + i * size;

                if (field->item == BB_T_JSON)
                        *(bb_json **)slot = json_of(n);
                else if (field->item != 0)
                        decode_scalar(d, n, at, &item, slot);
                else
                        decode_map(d, n, at, n->line, field->shape, slot);
        }
}

static void decode_array(struct decoder *d, const struct config_node *node, bb_str path, const struct bb_field *field,
                         struct bb_array *ret)
{
        if (node->kind != CONFIG_LIST) {
                wrong(d, node, path, field);
                return;
        }
        if ((int64_t)node->count < field->min || (field->max > 0 && (int64_t)node->count > field->max)) {
                bb_str expected = list_text(d->source->errors->arena, field);

                fault(d, node->line, path, "expected %.*s, found %zu", BB_FMT(expected), node->count);
                return;
        }
        decode_items(d, node, path, field, ret);
}

static void decode_object(struct decoder *d, const struct config_node *node, bb_str path, int32_t line,
                          const struct bb_field *field, void *slot)
{
        void *object = slot;

        if (node != NULL && node->kind != CONFIG_MAP && !config_is_null(node)) {
                wrong(d, node, path, field);
                return;
        }
        if (field->flags & BB_PTR) {
                if (node == NULL || config_is_null(node))
                        return;
                object = arena_alloc(d->source->arena, field->shape->struct_size);
                *(void **)slot = object;
        }
        decode_map(d, node, path, line, field->shape, object);
}

static void decode_field(struct decoder *d, const struct config_node *node, bb_str path, const struct bb_field *field,
                         void *ret_struct)
{
        void *slot = (char *)ret_struct + field->offset;

        switch (field->type) {
        case BB_T_ARRAY:
                decode_array(d, node, path, field, slot);
                return;
        case BB_T_JSON:
                *(bb_json **)slot = json_of(node);
                return;
        default:
                decode_scalar(d, node, path, field, ret_struct);
                return;
        }
}

static void fall_back(struct decoder *d, bb_str path, int32_t line, const struct bb_field *field, void *ret_struct)
{
        bb_str why = BB_NONE;

        if (field->fallback == NULL || field->type == BB_T_ARRAY || field->type == BB_T_JSON)
                return;
        if (shape_scalar_from_text(field, bb_cstr(field->fallback), ret_struct, &why) < 0)
                fault(d, line, path, "the built-in default \"%s\" does not fit: %.*s", field->fallback, BB_FMT(why));
}

static void missing(struct decoder *d, bb_str path, int32_t line, const struct bb_field *field)
{
        struct arena *arena = d->source->errors->arena;
        bb_str expected = expected_text(arena, field);

        fault(d, line, path, "is missing: expected %.*s%s, found nothing", BB_FMT(expected), about_text(arena, field));
}

/* `path` is the field's; `line` the map's, for what is not written at all. Returns whether it was written. */
static int32_t decode_member(struct decoder *d, const struct config_node *node, bb_str path, int32_t line,
                             const struct bb_field *field, void *ret_struct)
{
        if (field->type == BB_T_OBJECT) {
                if (config_is_null(node) && (field->flags & BB_REQUIRED)) {
                        missing(d, path, node != NULL ? node->line : line, field);
                        return 0;
                }
                decode_object(d, node, path, node != NULL ? node->line : line, field,
                              (char *)ret_struct + field->offset);
                return !config_is_null(node);
        }
        if (!config_is_null(node)) {
                decode_field(d, node, path, field, ret_struct);
                return 1;
        }
        if (field->flags & BB_REQUIRED)
                missing(d, path, node != NULL ? node->line : line, field);
        else
                fall_back(d, path, line, field, ret_struct);
        return field->fallback != NULL;
}

static const struct bb_field *field_named(const struct bb_shape *shape, bb_str name)
{
        for (uint32_t i = 0; i < shape->field_count; i++) {
                const struct bb_field *field = shape_field(shape, i);

                if (bb_str_is(name, field->name) && !(field->flags & BB_READONLY))
                        return field;
        }
        return NULL;
}

static void unknown_key(struct decoder *d, const struct config_node *node, bb_str path, const struct bb_shape *shape)
{
        struct arena *arena = d->source->errors->arena;
        const char **names = arena_alloc(arena, (shape->field_count + 1) * sizeof(*names));
        bb_str known = BB_STR("");
        const char *near;

        for (uint32_t i = 0; i < shape->field_count; i++) {
                names[i] = shape_field(shape, i)->name;
                known = arena_print(arena, "%.*s%s%s", BB_FMT(known), i > 0 ? ", " : "", names[i]);
        }
        near = config_nearest(node->key, names, shape->field_count);
        path = path_join(d, path, node->key);
        if (near != NULL)
                fault(d, node->key_line, path, "unknown key: did you mean \"%s\"?", near);
        else if (known.len > 0)
                fault(d, node->key_line, path, "unknown key: expected one of %.*s", BB_FMT(known));
        else
                fault(d, node->key_line, path, "unknown key: expected none");
}

static void decode_map(struct decoder *d, const struct config_node *node, bb_str path, int32_t line,
                       const struct bb_shape *shape, void *ret_struct)
{
        static const struct bb_field map_field = {.type = BB_T_OBJECT};
        uint64_t present = 0;

        memset(ret_struct, 0, shape->struct_size);
        if (node != NULL && node->kind != CONFIG_MAP && !config_is_null(node)) {
                wrong(d, node, path, &map_field);
                return;
        }
        if (node != NULL && !(shape->flags & BB_SHAPE_OPEN))
                for (const struct config_node *n = node->first; n != NULL; n = n->next)
                        if (field_named(shape, n->key) == NULL)
                                unknown_key(d, n, path, shape);
        for (uint32_t i = 0; i < shape->field_count; i++) {
                const struct bb_field *field = shape_field(shape, i);

                if (field->flags & BB_READONLY)
                        continue;
                if (decode_member(d, config_get(node, field->name), path_join(d, path, bb_cstr(field->name)), line,
                                  field, ret_struct) &&
                    i < 64)
                        present |= (uint64_t)1 << i;
        }
        if (shape->present_offset >= 0)
                memcpy((char *)ret_struct + shape->present_offset, &present, sizeof(present));
}

size_t config_decode(struct config_source *source, const struct config_node *node, const char *path,
                     const struct bb_shape *shape, void *ret_struct)
{
        struct decoder d = {.source = source};
        struct arena *before = arena_current;
        int32_t line = node != NULL ? node->line : 1;

        /* Values of BB_T_JSON and decoded texts live where bb_alloc() puts them: in the configuration's arena here. */
        arena_current = source->arena;
        decode_map(&d, node, bb_cstr(path != NULL ? path : ""), line, shape, ret_struct);
        arena_current = before;
        return d.faults;
}
