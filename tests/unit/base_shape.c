/* SPDX-License-Identifier: Apache-2.0
 *
 * Shapes: what they let in, how they word what they refuse, what they write, and the schema that they publish.
 */
#include "base/arena.h"
#include "base/json.h"
#include "base/json_value.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* after the above */
#include <cmocka.h>

struct sample {
        uint64_t present;
        bb_str value;
        int32_t measurand;
};
static const char *const measurands[] = {"Energy", "Power", NULL};
static const struct bb_field sample_fields[] = {
        {.name = "value", .type = BB_T_STR, .flags = BB_REQUIRED, .offset = offsetof(struct sample, value)},
        {.name = "measurand",
         .type = BB_T_ENUM,
         .offset = offsetof(struct sample, measurand),
         .values = measurands,
         .fallback = "Power"},
};
BB_SHAPE(Sample, sample, 0, "One value.", sample_fields);

struct message {
        uint64_t present;
        bb_str id;
        int64_t number;
        int32_t small, flag;
        int64_t at_ms, price;
        struct sample first;
        struct sample *second;
        struct bb_array samples, words, numbers, flags, times;
        bb_json *extra;
        bb_str secret, read_only, nick;
};
static const struct bb_field message_fields[] = {
        {.name = "id",
         .type = BB_T_STR,
         .flags = BB_REQUIRED,
         .offset = offsetof(struct message, id),
         .min = 2,
         .max = 5},
        {.name = "number", .type = BB_T_INT, .offset = offsetof(struct message, number), .min = -10, .max = 1000},
        {.name = "small", .type = BB_T_INT32, .offset = offsetof(struct message, small), .fallback = "7"},
        {.name = "flag", .type = BB_T_BOOL, .offset = offsetof(struct message, flag)},
        {.name = "at", .type = BB_T_TIME, .offset = offsetof(struct message, at_ms), .flags = BB_NULLABLE},
        {.name = "price",
         .type = BB_T_DECIMAL,
         .offset = offsetof(struct message, price),
         .scale = 2,
         .max = 10000,
         .about = "In euros."},
        {.name = "first", .type = BB_T_OBJECT, .offset = offsetof(struct message, first), .shape = &Sample},
        {.name = "second",
         .type = BB_T_OBJECT,
         .flags = BB_PTR | BB_NULLABLE,
         .offset = offsetof(struct message, second),
         .shape = &Sample},
        {.name = "samples",
         .type = BB_T_ARRAY,
         .offset = offsetof(struct message, samples),
         .shape = &Sample,
         .min = 1,
         .max = 3},
        {.name = "words", .type = BB_T_ARRAY, .item = BB_T_STR, .offset = offsetof(struct message, words)},
        {.name = "numbers", .type = BB_T_ARRAY, .item = BB_T_INT, .offset = offsetof(struct message, numbers)},
        {.name = "flags", .type = BB_T_ARRAY, .item = BB_T_BOOL, .offset = offsetof(struct message, flags)},
        {.name = "times", .type = BB_T_ARRAY, .item = BB_T_TIME, .offset = offsetof(struct message, times)},
        {.name = "extra", .type = BB_T_JSON, .offset = offsetof(struct message, extra)},
        {.name = "secret", .type = BB_T_STR, .flags = BB_SECRET, .offset = offsetof(struct message, secret)},
        {.name = "read_only",
         .type = BB_T_STR,
         .flags = BB_READONLY | BB_REQUIRED,
         .offset = offsetof(struct message, read_only)},
        {.name = "nick/~", .type = BB_T_STR, .offset = offsetof(struct message, nick), .max = 3},
};
BB_SHAPE(Message, message, 0, "All types.", message_fields);

/* Contains itself, knows not all members, and has no present bits. */
struct tree {
        bb_str name;
        struct bb_array children;
        int64_t weight;
};
extern const struct bb_shape Tree;
static const struct bb_field tree_fields[] = {
        {.name = "name", .type = BB_T_STR, .flags = BB_REQUIRED, .offset = offsetof(struct tree, name)},
        {.name = "children", .type = BB_T_ARRAY, .offset = offsetof(struct tree, children), .shape = &Tree},
        {.name = "weight", .type = BB_T_INT, .offset = offsetof(struct tree, weight), .min = 1},
};
const struct bb_shape Tree = {
        .size = sizeof(struct bb_shape),
        .field_size = sizeof(struct bb_field),
        .name = "Tree",
        .fields = tree_fields,
        .field_count = BB_COUNT(tree_fields),
        .struct_size = sizeof(struct tree),
        .flags = BB_SHAPE_OPEN,
        .present_offset = -1,
};

