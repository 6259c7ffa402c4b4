/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of the rules, and the walk over a payload by its shape. A copy of the payload is made on the way, and
 * decoded with a wider shape: texts up to 255 characters, lists that may be empty, and a place for sample dimensions
 * that no enumeration has.
 */
#include "repair.h"
#include "repair_value.h"
#include "shapes.h"

#include <busbar/rt.h>

const char *const level_names[] = {"strict", "tolerant", "repair", NULL};

#define RULE(name_, about_, level_, mend_)                                                                             \
        {                                                                                                              \
                .name = (name_), .about = (about_), .level = (level_), .mend = (mend_)                                 \
        }

static const struct rule {
        const char *name, *about;
        int32_t level;
        value_mend *mend; /* of a single value; the others are the walk's */
} rule_table[REPAIR_RULES] = {
        [RULE_LONG_ID] =
                RULE("long-id", "A message id longer than 36 characters is taken and repeated.", LEVEL_TOLERANT, NULL),
        [RULE_UNKNOWN_MEMBER] =
                RULE("unknown-member", "A member that OCPP 1.6 does not have is dropped.", LEVEL_TOLERANT, NULL),
        [RULE_NULL_MEMBER] = RULE("null-member", "null for an optional member counts as absent.", LEVEL_TOLERANT, NULL),
        [RULE_MISSING_MEMBER] =
                RULE("missing-member", "A required member that is missing gets a neutral value.", LEVEL_REPAIR, NULL),
        [RULE_SINGLE_AS_LIST] =
                RULE("single-as-list", "An object where a list is due counts as a list of one.", LEVEL_TOLERANT, NULL),
        [RULE_EMPTY_LIST] =
                RULE("empty-list", "A list without items is taken where one at least is due.", LEVEL_TOLERANT, NULL),
        [RULE_NUMBER_AS_TEXT] = RULE("number-as-text", "A number where text is due becomes text.", LEVEL_TOLERANT,
                                     value_number_as_text),
        [RULE_TEXT_AS_NUMBER] = RULE("text-as-number", "Text that is a whole number becomes one.", LEVEL_TOLERANT,
                                     value_text_as_number),
        [RULE_NUMBER_ROUNDED] = RULE("number-rounded", "A number with a fraction is rounded where a whole one is due.",
                                     LEVEL_REPAIR, value_rounded),
        [RULE_DATE_FORM] = RULE("date-form", "A date whose zone or separators are not RFC 3339's is read.",
                                LEVEL_TOLERANT, value_date_form),
        [RULE_DATE_WITHOUT_ZONE] = RULE("date-without-zone", "A date without a zone is read in the configured zone.",
                                        LEVEL_TOLERANT, value_date_without_zone),
        [RULE_DATE_AS_NUMBER] = RULE("date-as-number", "Seconds or milliseconds since 1970 become a date.",
                                     LEVEL_REPAIR, value_date_as_number),
        [RULE_UNIT_SPELLING] = RULE("unit-spelling", "A unit spelled wrong is read as the one that is meant.",
                                    LEVEL_TOLERANT, value_unit_spelling),
        [RULE_ENUM_SPELLING] =
                RULE("enum-spelling", "A value of an enumeration spelled wrong is read as the one meant.",
                     LEVEL_TOLERANT, value_enum_spelling),
        [RULE_ENUM_STAND_IN] = RULE("enum-stand-in", "An unknown error code or reason becomes OtherError or Other.",
                                    LEVEL_REPAIR, value_enum_stand_in),
        [RULE_LONG_TEXT] =
                RULE("long-text", "Text beyond the limit is kept up to 255 characters.", LEVEL_TOLERANT, value_cut),
        [RULE_EMPTY_OPTIONAL] =
                RULE("empty-optional", "Empty text for an optional number, date or enumeration is absent.",
                     LEVEL_TOLERANT, NULL),
        [RULE_KEPT_AS_TEXT] = RULE("kept-as-text", "An unknown dimension of a sample is kept as it was written.",
                                   LEVEL_TOLERANT, NULL),
        [RULE_LEFT_OUT] = RULE("left-out", "An optional member that cannot be read is left out.", LEVEL_REPAIR, NULL),
        [RULE_ITEM_LEFT_OUT] =
                RULE("item-left-out", "An item of a list that cannot be read is left out.", LEVEL_REPAIR, NULL),
};

const char *repair_rule_name(int32_t rule)
{
        return rule >= 0 && rule < REPAIR_RULES ? rule_table[rule].name : NULL;
}

