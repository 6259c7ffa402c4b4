/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON values and shapes ("json/1"). A shape describes a message once; validation, decoding into a struct, encoding,
 * configuration options and the OpenAPI schema all come from it.
 */
#ifndef BUSBAR_SHAPE_H
#define BUSBAR_SHAPE_H

#include <busbar/types.h>

/* Field types, and what they are in the C struct. Limits: min and max both 0 is no limit; max below min (".min = 1"
 * alone) is no limit from above. */
enum {
        BB_T_STR = 1,  /* bb_str, UTF-8; min and max count characters */
        BB_T_INT = 2,  /* int64_t; min and max are bounds (both 0: none). A number with a fraction is refused */
        BB_T_BOOL = 3, /* int32_t, 0 or 1 */
        BB_T_TIME = 4, /* int64_t milliseconds since 1970; RFC 3339 text */
        BB_T_ENUM = 5, /* int32_t, an index into `values` */
        BB_T_DECIMAL =
                6,       /* int64_t scaled by 10^`scale`, min and max too; a JSON number, rounded half away from zero */
        BB_T_OBJECT = 7, /* the nested struct itself (required) — see BB_PTR for optional ones */
        BB_T_ARRAY =
                8, /* struct bb_array of nested structs, or of scalars when `item` is set; min and max count items */
        BB_T_JSON = 9,   /* bb_json *, any value, kept as it is (null only when it is not BB_NULLABLE) */
        BB_T_INT32 = 10, /* int32_t; otherwise like BB_T_INT */
};

enum {
        BB_REQUIRED = 1,
        BB_NULLABLE = 2, /* null counts as absent */
        BB_PTR = 4,      /* BB_T_OBJECT: a pointer to the nested struct, NULL when absent */
        BB_SECRET = 8,   /* masked in logs and never encoded */
        BB_READONLY = 16 /* only in answers: ignored when decoding, "readOnly" in OpenAPI */
};

struct bb_array {
        void *items;
        size_t count;
};

struct bb_shape;

struct bb_field {
        const char *name;
        int32_t type;
        int32_t flags;
        uint32_t offset;  /* in the struct */
        int32_t item;     /* BB_T_ARRAY of scalars: their BB_T_ type; 0: of `shape` */
        int64_t min, max; /* 0, 0: no limit */
        int32_t scale;    /* BB_T_DECIMAL */
        int32_t reserved;
        const char *const *values; /* BB_T_ENUM: the names, ended by NULL */
        const struct bb_shape *shape;
        const char *fallback; /* the value when absent, as it would be written; NULL: zero, and not marked present */
        const char *about;    /* one sentence: for OpenAPI and for error messages of the configuration */
};

enum {
        BB_SHAPE_OPEN = 1 /* unknown members are ignored; otherwise they are an error */
};

struct bb_shape {
        uint32_t size;
        uint32_t field_size; /* sizeof(struct bb_field) where the table was compiled */
        const char *name;    /* for OpenAPI: "Station" */
        const char *about;
        const struct bb_field *fields;
        uint32_t field_count;
        uint32_t struct_size;
        int32_t flags;
        int32_t present_offset; /* of a uint64_t in the struct whose bit i says that field i was there; -1: none */
};

#define BB_SHAPE(ident, type_, shape_flags, about_, fields_)                                                           \
        const struct bb_shape ident = {.size = sizeof(struct bb_shape),                                                \
                                       .field_size = sizeof(struct bb_field),                                          \
                                       .name = #ident,                                                                 \
                                       .about = (about_),                                                              \
                                       .fields = (fields_),                                                            \
                                       .field_count = BB_COUNT(fields_),                                               \
                                       .struct_size = sizeof(struct type_),                                            \
                                       .flags = (shape_flags),                                                         \
                                       .present_offset = (int32_t)offsetof(struct type_, present)}

/* Was field `index` of the decoded struct there? */
#define BB_PRESENT(object, index) (((object)->present >> (index)) & 1u)

/* What kind of fault: a protocol maps it to its own error code. */
enum {
        BB_FAULT_NONE = 0,
        BB_FAULT_SYNTAX = 1,  /* not JSON, or not an object */
        BB_FAULT_MISSING = 2, /* a required member is absent, or too few or too many items */
        BB_FAULT_TYPE = 3,    /* wrong JSON type */
        BB_FAULT_VALUE = 4,   /* too long, out of range, not in the enumeration, wrong format */
        BB_FAULT_UNKNOWN = 5  /* a member that the shape does not have */
};

struct bb_fault {
        int32_t kind;
        int32_t line; /* of the text, 0 when unknown */
        bb_str path;  /* JSON pointer: "/meterValue/0/timestamp" */
        bb_str text;  /* "must be at most 20 characters, is 26" */
};

enum { BB_J_NULL = 0, BB_J_BOOL = 1, BB_J_INT = 2, BB_J_REAL = 3, BB_J_STR = 4, BB_J_ARRAY = 5, BB_J_OBJECT = 6 };

