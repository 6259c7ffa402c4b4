/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /v1/stations/{station}/messages/trace: what was said, oldest first, a line of JSON each, as busbar-sim --replay
 * reads it. Secrets are masked as everywhere in the journal.
 */
#include "journal.h"

enum { STEP_ROWS = 64, DAY_MS = 24 * 3600 * 1000 };

const struct bb_query_param trace_query[] = {
        {.name = "from", .type = BB_T_TIME, .about = "At this time or later."},
        {.name = "to", .type = BB_T_TIME, .about = "Before this time."},
};
_Static_assert(BB_COUNT(trace_query) == TRACE_QUERIES, "the route names the number");

static BB_AWAIT bb_err write_line(bb_response *res, const bb_json *line)
{
        return bb_response_write(res, bb_print("%.*s\n", BB_FMT(bb_json_text(line))));
}

/* What the lines after it are of. */
static bb_json *first_line(bb_str station)
{
        bb_json *line = bb_json_new_object();

        bb_json_set(line, "trace", bb_json_new_int(1));
        bb_json_set(line, "protocol", bb_json_new_str(BB_STR("ocpp1.6")));
        bb_json_set(line, "station", bb_json_new_str(station));
        return line;
}

static BB_AWAIT bb_err write_rows(const bb_rows *rows, void *arg)
{
        for (size_t i = 0; i < bb_rows_count(rows); i++)
                TRY(write_line(arg, journal_row_json(rows, i)));
        return BB_OK;
}

BB_AWAIT bb_err journal_trace(bb_request *req, bb_response *res)
{
        bb_str from = bb_request_query(req, "from"), to = bb_request_query(req, "to");
        bb_str id = bb_request_param(req, "station");
        struct ocpp_tenant *owner = bb_request_state(req);
        struct bb_station station = {.id = BB_NONE};
        int64_t from_ms = bb_now_ms() - (owner->options->journal_days + 1) * (int64_t)DAY_MS;
        int64_t to_ms = bb_now_ms() + DAY_MS;

        if (from.ptr != NULL)
                TRY(bb_time_parse(from, &from_ms));
        if (to.ptr != NULL)
                TRY(bb_time_parse(to, &to_ms));
        TRY(charging->station_get(id, &station));
        if (owner->journal != NULL)
                journal_sync(owner->journal);
        TRY(bb_response_stream(res, "application/x-ndjson"));
        if (bb_str_is(bb_request_method(req), "HEAD"))
                return BB_OK;
        TRY(write_line(res, first_line(station.id)));
        return bb_db_scan(&BB_STMT("select " JOURNAL_COLUMNS " from ocpp16.message"
                                   " where station_id = $1 and at >= $2 and at < $3 order by at, id",
                                   BB_TEXT(id), BB_TIME(from_ms), BB_TIME(to_ms)),
                          STEP_ROWS, write_rows, res);
}
