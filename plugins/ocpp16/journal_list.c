/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /v1/stations/{station}/messages: what was said, newest first.
 */
#include "frame.h"
#include "journal.h"

enum { MAX_Q = 100, Q_DAYS = 7, DAY_MS = 24 * 3600 * 1000, YIELD_EVERY = 16 };

static const char *const directions[] = {"in", "out", NULL}; /* in the order of JOURNAL_… */
static const char *const types[] = {"unreadable", "CALL", "CALLRESULT", "CALLERROR", NULL};

const struct bb_query_param journal_query[] = {
        {.name = "action", .type = BB_T_STR, .about = "Of the CALL, or of the CALL that is answered."},
        {.name = "direction", .type = BB_T_ENUM, .values = directions, .about = "in: from the station."},
        {.name = "type", .type = BB_T_ENUM, .values = types},
        {.name = "from", .type = BB_T_TIME, .about = "At this time or later."},
        {.name = "to", .type = BB_T_TIME, .about = "Before this time."},
        {.name = "error", .type = BB_T_BOOL, .about = "true: only what went wrong; false: only what did not."},
        {.name = "q",
         .type = BB_T_STR,
         .about = "Part of the payload, A to Z in either case, at most 100 bytes; without `from` in the last seven "
                  "days."},
        {.name = "connector", .type = BB_T_INT, .about = "The connector that the CALL names."},
};
_Static_assert(BB_COUNT(journal_query) == JOURNAL_QUERIES, "the route names the number");

#define AT(member) .offset = offsetof(struct journal_view, member)
static const struct bb_field view_fields[] = {
        {.name = "id", .type = BB_T_STR, .flags = BB_REQUIRED, AT(id)},
        {.name = "at", .type = BB_T_TIME, .flags = BB_REQUIRED, AT(at_ms)},
        {.name = "direction", .type = BB_T_ENUM, .flags = BB_REQUIRED, AT(direction), .values = directions},
        {.name = "type", .type = BB_T_ENUM, .flags = BB_REQUIRED, AT(type), .values = types},
        {.name = "action", .type = BB_T_STR, AT(action), .about = "Of an answer: that of its CALL."},
        {.name = "message_id", .type = BB_T_STR, AT(message_id)},
        {.name = "connector_id", .type = BB_T_INT, AT(connector_id)},
        {.name = "payload",
         .type = BB_T_JSON,
         AT(payload),
         .about = "Secrets are masked. Of a CALLERROR: code, description, details."},
        {.name = "text",
         .type = BB_T_STR,
         AT(text),
         .about = "Instead of the payload, when it was too long to be kept whole, or is not JSON."},
        {.name = "cut", .type = BB_T_BOOL, AT(cut), .about = "The payload was longer than what is kept of it."},
        {.name = "bytes", .type = BB_T_INT, .flags = BB_REQUIRED, AT(bytes), .about = "Length of the whole frame."},
        {.name = "verdict",
         .type = BB_T_STR,
         AT(verdict),
         .about = "ok, late, unreadable, or an error code; a CALL has its answer's. Absent: no answer (yet)."},
        {.name = "pair_id", .type = BB_T_STR, AT(pair_id), .about = "The answer to this CALL, or its CALL."},
        {.name = "latency_ms",
         .type = BB_T_DECIMAL,
         .scale = 3,
         AT(latency_us),
         .about = "From the CALL to its answer."},
        {.name = "connection_epoch",
         .type = BB_T_INT,
         .flags = BB_REQUIRED,
         AT(epoch),
         .about = "Counts the station's connections."},
};
#undef AT
enum { V_CONNECTOR = 6, V_CUT = 9, V_LATENCY = 13 };
BB_SHAPE(OcppMessage, journal_view, 0, "An OCPP frame from or to a station.", view_fields);

bb_json *journal_view_json(struct journal_view *v, bb_str payload)
{
        struct bb_fault fault;

        /* Of a CALLERROR the rest of the frame is kept: "Code", "description", {} */
        if (v->type == FRAME_ERROR - 1)
                payload = bb_print("[%.*s]", BB_FMT(payload));
        if (v->cut || v->type == RECORD_UNREADABLE || payload.len == 0 ||
            bb_json_parse(payload, &v->payload, &fault) < 0) {
                v->payload = NULL;
                v->text = payload;
        }
        v->present |= v->connector_id >= 0 ? 1u << V_CONNECTOR : 0;
        v->present |= v->cut ? 1u << V_CUT : 0;
        v->present |= v->latency_us >= 0 ? 1u << V_LATENCY : 0;
        return bb_shape_encode(&OcppMessage, v);
}

struct filter {
        bb_str station, action, q;
        int64_t direction, type, error, connector; /* -1: any */
        int64_t from_ms, to_ms, before_ms, before_id;
        size_t limit;
};

/* Of a value that the router has checked. -1: absent. */
static int64_t index_in(const char *const *names, bb_str value)
{
        for (int64_t i = 0; value.ptr != NULL && names[i] != NULL; i++) {
                if (bb_str_is(value, names[i]))
                        return i;
        }
        return -1;
}

static int32_t take_number(bb_str *s, int64_t *ret)
{
        size_t i = 0;

        *ret = 0;
        for (; i < s->len && i < 18 && s->ptr[i] >= '0' && s->ptr[i] <= '9'; i++)
                *ret = *ret * 10 + (s->ptr[i] - '0');
        s->ptr += i;
        s->len -= i;
        return i > 0;
}

