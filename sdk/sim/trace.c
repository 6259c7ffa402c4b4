/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a recorded conversation, and comparing answers with it.
 */
#include "trace.h"

#include "base/map.h"
#include "base/str.h"
#include "base/time.h"
#include <busbar/rt.h>
#include <stdio.h>

static const char *const kinds[] = {[TRACE_UNREADABLE] = "unreadable",
                                    [TRACE_CALL] = "CALL",
                                    [TRACE_RESULT] = "CALLRESULT",
                                    [TRACE_ERROR] = "CALLERROR"};

static bb_str text_of(const bb_json *line, const char *name)
{
        return bb_json_str(bb_json_get(line, name));
}

static int32_t kind_of(bb_str name)
{
        for (size_t i = 0; i < BB_COUNT(kinds); i++)
                if (kinds[i] != NULL && bb_str_is(name, kinds[i]))
                        return (int32_t)i;
        return -1;
}

static bb_err read_frame(const bb_json *line, struct trace_frame *ret)
{
        *ret = (struct trace_frame){.kind = kind_of(text_of(line, "type")),
                                    .from_station = bb_str_is(text_of(line, "direction"), "in"),
                                    .epoch = bb_json_int(bb_json_get(line, "connection_epoch"), 0),
                                    .id = text_of(line, "message_id"),
                                    .action = text_of(line, "action"),
                                    .text = text_of(line, "text"),
                                    .payload = bb_json_get(line, "payload"),
                                    .is_whole = !bb_json_int(bb_json_get(line, "cut"), 0)};
        if (ret->kind < 0 || time_parse(text_of(line, "at"), &ret->at_ms) < 0)
                return BB_E_INVALID;
        if (ret->kind != TRACE_UNREADABLE && ret->id.ptr == NULL)
                return BB_E_INVALID;
        return BB_OK;
}

/* By the journal's own ids: message ids come again. */
static void join(struct map *by_id, const bb_json *line, struct trace_frame *frame)
{
        struct trace_frame *call = map_get(by_id, text_of(line, "pair_id"));

        map_set(by_id, text_of(line, "id"), frame);
        if (frame->kind < TRACE_RESULT || call == NULL || call->kind != TRACE_CALL)
                return;
        frame->pair = call;
        call->pair = frame;
}

static size_t count_lines(bb_str text)
{
        size_t count = 0;
        bb_str line;

        while (str_split(&text, '\n', &line))
                count++;
        return count;
}

static bb_err wrong(size_t line)
{
        fprintf(stderr, "busbar-sim: line %zu of the trace is not one of a trace\n", line);
        return BB_E_INVALID;
}

static bb_err read_lines(bb_str rest, struct map *by_id, struct trace *ret)
{
        struct bb_fault fault;
        bb_json *json;
        bb_str line;

        for (size_t number = 1; str_split(&rest, '\n', &line); number++) {
                if (str_trim(line).len == 0)
                        continue;
                if (bb_json_parse(line, &json, &fault) < 0)
                        return wrong(number);
                if (number == 1) {
                        ret->station = text_of(json, "station");
                        if (bb_json_int(bb_json_get(json, "trace"), 0) != 1 || ret->station.ptr == NULL)
                                return wrong(number);
                        continue;
                }
                if (read_frame(json, &ret->frames[ret->count]) < 0)
                        return wrong(number);
                join(by_id, json, &ret->frames[ret->count++]);
        }
        return ret->station.ptr != NULL ? BB_OK : wrong(1);
}

bb_err trace_read(bb_str text, struct trace *ret)
{
        struct map *by_id = map_new();
        bb_err err;

        *ret = (struct trace){.frames = BB_NEW_ARRAY(struct trace_frame, count_lines(text) + 1)};
        err = read_lines(text, by_id, ret);
        map_free(by_id);
        return err;
}

/* --- comparing --- */

static bb_str difference(const bb_json *wanted, const bb_json *got, bb_str at);

static int is_own(bb_str name)
{
        static const char *const own[] = {"transactionId", "interval"};

        for (size_t i = 0; i < BB_COUNT(own); i++)
                if (bb_str_is(name, own[i]))
                        return 1;
        return 0;
}

static bb_str member_difference(const bb_json *wanted, const bb_json *got, bb_str at)
{
        bb_json *value;
        bb_str name;

        for (size_t i = 0; i < bb_json_count(wanted); i++) {
                bb_str found, here;

                if (bb_json_member(wanted, i, &name, &value) < 0)
                        return at;
                here = bb_print("%.*s/%.*s", BB_FMT(at), BB_FMT(name));
                if (bb_json_get(got, bb_str_c(name)) == NULL)
                        return here;
                found = is_own(name) ? BB_NONE : difference(value, bb_json_get(got, bb_str_c(name)), here);
                if (found.ptr != NULL)
                        return found;
        }
        for (size_t i = 0; i < bb_json_count(got); i++)
                if (bb_json_member(got, i, &name, &value) == BB_OK && bb_json_get(wanted, bb_str_c(name)) == NULL)
                        return bb_print("%.*s/%.*s", BB_FMT(at), BB_FMT(name));
        return BB_NONE;
}

static bb_str item_difference(const bb_json *wanted, const bb_json *got, bb_str at)
{
        if (bb_json_count(wanted) != bb_json_count(got))
                return at;
        for (size_t i = 0; i < bb_json_count(wanted); i++) {
                bb_str found =
                        difference(bb_json_at(wanted, i), bb_json_at(got, i), bb_print("%.*s/%zu", BB_FMT(at), i));

                if (found.ptr != NULL)
                        return found;
        }
        return BB_NONE;
}

static int are_times(const bb_json *one, const bb_json *other)
{
        int64_t ms;

        return time_parse(bb_json_str(one), &ms) == BB_OK && time_parse(bb_json_str(other), &ms) == BB_OK;
}

static bb_str difference(const bb_json *wanted, const bb_json *got, bb_str at)
{
        if (bb_json_kind(wanted) != bb_json_kind(got))
                return at;
        if (bb_json_kind(wanted) == BB_J_OBJECT)
                return member_difference(wanted, got, at);
        if (bb_json_kind(wanted) == BB_J_ARRAY)
                return item_difference(wanted, got, at);
        if (bb_json_kind(wanted) == BB_J_STR && are_times(wanted, got))
                return BB_NONE;
        return bb_str_eq(bb_json_text(wanted), bb_json_text(got)) ? BB_NONE : at;
}

bb_str trace_difference(const struct trace_frame *wanted, int32_t got_kind, const bb_json *got)
{
        if (wanted->kind != got_kind)
                return BB_STR("/");
        if (wanted->kind == TRACE_ERROR)
                return difference(bb_json_at(wanted->payload, 0), bb_json_at(got, 0), BB_STR("/code"));
        return difference(wanted->payload, got, BB_STR(""));
}