static int set_up(void **state)
{
        (void)state;
        arena_current = arena_new("test");
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        arena_free(arena_current);
        arena_current = NULL;
        return 0;
}

static void take(const struct bb_shape *s, const char *text, void *ret)
{
        struct bb_fault fault;

        memset(ret, 0xee, s->struct_size);
        if (bb_shape_decode_text(s, bb_cstr(text), ret, &fault) != BB_OK)
                fail_msg("%s: %s %s", text, fault.path.ptr, fault.text.ptr);
        assert_int_equal(fault.kind, BB_FAULT_NONE);
}

static void everything_arrives(void **state)
{
        struct message m;
        (void)state;

        take(&Message,
             "{\"id\":\"\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\",\"number\":-10,\"small\":-2147483648,\"flag\":true,"
             "\"at\":\"2026-11-22T10:00:00+01:00\",\"price\":12.345,\"first\":{\"value\":\"1\",\"measurand\":"
             "\"Energy\"},"
             "\"second\":{\"value\":\"2\"},\"samples\":[{\"value\":\"3\"},{\"value\":\"4\",\"measurand\":\"Energy\"}],"
             "\"words\":[\"a\",\"b\"],\"numbers\":[1,-2,3],\"flags\":[true,false],\"times\":[\"1970-01-01T00:00:01Z\"],"
             "\"extra\":{\"x\":[1]},\"secret\":\"s\",\"read_only\":5,\"nick/~\":\"abc\"}",
             &m);
        assert_int_equal(m.id.len, 10);
        assert_int_equal(m.number, -10);
        assert_int_equal(m.small, INT32_MIN);
        assert_int_equal(m.flag, 1);
        assert_true(m.at_ms == 1795338000000);
        assert_int_equal(m.price, 1235);
        assert_string_equal(m.first.value.ptr, "1");
        assert_int_equal(m.first.measurand, 0);
        assert_true(BB_PRESENT(&m.first, 1));
        assert_string_equal(m.second->value.ptr, "2");
        assert_int_equal(m.second->measurand, 1);
        assert_false(BB_PRESENT(m.second, 1));
        assert_int_equal(m.samples.count, 2);
        assert_string_equal(((struct sample *)m.samples.items)[1].value.ptr, "4");
        assert_string_equal(((bb_str *)m.words.items)[1].ptr, "b");
        assert_int_equal(((int64_t *)m.numbers.items)[1], -2);
        assert_int_equal(((int32_t *)m.flags.items)[0], 1);
        assert_int_equal(((int64_t *)m.times.items)[0], 1000);
        assert_string_equal(bb_json_text(m.extra).ptr, "{\"x\":[1]}");
        assert_string_equal(m.secret.ptr, "s");
        assert_null(m.read_only.ptr);
        assert_int_equal(m.present, 0x17fff);
}

static void what_is_absent_is_zero_or_the_fallback(void **state)
{
        struct message m;
        (void)state;

        take(&Message, "{\"id\":\"ab\",\"at\":null,\"second\":null}", &m);
        assert_int_equal(m.present, 1);
        assert_int_equal(m.small, 7);
        assert_int_equal(m.number, 0);
        assert_int_equal(m.at_ms, 0);
        assert_null(m.second);
        assert_null(m.samples.items);
        assert_null(m.extra);
        assert_null(m.nick.ptr);
        assert_int_equal(m.first.measurand, 1); /* an embedded struct that is left out has its fallbacks */
        assert_int_equal(m.first.present, 0);
        take(&Message, "{\"id\":\"ab\",\"words\":[],\"extra\":null,\"small\":1.0,\"number\":1e2}", &m);
        assert_non_null(m.words.items);
        assert_int_equal(m.words.count, 0);
        assert_int_equal(bb_json_kind(m.extra), BB_J_NULL);
        assert_non_null(m.extra);
        assert_int_equal(m.small, 1);
        assert_int_equal(m.number, 100);
}