const char *repair_rule_about(bb_str name)
{
        for (size_t i = 0; i < BB_COUNT(rule_table); i++) {
                if (bb_str_is(name, rule_table[i].name))
                        return rule_table[i].about;
        }
        return "";
}

int32_t repair_is_money(const struct bb_shape *s)
{
        return s == &StartTransactionRequest || s == &StopTransactionRequest || s == &MeterValuesRequest;
}

/* --- where we are, and examples --- */

struct at {
        const struct at *outer;
        bb_str name; /* ptr NULL: an item */
        size_t index;
};

enum { EXAMPLE_NAME_BYTES = 64, EXAMPLE_WHOLE_BYTES = 40, EXAMPLE_BEGIN_BYTES = 4 };

static bb_str path_of(const struct at *at)
{
        bb_str outer = at->outer != NULL ? path_of(at->outer) : BB_STR("");

        if (at->name.ptr == NULL)
                return bb_print("%.*s/%zu", BB_FMT(outer), at->index);
        return bb_print("%.*s/%.*s", BB_FMT(outer),
                        at->name.len < EXAMPLE_NAME_BYTES ? (int)at->name.len : EXAMPLE_NAME_BYTES, at->name.ptr);
}

/* Numbers, dates and names of enumerations are shown; of free text, which may be an id tag or worse, its beginning;
 * of members that nobody knows only the kind. */
static bb_str masked(const struct bb_field *f, const bb_json *v)
{
        static const char *const kinds[] = {"null", "a boolean", "a number", "a number", "text", "a list", "an object"};
        bb_str s = bb_json_str(v);
        size_t begin = EXAMPLE_BEGIN_BYTES;

        if (v == NULL)
                return BB_STR("absent");
        if (f == NULL || bb_json_kind(v) == BB_J_ARRAY || bb_json_kind(v) == BB_J_OBJECT)
                return bb_cstr(kinds[bb_json_kind(v)]);
        if (s.ptr == NULL)
                return f->type == BB_T_STR && !bb_str_is(bb_cstr(f->name), "value") ? bb_cstr(kinds[bb_json_kind(v)])
                                                                                    : bb_json_text(v);
        if (f->type != BB_T_STR && s.len <= EXAMPLE_WHOLE_BYTES)
                return bb_print("\"%.*s\"", BB_FMT(s));
        if (s.len <= begin)
                return bb_print("text of %zu bytes", s.len);
        while (begin > 0 && ((unsigned char)s.ptr[begin] & 0xc0) == 0x80)
                begin--;
        return bb_print("\"%.*s…\", %zu bytes", (int)begin, s.ptr, s.len);
}

static void note_repair(struct repair *r, int32_t rule, const struct at *at, const struct bb_field *f, const bb_json *v)
{
        if (r->count[rule]++ == 0)
                r->example[rule] = bb_print("%.*s: %.*s", BB_FMT(path_of(at)), BB_FMT(masked(f, v)));
}

/* --- the level that counts for a member --- */

/* Money is never lost for the sake of what it does not need: what is optional in such a message is mended by every
 * rule, at each level. A transaction id is optional in MeterValues, and yet says whose the samples are. */
static int32_t level_of(const struct repair *r, const struct bb_field *f, int32_t level)
{
        if (r->money && (f->flags & BB_REQUIRED) == 0 && strcmp(f->name, "transactionId") != 0)
                return LEVEL_REPAIR;
        return level;
}

/* --- the wider shape --- */

static const struct bb_field kept_field =
        FIELD(sampled_value, kept, "kept", BB_T_OBJECT, .flags = BB_PTR, .shape = &SampledValueKept);

static const struct bb_shape *widened(const struct repair *r, const struct bb_shape *s, int32_t level)
{
        struct bb_shape *wide = BB_NEW(struct bb_shape);
        struct bb_field *fields = BB_NEW_ARRAY(struct bb_field, s->field_count + 1);

        *wide = *s;
        wide->fields = fields;
        for (uint32_t i = 0; i < s->field_count; i++) {
                int32_t own = level_of(r, &s->fields[i], level);

                fields[i] = s->fields[i];
                if (fields[i].type == BB_T_ARRAY && fields[i].item == 0)
                        fields[i].shape = widened(r, fields[i].shape, own);
                if (own < LEVEL_TOLERANT)
                        continue;
                if (fields[i].type == BB_T_ARRAY)
                        fields[i].min = 0;
                if (fields[i].type == BB_T_STR && fields[i].max > 0 && fields[i].max < WIDE_TEXT_CHARS)
                        fields[i].max = WIDE_TEXT_CHARS;
        }
        if (s == &SampledValue)
                fields[wide->field_count++] = kept_field;
        return wide;
}