struct bb_json_ops {
        uint32_t size;
        uint32_t reserved;
        /* Every bb_json lives in the task's memory. Strict: UTF-8, no duplicate names, no trailing bytes, 64 levels. */
        bb_err (*parse)(bb_str text, bb_json **ret, struct bb_fault *ret_fault);
        bb_str (*text)(const bb_json *); /* compact, members in the order in which they were added */
        int32_t (*kind)(const bb_json *);
        size_t (*count)(const bb_json *);
        bb_json *(*get)(const bb_json *object, const char *name); /* NULL when absent or no object */
        bb_json *(*at)(const bb_json *array, size_t index);
        bb_err (*member)(const bb_json *object, size_t index, bb_str *ret_name, bb_json **ret_value);
        bb_str (*as_str)(const bb_json *);                     /* BB_NONE when it is no string */
        int64_t (*as_int)(const bb_json *, int64_t otherwise); /* of a boolean too: 0 or 1 */
        double (*as_real)(const bb_json *, double otherwise);
        bb_json *(*new_object)(void);
        bb_json *(*new_array)(void);
        bb_json *(*new_str)(bb_str);
        bb_json *(*new_int)(int64_t);
        bb_json *(*new_real)(double);
        bb_json *(*new_bool)(int32_t);
        bb_json *(*new_null)(void);
        void (*set)(bb_json *object, const char *name, bb_json *value); /* a NULL value is left out */
        void (*append)(bb_json *array, bb_json *value);

        /* Checks `value` against the shape and fills the struct (zeroed first). BB_E_INVALID with the fault otherwise.
         */
        bb_err (*decode)(const struct bb_shape *, const bb_json *value, void *ret_struct, struct bb_fault *ret_fault);
        /* The same from bytes. */
        bb_err (*decode_text)(const struct bb_shape *, bb_str text, void *ret_struct, struct bb_fault *ret_fault);
        /* The struct as JSON, members in the shape's order; absent optional ones left out. */
        bb_json *(*encode)(const struct bb_shape *, const void *object);
        bb_str (*encode_text)(const struct bb_shape *, const void *object);

        /* "-12.3456e2" times 10^scale as an integer, rounded half away from zero, without a detour over binary
         * fractions; blanks around it are fine. BB_E_INVALID when it is no number or the result is beyond ±10^15. */
        bb_err (*decimal)(bb_str text, int32_t scale, int64_t *ret);
};

extern const struct bb_json_ops *bb_json_ BB_HIDDEN;

static inline bb_err bb_json_parse(bb_str text, bb_json **ret, struct bb_fault *ret_fault)
{
        return bb_json_->parse(text, ret, ret_fault);
}
static inline bb_str bb_json_text(const bb_json *j)
{
        return bb_json_->text(j);
}
static inline int32_t bb_json_kind(const bb_json *j)
{
        return bb_json_->kind(j);
}
static inline size_t bb_json_count(const bb_json *j)
{
        return bb_json_->count(j);
}
static inline bb_json *bb_json_get(const bb_json *j, const char *name)
{
        return bb_json_->get(j, name);
}
static inline bb_json *bb_json_at(const bb_json *j, size_t i)
{
        return bb_json_->at(j, i);
}
static inline bb_err bb_json_member(const bb_json *j, size_t i, bb_str *ret_name, bb_json **ret_value)
{
        return bb_json_->member(j, i, ret_name, ret_value);
}
static inline bb_str bb_json_str(const bb_json *j)
{
        return bb_json_->as_str(j);
}
static inline int64_t bb_json_int(const bb_json *j, int64_t otherwise)
{
        return bb_json_->as_int(j, otherwise);
}
static inline double bb_json_real(const bb_json *j, double otherwise)
{
        return bb_json_->as_real(j, otherwise);
}
static inline bb_json *bb_json_new_object(void)
{
        return bb_json_->new_object();
}
static inline bb_json *bb_json_new_array(void)
{
        return bb_json_->new_array();
}
static inline bb_json *bb_json_new_str(bb_str s)
{
        return bb_json_->new_str(s);
}
static inline bb_json *bb_json_new_int(int64_t v)
{
        return bb_json_->new_int(v);
}
static inline bb_json *bb_json_new_real(double v)
{
        return bb_json_->new_real(v);
}
static inline bb_json *bb_json_new_bool(int32_t v)
{
        return bb_json_->new_bool(v);
}
static inline bb_json *bb_json_new_null(void)
{
        return bb_json_->new_null();
}
static inline void bb_json_set(bb_json *object, const char *name, bb_json *value)
{
        bb_json_->set(object, name, value);
}
static inline void bb_json_set_str(bb_json *object, const char *name, bb_str v)
{
        bb_json_->set(object, name, v.ptr != NULL ? bb_json_->new_str(v) : NULL);
}
static inline void bb_json_set_int(bb_json *object, const char *name, int64_t v)
{
        bb_json_->set(object, name, bb_json_->new_int(v));
}
static inline void bb_json_append(bb_json *array, bb_json *value)
{
        bb_json_->append(array, value);
}
static inline bb_err bb_shape_decode(const struct bb_shape *s, const bb_json *value, void *ret, struct bb_fault *fault)
{
        return bb_json_->decode(s, value, ret, fault);
}
static inline bb_err bb_shape_decode_text(const struct bb_shape *s, bb_str text, void *ret, struct bb_fault *fault)
{
        return bb_json_->decode_text(s, text, ret, fault);
}
static inline bb_json *bb_shape_encode(const struct bb_shape *s, const void *object)
{
        return bb_json_->encode(s, object);
}
static inline bb_str bb_shape_encode_text(const struct bb_shape *s, const void *object)
{
        return bb_json_->encode_text(s, object);
}
static inline bb_err bb_decimal(bb_str text, int32_t scale, int64_t *ret)
{
        return bb_json_->decimal(text, scale, ret);
}

#endif