static void refuse(const struct bb_shape *s, const char *text, int32_t kind, const char *path, const char *why)
{
        void *out = arena_alloc(arena_current, s->struct_size);
        struct bb_fault fault;

        if (bb_shape_decode_text(s, bb_cstr(text), out, &fault) != BB_E_INVALID)
                fail_msg("%s was taken", text);
        assert_int_equal(bb_shape_decode_text(s, bb_cstr(text), out, NULL), BB_E_INVALID);
        if (strcmp(fault.path.ptr, path) != 0 || strcmp(fault.text.ptr, why) != 0 || fault.kind != kind)
                fail_msg("%s: %d \"%s\" \"%s\"", text, fault.kind, fault.path.ptr, fault.text.ptr);
}

static void faults_are_told_with_path_and_reason(void **state)
{
        static const struct {
                const char *text;
                int32_t kind;
                const char *path, *why;
        } cases[] = {
                {"[]", BB_FAULT_SYNTAX, "", "must be a JSON object"},
                {"null", BB_FAULT_SYNTAX, "", "must be a JSON object"},
                {"{}", BB_FAULT_MISSING, "/id", "is required"},
                {"{\"id\":null}", BB_FAULT_TYPE, "/id", "must be a string, is null"},
                {"{\"id\":1}", BB_FAULT_TYPE, "/id", "must be a string, is a number"},
                {"{\"id\":\"a\"}", BB_FAULT_VALUE, "/id", "must be at least 2 characters, is 1"},
                {"{\"id\":\"\xc3\xbc\"}", BB_FAULT_VALUE, "/id", "must be at least 2 characters, is 1"},
                {"{\"id\":\"abcdef\"}", BB_FAULT_VALUE, "/id", "must be at most 5 characters, is 6"},
                {"{\"id\":\"a\\u0000b\"}", BB_FAULT_VALUE, "/id", "must not contain U+0000"},
                {"{\"id\":\"ab\",\"number\":1001}", BB_FAULT_VALUE, "/number", "must be at most 1000, is 1001"},
                {"{\"id\":\"ab\",\"number\":-11}", BB_FAULT_VALUE, "/number", "must be at least -10, is -11"},
                {"{\"id\":\"ab\",\"number\":1.5}", BB_FAULT_TYPE, "/number", "must be a whole number"},
                {"{\"id\":\"ab\",\"number\":1e30}", BB_FAULT_TYPE, "/number", "must be a whole number"},
                {"{\"id\":\"ab\",\"number\":\"1\"}", BB_FAULT_TYPE, "/number", "must be a whole number, is a string"},
                {"{\"id\":\"ab\",\"number\":null}", BB_FAULT_TYPE, "/number", "must be a whole number, is null"},
                {"{\"id\":\"ab\",\"small\":2147483648}", BB_FAULT_VALUE, "/small",
                 "must be within 32 bits, is 2147483648"},
                {"{\"id\":\"ab\",\"flag\":1}", BB_FAULT_TYPE, "/flag", "must be true or false, is a number"},
                {"{\"id\":\"ab\",\"at\":\"now\"}", BB_FAULT_VALUE, "/at",
                 "must be a date and time with a zone, like 2026-11-22T09:00:00Z"},
                {"{\"id\":\"ab\",\"at\":5}", BB_FAULT_TYPE, "/at",
                 "must be a string with a date and time, is a number"},
                {"{\"id\":\"ab\",\"price\":100.01}", BB_FAULT_VALUE, "/price", "must be at most 100"},
                {"{\"id\":\"ab\",\"price\":-0.01}", BB_FAULT_VALUE, "/price", "must be at least 0"},
                {"{\"id\":\"ab\",\"price\":1e18}", BB_FAULT_VALUE, "/price", "must be a number of a sensible size"},
                {"{\"id\":\"ab\",\"price\":\"1\"}", BB_FAULT_TYPE, "/price", "must be a number, is a string"},
                {"{\"id\":\"ab\",\"first\":[]}", BB_FAULT_TYPE, "/first", "must be an object, is an array"},
                {"{\"id\":\"ab\",\"first\":{}}", BB_FAULT_MISSING, "/first/value", "is required"},
                {"{\"id\":\"ab\",\"first\":{\"value\":\"x\",\"measurand\":\"energy\"}}", BB_FAULT_VALUE,
                 "/first/measurand", "must be one of Energy or Power"},
                {"{\"id\":\"ab\",\"second\":{\"value\":\"x\",\"more\":1}}", BB_FAULT_UNKNOWN, "/second/more",
                 "is not known here"},
                {"{\"id\":\"ab\",\"samples\":[]}", BB_FAULT_MISSING, "/samples", "must have at least 1 item, has 0"},
                {"{\"id\":\"ab\",\"samples\":[1,2,3,4]}", BB_FAULT_MISSING, "/samples",
                 "must have at most 3 items, has 4"},
                {"{\"id\":\"ab\",\"samples\":[{\"value\":\"x\"},5]}", BB_FAULT_TYPE, "/samples/1",
                 "must be an object, is a number"},
                {"{\"id\":\"ab\",\"samples\":[{\"value\":\"x\"},{\"value\":5}]}", BB_FAULT_TYPE, "/samples/1/value",
                 "must be a string, is a number"},
                {"{\"id\":\"ab\",\"samples\":{}}", BB_FAULT_TYPE, "/samples", "must be an array, is an object"},
                {"{\"id\":\"ab\",\"words\":[\"a\",null]}", BB_FAULT_TYPE, "/words/1", "must be a string, is null"},
                {"{\"id\":\"ab\",\"words\":[\"a\\u0000\"]}", BB_FAULT_VALUE, "/words/0", "must not contain U+0000"},
                {"{\"id\":\"ab\",\"extra\":{\"a\":[\"\\u0000\"]}}", BB_FAULT_VALUE, "/extra",
                 "must not contain U+0000"},
                {"{\"id\":\"ab\",\"nick/~\":\"abcd\"}", BB_FAULT_VALUE, "/nick~1~0",
                 "must be at most 3 characters, is 4"},
                {"{\"id\":\"ab\",\"odd/~\":1}", BB_FAULT_UNKNOWN, "/odd~1~0", "is not known here"},
                /* the shape's order decides, not the message's; what is unknown comes last */
                {"{\"x\":1,\"flag\":5,\"number\":\"x\",\"id\":\"ab\"}", BB_FAULT_TYPE, "/number",
                 "must be a whole number, is a string"},
                {"{\"x\":1,\"y\":2,\"id\":\"ab\"}", BB_FAULT_UNKNOWN, "/x", "is not known here"},
                {"{\"ID\":\"ab\",\"idx\":1,\"i\":1}", BB_FAULT_MISSING, "/id", "is required"},
                {"{\"id\":\"ab\"} {}", BB_FAULT_SYNTAX, "", "goes on after its end (line 1, column 13)"},
        };
        (void)state;

        for (size_t i = 0; i < BB_COUNT(cases); i++)
                refuse(&Message, cases[i].text, cases[i].kind, cases[i].path, cases[i].why);
}