static bb_err read_times(bb_request *req, struct filter *f)
{
        bb_str from = bb_request_query(req, "from"), to = bb_request_query(req, "to");
        const struct ocpp_tenant *owner = bb_request_state(req);
        int64_t days = f->q.ptr != NULL ? Q_DAYS : owner->options->journal_days + 1;

        f->from_ms = bb_now_ms() - days * DAY_MS;
        f->to_ms = bb_now_ms() + DAY_MS;
        if (from.ptr != NULL)
                TRY(bb_time_parse(from, &f->from_ms));
        if (to.ptr != NULL)
                TRY(bb_time_parse(to, &f->to_ms));
        return BB_OK;
}

static bb_err read_filter(bb_request *req, bb_response *res, struct filter *f)
{
        bb_str after, error = bb_request_query(req, "error"), connector = bb_request_query(req, "connector");

        f->station = bb_request_param(req, "station");
        f->action = bb_request_query(req, "action");
        f->q = bb_request_query(req, "q");
        if (f->q.len > MAX_Q)
                return bb_problem(res, BB_E_INVALID, 400, "invalid-parameter",
                                  BB_STR("The query parameter q is longer than 100 bytes."));
        f->direction = index_in(directions, bb_request_query(req, "direction"));
        f->type = index_in(types, bb_request_query(req, "type"));
        f->error = error.ptr == NULL ? -1 : bb_str_is(error, "true") || bb_str_is(error, "1");
        if (!take_number(&connector, &f->connector))
                f->connector = -1;
        TRY(read_times(req, f));
        TRY(bb_page(req, res, &f->limit, &after));
        f->before_ms = f->to_ms;
        f->before_id = 0;
        if (after.ptr == NULL)
                return BB_OK;
        if (take_number(&after, &f->before_ms) && after.len > 0 && *after.ptr++ == '.' && after.len-- > 1 &&
            take_number(&after, &f->before_id) && after.len == 0)
                return BB_OK;
        return bb_problem(res, BB_E_INVALID, 400, "bad-cursor",
                          BB_STR("The query parameter cursor is not one that this list gave out."));
}

static BB_AWAIT bb_err read_rows(const struct filter *f, bb_rows **ret)
{
        return bb_db_query(ret,
                           "select " JOURNAL_COLUMNS " from ocpp16.message"
                           " where station_id = $1 and at >= $2 and (at, id) < ($3, $4)"
                           " and ($5::text is null or action = $5)"
                           " and ($6::bigint < 0 or outgoing = ($6 = 1))"
                           " and ($7::bigint < 0 or type = case when $7 = 0 then 0 else $7 + 1 end)"
                           " and ($8::bigint < 0 or (coalesce(verdict, 'ok') not in ('ok', 'late')) = ($8 = 1))"
                           " and ($9::bigint < 0 or connector_id = $9)"
                           " and ($10::text is null or strpos(lower(payload), lower($10)) > 0)"
                           " order by at desc, id desc limit $11",
                           BB_TEXT(f->station), BB_TIME(f->from_ms), BB_TIME(f->before_ms), BB_INT(f->before_id),
                           BB_TEXT(f->action), BB_INT(f->direction), BB_INT(f->type), BB_INT(f->error),
                           BB_INT(f->connector), BB_TEXT(f->q), BB_INT((int64_t)f->limit));
}

bb_json *journal_row_json(const bb_rows *rows, size_t i)
{
        int64_t type = bb_row_int(rows, i, 4, 0), pair = bb_row_int(rows, i, 13, 0);
        struct journal_view v = {.id = bb_print("%lld", (long long)bb_row_int(rows, i, 0, 0)),
                                 .at_ms = bb_row_time(rows, i, 1, 0),
                                 .epoch = bb_row_int(rows, i, 2, 0),
                                 .direction = (int32_t)bb_row_int(rows, i, 3, 0),
                                 .type = (int32_t)(type == RECORD_UNREADABLE ? 0 : type - 1),
                                 .action = bb_row_str(rows, i, 5),
                                 .message_id = bb_row_str(rows, i, 6),
                                 .connector_id = bb_row_int(rows, i, 7, -1),
                                 .bytes = bb_row_int(rows, i, 9, 0),
                                 .cut = (int32_t)bb_row_int(rows, i, 10, 0),
                                 .verdict = bb_row_str(rows, i, 11),
                                 .latency_us = bb_row_int(rows, i, 12, -1),
                                 .pair_id = pair != 0 ? bb_print("%lld", (long long)pair) : BB_NONE};

        return journal_view_json(&v, bb_row_str(rows, i, 8));
}

BB_AWAIT bb_err journal_list(bb_request *req, bb_response *res)
{
        struct ocpp_tenant *owner = bb_request_state(req);
        struct bb_station station = {.id = BB_NONE};
        bb_json *items = bb_json_new_array();
        bb_str next = BB_NONE;
        struct filter f;
        bb_rows *rows;
        size_t count;

        TRY(read_filter(req, res, &f));
        TRY(charging->station_get(f.station, &station));
        if (owner->journal != NULL)
                journal_sync(owner->journal);
        TRY(read_rows(&f, &rows));
        count = bb_rows_count(rows);
        for (size_t i = 0; i < count; i++) {
                bb_json_append(items, journal_row_json(rows, i));
                if (i % YIELD_EVERY == YIELD_EVERY - 1) /* payloads may be long, and stations wait */
                        TRY(bb_sleep(0));
        }
        if (count > 0 && count == f.limit)
                next = bb_print("%lld.%lld", (long long)bb_row_time(rows, count - 1, 1, 0),
                                (long long)bb_row_int(rows, count - 1, 0, 0));
        bb_response_page(res, items, next);
        return BB_OK;
}
