/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target of JSON, shapes and the mask: bytes from outside in, and whatever is taken must be written and read again
 * as the same. With FUZZ_MAIN it is a program that replays the files named on its command line.
 */
#include "base/arena.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include <stdio.h>
#include <stdlib.h>

struct value {
        uint64_t present;
        bb_str value;
        int32_t measurand;
        int64_t scaled;
};
static const char *const measurands[] = {"Energy.Active.Import.Register", "SoC", NULL};
static const struct bb_field value_fields[] = {
        {.name = "value", .type = BB_T_STR, .flags = BB_REQUIRED, .offset = offsetof(struct value, value), .max = 50},
        {.name = "measurand",
         .type = BB_T_ENUM,
         .offset = offsetof(struct value, measurand),
         .values = measurands,
         .fallback = "SoC"},
        {.name = "scaled", .type = BB_T_DECIMAL, .offset = offsetof(struct value, scaled), .scale = 3},
};
BB_SHAPE(Value, value, 0, NULL, value_fields);

struct report {
        uint64_t present;
        int32_t connector, done;
        int64_t transaction, at_ms;
        struct bb_array values, words, times;
        struct value inner, *outer;
        bb_json *any;
};
static const struct bb_field report_fields[] = {
        {.name = "connectorId", .type = BB_T_INT32, .flags = BB_REQUIRED, .offset = offsetof(struct report, connector)},
        {.name = "transactionId",
         .type = BB_T_INT,
         .flags = BB_NULLABLE,
         .offset = offsetof(struct report, transaction)},
        {.name = "timestamp", .type = BB_T_TIME, .offset = offsetof(struct report, at_ms)},
        {.name = "values", .type = BB_T_ARRAY, .offset = offsetof(struct report, values), .shape = &Value, .max = 100},
        {.name = "words", .type = BB_T_ARRAY, .item = BB_T_STR, .offset = offsetof(struct report, words)},
        {.name = "times", .type = BB_T_ARRAY, .item = BB_T_TIME, .offset = offsetof(struct report, times)},
        {.name = "inner", .type = BB_T_OBJECT, .offset = offsetof(struct report, inner), .shape = &Value},
        {.name = "outer",
         .type = BB_T_OBJECT,
         .flags = BB_PTR,
         .offset = offsetof(struct report, outer),
         .shape = &Value},
        {.name = "any", .type = BB_T_JSON, .offset = offsetof(struct report, any)},
        {.name = "done", .type = BB_T_BOOL, .offset = offsetof(struct report, done)},
};
BB_SHAPE(Report, report, BB_SHAPE_OPEN, NULL, report_fields);

static void must(int holds, const char *what)
{
        if (holds)
                return;
        (void)fprintf(stderr, "does not hold: %s\n", what);
        abort();
}

static void shape_round_trip(bb_str input)
{
        struct bb_fault fault;
        struct report report;
        bb_str once, twice;

        if (bb_shape_decode_text(&Report, input, &report, &fault) < 0) {
                must(fault.kind != BB_FAULT_NONE && fault.text.len > 0 && fault.path.ptr != NULL,
                     "a fault is told in full");
                must(str_utf8_valid(fault.path) && str_utf8_valid(fault.text), "a fault is told in UTF-8");
                return;
        }
        once = bb_shape_encode_text(&Report, &report);
        must(bb_shape_decode_text(&Report, once, &report, &fault) == BB_OK, "what was written is taken");
        twice = bb_shape_encode_text(&Report, &report);
        must(bb_str_eq(once, twice), "and written the same again");
        must(bb_str_eq(bb_json_text(bb_shape_encode(&Report, &report)), once), "and the same by way of values");
}

/* Straight from the bytes and by way of a tree: the same verdict, the same words, the same struct. */
static void two_ways_agree(bb_str input)
{
        struct bb_fault fault = {.kind = BB_FAULT_NONE}, other = {.kind = BB_FAULT_NONE};
        struct report report = {.present = 0}, twin = {.present = 0};
        bb_err err = bb_shape_decode_text(&Report, input, &report, &fault), other_err;
        bb_json *tree;

        other_err = bb_json_parse(input, &tree, &other);
        if (other_err == BB_OK)
                other_err = bb_shape_decode(&Report, tree, &twin, &other);
        must(err == other_err, "both take it, or neither");
        must(fault.kind == other.kind && fault.line == other.line, "the same kind of fault");
        must(bb_str_eq(fault.path, other.path) && bb_str_eq(fault.text, other.text), "told in the same words");
        if (err < 0)
                return;
        must(report.present == twin.present && report.inner.present == twin.inner.present, "the same fields are there");
        must((report.outer == NULL) == (twin.outer == NULL), "the same structs");
        must(bb_str_eq(bb_shape_encode_text(&Report, &report), bb_shape_encode_text(&Report, &twin)),
             "the same values");
}

static void value_round_trip(bb_str input)
{
        bb_json *value;
        bb_str once;

        if (bb_json_parse(input, &value, NULL) < 0)
                return;
        once = bb_json_text(value);
        must(bb_json_parse(once, &value, NULL) == BB_OK, "JSON that was written is read");
        must(bb_str_eq(bb_json_text(value), once), "and written the same again");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *copy = heap_new(size); /* exactly so long, that a read beyond it is found */
        bb_str input = {copy, size};

        if (size > 0)
                memcpy(copy, data, size);
        arena_current = arena_new("fuzz");
        shape_round_trip(input);
        two_ways_agree(input);
        value_round_trip(input);
        (void)log_mask(input);
        arena_free(arena_current);
        arena_current = NULL;
        free(copy);
        return 0;
}

#ifdef FUZZ_MAIN
static int replay(const char *path)
{
        char block[4096];
        _cleanup_buf_ struct buf all = {.ptr = NULL};
        FILE *f = fopen(path, "rb");
        size_t n;

        if (f == NULL) {
                perror(path);
                return 1;
        }
        while ((n = fread(block, 1, sizeof(block), f)) > 0)
                buf_add(&all, block, n);
        (void)fclose(f);
        return LLVMFuzzerTestOneInput((const uint8_t *)buf_str(&all).ptr, all.len);
}

int main(int argc, char **argv)
{
        int failed = 0;

        for (int i = 1; i < argc; i++)
                failed |= replay(argv[i]);
        return failed;
}
#endif