static void open_and_recursive_shapes(void **state)
{
        struct tree t;
        (void)state;

        take(&Tree,
             "{\"extra\":1,\"name\":\"a\",\"children\":[{\"name\":\"b\",\"x\":{}},{\"name\":\"c\",\"children\":[]}]}",
             &t);
        assert_int_equal(t.children.count, 2);
        assert_string_equal(((struct tree *)t.children.items)[1].name.ptr, "c");
        refuse(&Tree, "{\"name\":\"a\",\"children\":[{\"name\":\"b\",\"children\":[{}]}]}", BB_FAULT_MISSING,
               "/children/0/children/0/name", "is required");
        refuse(&Tree, "{\"name\":\"a\",\"weight\":0}", BB_FAULT_VALUE, "/weight", "must be at least 1, is 0");
        take(&Tree, "{\"name\":\"a\",\"weight\":9223372036854775807}", &t);
        assert_true(t.weight == INT64_MAX);
}

/* An object with thousands of members goes another way than an ordinary one; both must see the same. */
static void objects_with_very_many_members(void **state)
{
        bb_json *o = bb_json_new_object();
        struct bb_fault fault;
        struct sample s;
        struct tree t;
        char name[32];
        (void)state;

        for (int i = 0; i < 5000; i++) {
                (void)snprintf(name, sizeof(name), "m%d", i);
                bb_json_set_int(o, name, i);
        }
        bb_json_set_str(o, "name", BB_STR("x"));
        bb_json_set_str(o, "value", BB_STR("y"));
        assert_int_equal(bb_shape_decode(&Tree, o, &t, &fault), BB_OK);
        assert_string_equal(t.name.ptr, "x");
        assert_int_equal(bb_shape_decode(&Sample, o, &s, &fault), BB_E_INVALID);
        assert_int_equal(fault.kind, BB_FAULT_UNKNOWN);
        assert_string_equal(fault.path.ptr, "/m0");
        bb_json_set_int(o, "value", 5);
        assert_int_equal(bb_shape_decode(&Sample, o, &s, &fault), BB_E_INVALID);
        assert_string_equal(fault.path.ptr, "/value");
}