/* --- the walk --- */

static bb_json *mend_object(struct repair *r, const struct bb_shape *s, const struct bb_shape *wide,
                            const bb_json *object, int32_t level, const struct at *here);

/* What stands in for a required member that is missing. */
static const struct stand_in {
        const struct bb_shape *shape;
        const char *name, *value; /* NULL: the present time */
} stand_ins[] = {
        {&BootNotificationRequest, "chargePointVendor", "unknown"},
        {&BootNotificationRequest, "chargePointModel", "unknown"},
        {&StatusNotificationRequest, "errorCode", "NoError"},
        {&StartTransactionRequest, "timestamp", NULL},
        {&StopTransactionRequest, "timestamp", NULL},
        {&MeterValue, "timestamp", NULL},
};

static bb_json *stand_in_for(const struct bb_shape *s, const struct bb_field *f)
{
        for (size_t i = 0; i < BB_COUNT(stand_ins); i++) {
                if (stand_ins[i].shape == s && strcmp(stand_ins[i].name, f->name) == 0)
                        return bb_json_new_str(stand_ins[i].value != NULL ? bb_cstr(stand_ins[i].value)
                                                                          : bb_time_text(bb_now_ms()));
        }
        return NULL;
}

/* A value that fits the wider field, NULL when no rule makes one. */
static bb_json *mend_value(struct repair *r, const struct bb_field *f, const struct bb_field *wide, const bb_json *v,
                           int32_t level, const struct at *at)
{
        const bb_json *now = v;

        if (value_fits(wide, v)) {
                if (!value_fits(f, v))
                        note_repair(r, RULE_LONG_TEXT, at, f, v);
                return (bb_json *)(uintptr_t)v;
        }
        for (int32_t i = 0; i < REPAIR_RULES; i++) {
                bb_json *mended = rule_table[i].mend != NULL && rule_table[i].level <= level
                                          ? rule_table[i].mend(r, wide, now)
                                          : NULL;

                if (mended == NULL || !value_fits(wide, mended))
                        continue;
                note_repair(r, i, at, f, v);
                return mended;
        }
        return NULL;
}

static int32_t reads_item(const struct bb_shape *s, const bb_json *item)
{
        struct bb_fault ignored;

        return bb_shape_decode(s, item, bb_alloc(s->struct_size), &ignored) == BB_OK;
}

static bb_json *mend_list(struct repair *r, const struct bb_field *f, const struct bb_field *wide, const bb_json *v,
                          int32_t level, const struct at *at)
{
        int32_t single = bb_json_kind(v) == BB_J_OBJECT && level >= LEVEL_TOLERANT;
        size_t count = single ? 1 : bb_json_count(v);
        bb_json *list = bb_json_new_array();

        if (bb_json_kind(v) != BB_J_ARRAY && !single)
                return NULL;
        if (single)
                note_repair(r, RULE_SINGLE_AS_LIST, at, f, v);
        for (size_t i = 0; i < count; i++) {
                struct at inner = {.outer = at, .index = i};
                const bb_json *item = single ? v : bb_json_at(v, i);
                bb_json *mended = bb_json_kind(item) == BB_J_OBJECT
                                          ? mend_object(r, f->shape, wide->shape, item, level, &inner)
                                          : (bb_json *)(uintptr_t)item;

                if (level >= LEVEL_REPAIR && !reads_item(wide->shape, mended))
                        note_repair(r, RULE_ITEM_LEFT_OUT, &inner, NULL, item);
                else
                        bb_json_append(list, mended);
        }
        if (f->min > 0 && bb_json_count(list) == 0 && level >= LEVEL_TOLERANT)
                note_repair(r, RULE_EMPTY_LIST, at, f, v);
        return list;
}

/* "measurand": "Magic" becomes "kept": {"measurand": "Magic"}; the wider shape has a place for it. */
static int32_t keep_text(struct repair *r, const struct bb_shape *s, const struct bb_field *f, const bb_json *v,
                         int32_t level, bb_json *out, const struct at *at)
{
        bb_json *kept;

        if (s != &SampledValue || f->values == format_names || !value_is_unlisted(f, v) || level < LEVEL_TOLERANT)
                return 0;
        kept = bb_json_get(out, kept_field.name);
        if (kept == NULL) {
                kept = bb_json_new_object();
                bb_json_set(out, kept_field.name, kept);
        }
        bb_json_set_str(kept, f->name, bb_json_str(v));
        note_repair(r, RULE_KEPT_AS_TEXT, at, f, v);
        return 1;
}

