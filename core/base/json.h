/* SPDX-License-Identifier: Apache-2.0
 *
 * The implementation of "json/1" on jansson: values (json.c) and shapes (shape.c, shape_openapi.c).
 */
#ifndef CORE_BASE_JSON_H
#define CORE_BASE_JSON_H

#include "base/map.h"
#include <busbar/shape.h>

extern const struct bb_json_ops base_json_ops;

/* JSON Schema (OpenAPI 3.1) of a shape: a $ref to "#/components/schemas/<name>"; the schema itself and those it uses
 * are added to `components` (an object). */
bb_json *shape_schema(const struct bb_shape *, bb_json *components);
/* The field `index` of a shape compiled with any stride. */
const struct bb_field *shape_field(const struct bb_shape *, uint32_t index);

/* One value of a scalar field from text (query parameters, configuration, fallbacks). */
bb_err shape_scalar_from_text(const struct bb_field *, bb_str text, void *ret_struct, bb_str *ret_why);

#endif