static void structs_are_written(void **state)
{
        struct sample second = {.value = BB_STR("2"), .measurand = 1, .present = 2}, three[] = {{.value = BB_STR("x")}};
        bb_str words[] = {BB_STR("a"), BB_STR("\"")};
        int64_t times[] = {0};
        struct message m = {
                .present = 0xffffffff & ~UINT64_C(0x0a),
                .number = 5,
                .small = -3,
                .at_ms = 1795338000000,
                .price = -1250,
                .first = {.value = BB_STR("1"), .measurand = 9, .present = 2},
                .second = &second,
                .samples = {three, 1},
                .words = {words, 2},
                .numbers = {words, 0},
                .times = {times, 1},
                .secret = BB_STR("hunter2"),
                .read_only = BB_STR("r"),
        };
        const char *expected =
                "{\"id\":\"\",\"small\":-3,\"at\":\"2026-11-22T09:00:00.000Z\",\"price\":-12.5,"
                "\"first\":{\"value\":\"1\",\"measurand\":null},\"second\":{\"value\":\"2\",\"measurand\":\"Power\"},"
                "\"samples\":[{\"value\":\"x\"}],\"words\":[\"a\",\"\\\"\"],\"numbers\":[],"
                "\"times\":[\"1970-01-01T00:00:00.000Z\"],\"read_only\":\"r\"}";
        (void)state;

        assert_string_equal(bb_shape_encode_text(&Message, &m).ptr, expected);
        assert_string_equal(bb_json_text(bb_shape_encode(&Message, &m)).ptr, expected);
        m = (struct message){.id = BB_STR("i"), .extra = bb_json_new_array(), .nick = BB_STR("")};
        assert_string_equal(bb_shape_encode_text(&Message, &m).ptr,
                            "{\"id\":\"i\",\"extra\":[],\"read_only\":\"\",\"nick/~\":\"\"}");
}

static void what_is_written_reads_back(void **state)
{
        const char *text =
                "{\"id\":\"ab\",\"number\":5,\"small\":0,\"flag\":false,\"at\":\"1999-12-31T23:59:59.999Z\","
                "\"price\":0.01,\"first\":{\"value\":\"\"},\"samples\":[{\"value\":\"\",\"measurand\":\"Energy\"}],"
                "\"words\":[],\"numbers\":[1],\"flags\":[false],\"extra\":[1.5,\"x\"]}";
        struct message m;
        bb_str out;
        (void)state;

        take(&Message, text, &m);
        m.read_only = BB_NONE;
        out = bb_shape_encode_text(&Message, &m);
        /* a required read-only string is always written */
        assert_int_equal(out.len, strlen(text) + strlen(",\"read_only\":\"\""));
        assert_memory_equal(out.ptr, text, strlen(text) - 1);
}

static void assert_scalar(const char *field, const char *text, const char *why)
{
        struct message m = {.present = 0};
        bb_str said = BB_NONE;
        bb_err err = BB_E_NOT_FOUND;

        for (uint32_t i = 0; i < Message.field_count; i++) {
                if (strcmp(shape_field(&Message, i)->name, field) == 0)
                        err = shape_scalar_from_text(shape_field(&Message, i), bb_cstr(text), &m, &said);
        }
        if (why == NULL) {
                assert_int_equal(err, BB_OK);
                return;
        }
        assert_int_equal(err, BB_E_INVALID);
        assert_string_equal(said.ptr, why);
}