static void mend_absent(struct repair *r, const struct bb_shape *s, const struct bb_field *f, int32_t level,
                        bb_json *out, const struct at *at)
{
        bb_json *value = (f->flags & BB_REQUIRED) != 0 && level >= LEVEL_REPAIR ? stand_in_for(s, f) : NULL;

        if (value == NULL)
                return;
        note_repair(r, RULE_MISSING_MEMBER, at, f, NULL);
        bb_json_set(out, f->name, value);
}

/* An optional member that no rule mends: absent, if the level allows that. */
static int32_t leave_out(struct repair *r, const struct bb_field *f, const bb_json *v, int32_t level,
                         const struct at *at)
{
        bb_str s = bb_json_str(v);
        int32_t empty = s.ptr != NULL && s.len == 0;

        if ((f->flags & BB_REQUIRED) != 0 || level < (empty ? LEVEL_TOLERANT : LEVEL_REPAIR))
                return 0;
        /* Absent they would mean energy in Wh, which is a guess that costs somebody money. */
        if (!empty && (f->values == measurand_names || f->values == unit_names))
                return 0;
        note_repair(r, empty ? RULE_EMPTY_OPTIONAL : RULE_LEFT_OUT, at, f, v);
        return 1;
}

static void mend_member(struct repair *r, const struct bb_shape *s, const struct bb_field *f,
                        const struct bb_field *wide, bb_json *v, int32_t level, bb_json *out, const struct at *at)
{
        bb_json *mended;

        if (bb_json_kind(v) == BB_J_NULL && f->type != BB_T_JSON) {
                if (v != NULL && (f->flags & BB_REQUIRED) == 0 && level >= LEVEL_TOLERANT)
                        note_repair(r, RULE_NULL_MEMBER, at, f, v);
                else if (v != NULL && level < LEVEL_REPAIR)
                        bb_json_set(out, f->name, v);
                else
                        mend_absent(r, s, f, level, out, at);
                return;
        }
        mended = f->type == BB_T_ARRAY ? mend_list(r, f, wide, v, level, at) : mend_value(r, f, wide, v, level, at);
        if (mended != NULL)
                bb_json_set(out, f->name, mended);
        else if (!keep_text(r, s, f, v, level, out, at) && !leave_out(r, f, v, level, at))
                bb_json_set(out, f->name, v);
}

static const struct bb_field *field_named(const struct bb_shape *s, bb_str name)
{
        for (uint32_t i = 0; i < s->field_count; i++) {
                if (bb_str_is(name, s->fields[i].name))
                        return &s->fields[i];
        }
        return NULL;
}

/* Members that the shape does not have: left out, or passed on so that the decoder names the fault. */
static void sort_out(struct repair *r, const struct bb_shape *s, const bb_json *object, int32_t level, bb_json *out,
                     const struct at *here)
{
        size_t count = bb_json_count(object);

        for (size_t i = 0; i < count; i++) {
                struct at at = {.outer = here};
                bb_json *v = NULL;

                if (bb_json_member(object, i, &at.name, &v) < 0 || field_named(s, at.name) != NULL)
                        continue;
                if (r->money || level >= LEVEL_TOLERANT)
                        note_repair(r, RULE_UNKNOWN_MEMBER, &at, NULL, v);
                else
                        bb_json_set(out, bb_str_c(at.name), v);
        }
}

static bb_json *mend_object(struct repair *r, const struct bb_shape *s, const struct bb_shape *wide,
                            const bb_json *object, int32_t level, const struct at *here)
{
        bb_json *out = bb_json_new_object();

        for (uint32_t i = 0; i < s->field_count; i++) {
                const struct bb_field *f = &s->fields[i];
                struct at at = {.outer = here, .name = bb_cstr(f->name)};
                bb_json *v = bb_json_get(object, f->name);

                if (v == NULL)
                        mend_absent(r, s, f, level_of(r, f, level), out, &at);
                else
                        mend_member(r, s, f, &wide->fields[i], v, level_of(r, f, level), out, &at);
        }
        sort_out(r, s, object, level, out, here);
        return out;
}

bb_err repair_decode(struct repair *r, const struct bb_shape *s, const bb_json *payload, void *ret_message,
                     struct bb_fault *ret_fault)
{
        const struct bb_shape *wide;

        r->money = repair_is_money(s);
        wide = widened(r, s, r->level);
        return bb_shape_decode(wide, mend_object(r, s, wide, payload, r->level, NULL), ret_message, ret_fault);
}
