/* SPDX-License-Identifier: Apache-2.0
 *
 * Shapes as JSON Schema 2020-12, the dialect of OpenAPI 3.1.
 */
#include "base/arena.h"
#include "base/json.h"
#include "base/json_value.h"
#include "base/number.h"
#include "base/str.h"

static bb_json *text_value(const char *s)
{
        return base_json_ops.new_str(bb_cstr(s));
}

/* value / 10^scale as a JSON number. */
static bb_json *decimal_value(int64_t v, int scale)
{
        _cleanup_buf_ struct buf text = {.ptr = NULL};
        bb_json *number;

        number_add_decimal(&text, v, scale);
        return json_parse(buf_str(&text), &number, NULL) == BB_OK ? number : base_json_ops.new_int(v);
}

static void set_limits(bb_json *schema, const struct bb_field *f, const char *least, const char *most)
{
        int scale = f->type == BB_T_DECIMAL ? f->scale : 0; /* an array's limits count its items */

        if (shape_has_min(f) && (f->min != 0 || strcmp(least, "minimum") == 0))
                base_json_ops.set(schema, least, decimal_value(f->min, scale));
        if (shape_has_max(f))
                base_json_ops.set(schema, most, decimal_value(f->max, scale));
}

static bb_json *enum_values(const struct bb_field *f)
{
        bb_json *values = base_json_ops.new_array();

        for (size_t i = 0; f->values != NULL && f->values[i] != NULL; i++)
                base_json_ops.append(values, text_value(f->values[i]));
        return values;
}

/* What a type is in JSON Schema; limits come with the names that they have there. */
static const struct schema_type {
        const char *type, *format, *least, *most;
} types[] = {
        [BB_T_STR] = {"string", NULL, "minLength", "maxLength"},
        [BB_T_INT] = {"integer", "int64", "minimum", "maximum"},
        [BB_T_INT32] = {"integer", "int32", "minimum", "maximum"},
        [BB_T_BOOL] = {"boolean", NULL, NULL, NULL},
        [BB_T_TIME] = {"string", "date-time", NULL, NULL},
        [BB_T_ENUM] = {"string", NULL, NULL, NULL},
        [BB_T_DECIMAL] = {"number", NULL, "minimum", "maximum"},
        [BB_T_OBJECT] = {"object", NULL, NULL, NULL},
        [BB_T_ARRAY] = {"array", NULL, "minItems", "maxItems"},
        [BB_T_JSON] = {NULL, NULL, NULL, NULL},
};

static void set_type(bb_json *schema, const char *type, int nullable)
{
        bb_json *both;

        if (type == NULL)
                return;
        if (!nullable) {
                base_json_ops.set(schema, "type", text_value(type));
                return;
        }
        both = base_json_ops.new_array();
        base_json_ops.append(both, text_value(type));
        base_json_ops.append(both, text_value("null"));
        base_json_ops.set(schema, "type", both);
}

/* A $ref alone cannot say "or null". */
static bb_json *nullable_ref(bb_json *ref)
{
        bb_json *schema = base_json_ops.new_object(), *choice = base_json_ops.new_array(),
                *null = base_json_ops.new_object();

        base_json_ops.set(null, "type", text_value("null"));
        base_json_ops.append(choice, ref);
        base_json_ops.append(choice, null);
        base_json_ops.set(schema, "anyOf", choice);
        return schema;
}

static bb_json *type_schema(const struct bb_field *f, bb_json *components)
{
        int nullable = (f->flags & BB_NULLABLE) != 0;
        const struct schema_type *t;
        bb_json *schema, *values;

        if (f->type == BB_T_OBJECT) {
                schema = shape_schema(f->shape, components);
                return nullable ? nullable_ref(schema) : schema;
        }
        schema = base_json_ops.new_object();
        if (f->type <= 0 || f->type >= (int32_t)BB_COUNT(types))
                return schema;
        t = &types[f->type];
        set_type(schema, t->type, nullable);
        if (t->format != NULL)
                base_json_ops.set(schema, "format", text_value(t->format));
        if (t->least != NULL)
                set_limits(schema, f, t->least, t->most);
        if (f->type == BB_T_ENUM) {
                values = enum_values(f);
                if (nullable)
                        base_json_ops.append(values, base_json_ops.new_null());
                base_json_ops.set(schema, "enum", values);
        }
        if (f->type == BB_T_ARRAY) {
                struct bb_field item = {.type = f->item != 0 ? f->item : BB_T_OBJECT,
                                        .values = f->values,
                                        .scale = f->scale,
                                        .shape = f->shape};

                base_json_ops.set(schema, "items", type_schema(&item, components));
        }
        return schema;
}

/* The fallback in its JSON type; one that its shape refuses is left out here and told when something is decoded. */
static bb_json *fallback_value(const struct bb_field *f)
{
        bb_str text = bb_cstr(f->fallback);
        bb_json *value;

        if (f->type == BB_T_STR || f->type == BB_T_TIME || f->type == BB_T_ENUM)
                return base_json_ops.new_str(text);
        return json_parse(text, &value, NULL) == BB_OK ? value : NULL;
}

static bb_json *field_schema(const struct bb_field *f, bb_json *components)
{
        bb_json *schema = type_schema(f, components);

        if (f->about != NULL)
                base_json_ops.set(schema, "description", text_value(f->about));
        if (f->fallback != NULL)
                base_json_ops.set(schema, "default", fallback_value(f));
        if ((f->flags & BB_READONLY) != 0)
                base_json_ops.set(schema, "readOnly", base_json_ops.new_bool(1));
        if ((f->flags & BB_SECRET) != 0)
                base_json_ops.set(schema, "writeOnly", base_json_ops.new_bool(1));
        return schema;
}

static void fill_object_schema(bb_json *schema, const struct bb_shape *s, bb_json *components)
{
        bb_json *properties = base_json_ops.new_object(), *required = base_json_ops.new_array();

        set_type(schema, "object", 0);
        if (s->about != NULL)
                base_json_ops.set(schema, "description", text_value(s->about));
        for (uint32_t i = 0; i < s->field_count; i++) {
                const struct bb_field *f = shape_field(s, i);

                base_json_ops.set(properties, f->name, field_schema(f, components));
                if ((f->flags & BB_REQUIRED) != 0)
                        base_json_ops.append(required, text_value(f->name));
        }
        base_json_ops.set(schema, "properties", properties);
        if (base_json_ops.count(required) > 0)
                base_json_ops.set(schema, "required", required);
        if ((s->flags & BB_SHAPE_OPEN) == 0)
                base_json_ops.set(schema, "additionalProperties", base_json_ops.new_bool(0));
}

bb_json *shape_schema(const struct bb_shape *s, bb_json *components)
{
        bb_json *ref = base_json_ops.new_object(), *schema;
        bb_str path = arena_print(arena_current, "#/components/schemas/%s", s->name);

        base_json_ops.set(ref, "$ref", base_json_ops.new_str(path));
        if (base_json_ops.get(components, s->name) != NULL)
                return ref;
        /* Put in before it is filled: a shape may contain itself. */
        schema = base_json_ops.new_object();
        base_json_ops.set(components, s->name, schema);
        fill_object_schema(schema, s, components);
        return ref;
}