static void scalars_from_text(void **state)
{
        struct message m = {.present = 0};
        struct sample s;
        bb_str why;
        (void)state;

        assert_int_equal(shape_scalar_from_text(&message_fields[1], BB_STR("-9"), &m, &why), BB_OK);
        assert_int_equal(m.number, -9);
        assert_int_equal(shape_scalar_from_text(&message_fields[3], BB_STR("true"), &m, NULL), BB_OK);
        assert_int_equal(m.flag, 1);
        assert_int_equal(shape_scalar_from_text(&message_fields[5], BB_STR("1.005"), &m, NULL), BB_OK);
        assert_int_equal(m.price, 101);
        assert_int_equal(shape_scalar_from_text(&sample_fields[1], BB_STR("Power"), &s, NULL), BB_OK);
        assert_int_equal(s.measurand, 1);
        assert_scalar("id", "abc", NULL);
        assert_scalar("at", "2026-11-22T09:00:00Z", NULL);
        assert_scalar("id", "abcdefg", "must be at most 5 characters, is 7");
        assert_scalar("id", "\xff\xff", "must be UTF-8");
        assert_scalar("number", "1.0", "must be a whole number");
        assert_scalar("number", "1001", "must be at most 1000, is 1001");
        assert_scalar("flag", "yes", "must be true or false");
        assert_scalar("samples", "[]", "cannot be written as a single value");
}

/* A table of a newer SDK has longer rows. */
/* Each is taken straight from its bytes, and is the same as by way of a tree. */
static void plain_bytes_need_no_tree(void **state)
{
        static const char *const plain[] = {
                "{\"name\":\"a\",\"weight\":17}",
                " { \"weight\" : 1 ,\r\n\t\"name\" : \"\" } ",
                "{\"name\":\"a\",\"children\":[]}",
                "{\"name\":\"a\",\"children\":[{\"name\":\"b\"},{\"name\":\"c\"},{\"name\":\"d\"},{\"name\":\"e\"},"
                "{\"name\":\"f\",\"children\":[{\"name\":\"g\",\"weight\":999999999999999999}]}]}",
        };
        static const char *const others[] = {
                "",
                "{}",
                "[]",
                "{\"name\":\"a\"",
                "{\"name\":\"a\"}}",
                "{\"name\":\"a\",}",
                "{\"name\":\"a\",\"name\":\"a\"}",
                "{\"name\":\"a\",\"other\":1}",
                "{\"name\":\"\\u0061\"}",
                "{\"name\":\"\xc3\xa4\"}",
                "{\"name\":\"a\nb\"}",
                "{\"name\":null}",
                "{\"name\":\"a\",\"weight\":0}",
                "{\"name\":\"a\",\"weight\":01}",
                "{\"name\":\"a\",\"weight\":1.0}",
                "{\"name\":\"a\",\"weight\":1e1}",
                "{\"name\":\"a\",\"weight\":-}",
                "{\"name\":\"a\",\"weight\":9999999999999999999}",
                "{\"name\":\"a\",\"children\":[{\"name\":\"b\"},]}",
        };
        struct tree tree, twin;
        bb_json *value;

        (void)state;
        for (size_t i = 0; i < BB_COUNT(plain); i++) {
                memset(&tree, 0, sizeof(tree));
                assert_true(shape_decode_plain(&Tree, bb_cstr(plain[i]), &tree));
                assert_int_equal(bb_json_parse(bb_cstr(plain[i]), &value, NULL), BB_OK);
                assert_int_equal(bb_shape_decode(&Tree, value, &twin, NULL), BB_OK);
                assert_true(bb_str_eq(bb_shape_encode_text(&Tree, &tree), bb_shape_encode_text(&Tree, &twin)));
        }
        for (size_t i = 0; i < BB_COUNT(others); i++) {
                print_message("%s\n", others[i]);
                memset(&tree, 0, sizeof(tree));
                assert_false(shape_decode_plain(&Tree, bb_cstr(others[i]), &tree));
        }
}

static void rows_may_be_longer(void **state)
{
        struct longer {
                struct bb_field field;
                char later[24];
        } rows[2];
        struct bb_shape shape = Sample;
        struct sample s;
        (void)state;

        memset(rows, 0xee, sizeof(rows));
        rows[0].field = sample_fields[0];
        rows[1].field = sample_fields[1];
        shape.fields = &rows[0].field;
        shape.field_size = sizeof(rows[0]);
        take(&shape, "{\"value\":\"v\",\"measurand\":\"Energy\"}", &s);
        assert_int_equal(s.present, 3);
        assert_string_equal(bb_shape_encode_text(&shape, &s).ptr, "{\"value\":\"v\",\"measurand\":\"Energy\"}");
}

