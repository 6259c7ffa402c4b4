/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /v1/security-events and GET /v1/stations/{id}/security-events: newest first.
 */
#include "security.h"

#include "page.h"
#include "shapes.h"

const struct bb_query_param security_query[] = {
        {.name = "type", .type = BB_T_STR, .about = "Only events of this type, like TamperDetectionActivated."},
        {.name = "critical", .type = BB_T_BOOL, .about = "true: only those that the Security Whitepaper §8 calls so."},
        {.name = "noticed", .type = BB_T_BOOL, .about = "true: what was noticed here; false: what stations reported."},
        {.name = "from", .type = BB_T_TIME, .about = "Received at this time or later."},
        {.name = "to", .type = BB_T_TIME, .about = "Received before this time."},
};
_Static_assert(BB_COUNT(security_query) == SECURITY_QUERIES, "the routes name the number");

struct security_view {
        uint64_t present;
        bb_str id, station_id, type, tech_info;
        int64_t at_ms, received_ms;
        int32_t critical, noticed;
};

static const struct bb_field view_fields[] = {
        FIELD(security_view, id, "id", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(security_view, station_id, "station_id", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(security_view, type, "type", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(security_view, at_ms, "at", BB_T_TIME, .flags = BB_REQUIRED, .about = "As the station told it."),
        FIELD(security_view, received_ms, "received_at", BB_T_TIME, .flags = BB_REQUIRED),
        FIELD(security_view, critical, "critical", BB_T_BOOL, .flags = BB_REQUIRED),
        FIELD(security_view, noticed, "noticed", BB_T_BOOL, .flags = BB_REQUIRED,
              .about = "Noticed by the central system, not reported by the station."),
        FIELD(security_view, tech_info, "tech_info", BB_T_STR),
};
BB_SHAPE(SecurityEvent, security_view, 0, "Something about a station's security (Security Whitepaper §8).",
         view_fields);

static int64_t flag_query(bb_request *req, const char *name)
{
        bb_str text = bb_request_query(req, name);

        if (text.ptr == NULL)
                return -1;
        return bb_str_is(text, "true") || bb_str_is(text, "1");
}

static int64_t time_query(bb_request *req, const char *name, int64_t otherwise)
{
        bb_str text = bb_request_query(req, name);
        int64_t ms;

        return text.ptr != NULL && bb_time_parse(text, &ms) == BB_OK ? ms : otherwise;
}

static BB_AWAIT bb_err read_rows(bb_request *req, const struct page *page, bb_rows **ret)
{
        int64_t from = time_query(req, "from", 0), to = time_query(req, "to", 0);

        return bb_db_query(ret,
                           "select id::text, station_id, type, at, received_at, critical, noticed, tech_info"
                           " from ocpp16.security_event where ($1::text is null or station_id = $1)"
                           " and ($2::text is null or type = $2) and ($3::bigint < 0 or critical = ($3 = 1))"
                           " and ($4::bigint < 0 or noticed = ($4 = 1))"
                           " and ($5::timestamptz is null or received_at >= $5)"
                           " and ($6::timestamptz is null or received_at < $6)"
                           " and ($7::text is null or id < $7::uuid) order by id desc limit $8",
                           BB_TEXT(page->station), BB_TEXT(bb_request_query(req, "type")),
                           BB_INT(flag_query(req, "critical")), BB_INT(flag_query(req, "noticed")),
                           BB_TIME_OR_NULL(from != 0, from), BB_TIME_OR_NULL(to != 0, to), BB_TEXT(page->after),
                           BB_INT((int64_t)page->limit));
}

static bb_json *row_json(const bb_rows *rows, size_t i)
{
        bb_str tech_info = bb_row_str(rows, i, 7);
        const struct security_view v = {.id = bb_row_str(rows, i, 0),
                                        .station_id = bb_row_str(rows, i, 1),
                                        .type = bb_row_str(rows, i, 2),
                                        .at_ms = bb_row_time(rows, i, 3, 0),
                                        .received_ms = bb_row_time(rows, i, 4, 0),
                                        .critical = (int32_t)bb_row_int(rows, i, 5, 0),
                                        .noticed = (int32_t)bb_row_int(rows, i, 6, 0),
                                        .tech_info = tech_info.len > 0 ? tech_info : BB_NONE};

        return bb_shape_encode(&SecurityEvent, &v);
}

BB_AWAIT bb_err security_list(bb_request *req, bb_response *res)
{
        struct page page;
        bb_rows *rows;

        TRY(page_of(req, res, &page));
        TRY(read_rows(req, &page, &rows));
        page_send(res, &page, rows, row_json);
        return BB_OK;
}