static void schemas_are_published(void **state)
{
        bb_json *components = bb_json_new_object();
        (void)state;

        assert_string_equal(bb_json_text(shape_schema(&Tree, components)).ptr,
                            "{\"$ref\":\"#/components/schemas/Tree\"}");
        assert_string_equal(bb_json_text(components).ptr,
                            "{\"Tree\":{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},"
                            "\"children\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/Tree\"}},"
                            "\"weight\":{\"type\":\"integer\",\"format\":\"int64\",\"minimum\":1}},"
                            "\"required\":[\"name\"]}}");
        components = bb_json_new_object();
        shape_schema(&Message, components);
        shape_schema(&Message, components);
        assert_string_equal(
                bb_json_text(components).ptr,
                "{\"Message\":{\"type\":\"object\",\"description\":\"All types.\",\"properties\":{"
                "\"id\":{\"type\":\"string\",\"minLength\":2,\"maxLength\":5},"
                "\"number\":{\"type\":\"integer\",\"format\":\"int64\",\"minimum\":-10,\"maximum\":1000},"
                "\"small\":{\"type\":\"integer\",\"format\":\"int32\",\"default\":7},"
                "\"flag\":{\"type\":\"boolean\"},"
                "\"at\":{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"},"
                "\"price\":{\"type\":\"number\",\"minimum\":0,\"maximum\":100,\"description\":\"In euros.\"},"
                "\"first\":{\"$ref\":\"#/components/schemas/Sample\"},"
                "\"second\":{\"anyOf\":[{\"$ref\":\"#/components/schemas/Sample\"},{\"type\":\"null\"}]},"
                "\"samples\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":3,"
                "\"items\":{\"$ref\":\"#/components/schemas/Sample\"}},"
                "\"words\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
                "\"numbers\":{\"type\":\"array\",\"items\":{\"type\":\"integer\",\"format\":\"int64\"}},"
                "\"flags\":{\"type\":\"array\",\"items\":{\"type\":\"boolean\"}},"
                "\"times\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"format\":\"date-time\"}},"
                "\"extra\":{},"
                "\"secret\":{\"type\":\"string\",\"writeOnly\":true},"
                "\"read_only\":{\"type\":\"string\",\"readOnly\":true},"
                "\"nick/~\":{\"type\":\"string\",\"maxLength\":3}},"
                "\"required\":[\"id\",\"read_only\"],\"additionalProperties\":false},"
                "\"Sample\":{\"type\":\"object\",\"description\":\"One value.\",\"properties\":{"
                "\"value\":{\"type\":\"string\"},"
                "\"measurand\":{\"type\":\"string\",\"enum\":[\"Energy\",\"Power\"],\"default\":\"Power\"}},"
                "\"required\":[\"value\"],\"additionalProperties\":false}}");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(everything_arrives, set_up, tear_down),
                cmocka_unit_test_setup_teardown(what_is_absent_is_zero_or_the_fallback, set_up, tear_down),
                cmocka_unit_test_setup_teardown(faults_are_told_with_path_and_reason, set_up, tear_down),
                cmocka_unit_test_setup_teardown(open_and_recursive_shapes, set_up, tear_down),
                cmocka_unit_test_setup_teardown(objects_with_very_many_members, set_up, tear_down),
                cmocka_unit_test_setup_teardown(structs_are_written, set_up, tear_down),
                cmocka_unit_test_setup_teardown(what_is_written_reads_back, set_up, tear_down),
                cmocka_unit_test_setup_teardown(scalars_from_text, set_up, tear_down),
                cmocka_unit_test_setup_teardown(plain_bytes_need_no_tree, set_up, tear_down),
                cmocka_unit_test_setup_teardown(rows_may_be_longer, set_up, tear_down),
                cmocka_unit_test_setup_teardown(schemas_are_published, set_up, tear_down),
        };

        return cmocka_run_group_tests_name("base_shape", tests, NULL, NULL);
}
