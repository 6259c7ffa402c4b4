/* SPDX-License-Identifier: Apache-2.0
 *
 * /v1/sessions and /v1/cdrs: what was and is being charged.
 */
#include "admin.h"

const char *const session_states[] = {"open", "ended", "review", "closed", NULL};
const char *const authorization_states[] = {"accepted", "blocked", "expired", "invalid", "concurrent", NULL};

#define AT(member) .offset = offsetof(struct bb_session, member)
static const struct bb_field fields[] = {
        {.name = "id", .type = BB_T_STR, .flags = BB_REQUIRED, AT(id)},
        {.name = "station_id", .type = BB_T_STR, .flags = BB_REQUIRED, AT(station_id)},
        {.name = "connector_id", .type = BB_T_INT, .flags = BB_REQUIRED, AT(connector_id)},
        {.name = "location_id", .type = BB_T_STR, AT(location_id)},
        {.name = "transaction_id", .type = BB_T_INT, .flags = BB_REQUIRED, AT(transaction_id)},
        {.name = "token_uid", .type = BB_T_STR, .flags = BB_REQUIRED, AT(token_uid)},
        {.name = "parent_uid", .type = BB_T_STR, AT(parent_uid)},
        {.name = "state", .type = BB_T_ENUM, .flags = BB_REQUIRED, AT(state), .values = session_states},
        {.name = "authorization",
         .type = BB_T_ENUM,
         .flags = BB_REQUIRED,
         AT(authorization),
         .values = authorization_states,
         .about = "What the station was told at the start."},
        {.name = "started_at",
         .type = BB_T_TIME,
         .flags = BB_REQUIRED,
         AT(started_ms),
         .about = "The station's time, corrected where its clock was wrong."},
        {.name = "ended_at", .type = BB_T_TIME, AT(ended_ms)},
        {.name = "start_told_at",
         .type = BB_T_TIME,
         AT(start_told_ms),
         .about = "What the station's clock said, where started_at is corrected."},
        {.name = "end_told_at", .type = BB_T_TIME, AT(end_told_ms)},
        {.name = "start_received_at", .type = BB_T_TIME, AT(start_received_ms), .about = "By our clock."},
        {.name = "end_received_at", .type = BB_T_TIME, AT(end_received_ms)},
        {.name = "meter_start_wh", .type = BB_T_INT, .flags = BB_REQUIRED, AT(meter_start_wh)},
        {.name = "meter_stop_wh", .type = BB_T_INT, .flags = BB_NULLABLE, AT(meter_stop_wh)},
        {.name = "energy_wh", .type = BB_T_INT, .flags = BB_REQUIRED, AT(energy_wh)},
        {.name = "power_w", .type = BB_T_INT, AT(power_w)},
        {.name = "soc_percent", .type = BB_T_INT, .flags = BB_NULLABLE, AT(soc_percent)},
        {.name = "sample_count", .type = BB_T_INT, .flags = BB_REQUIRED, AT(sample_count)},
        {.name = "last_sample_at", .type = BB_T_TIME, AT(last_sample_ms)},
        {.name = "stop_reason", .type = BB_T_STR, AT(stop_reason)},
        {.name = "stop_token_uid", .type = BB_T_STR, AT(stop_token_uid)},
        {.name = "review",
         .type = BB_T_STR,
         AT(review),
         .about = "Why somebody should look at it; absent when all is well."},
        {.name = "closed_by",
         .type = BB_T_STR,
         AT(closed_by),
         .about = "The rule that closed it before its stop came: available, next_start, rebooted, silent, too_long, "
                  "operator."},
        {.name = "closed_at", .type = BB_T_TIME, AT(closed_ms)},
        {.name = "settled_by", .type = BB_T_STR, AT(settled_by), .about = "Who decided about it."},
        {.name = "settled_at", .type = BB_T_TIME, AT(settled_ms)},
        {.name = "settled_note", .type = BB_T_STR, AT(settled_note), .about = "Why."},
};
BB_SHAPE(Session, bb_session, 0, "One charging session.", fields);
#undef AT

/* A sample as the API shows it: the contract's struct has no present bits. */
struct sample_view {
        uint64_t present;
        struct bb_sample sample;
};
#define AT(member) .offset = offsetof(struct sample_view, sample.member)
static const struct bb_field sample_fields[] = {
        {.name = "at", .type = BB_T_TIME, .flags = BB_REQUIRED, AT(at_ms)},
        {.name = "measurand", .type = BB_T_STR, .flags = BB_REQUIRED, AT(measurand)},
        {.name = "phase", .type = BB_T_STR, AT(phase)},
        {.name = "location", .type = BB_T_STR, AT(location)},
        {.name = "context", .type = BB_T_STR, AT(context)},
        {.name = "unit", .type = BB_T_STR, AT(unit)},
        {.name = "format", .type = BB_T_STR, AT(format)},
        {.name = "value", .type = BB_T_STR, .flags = BB_REQUIRED, AT(value), .about = "As the station wrote it."},
};
BB_SHAPE(Sample, sample_view, 0, "One measured value (OCPP 1.6 §7.43).", sample_fields);
#undef AT

#define AT(member) .offset = offsetof(struct bb_cdr, member)
static const struct bb_field cdr_fields[] = {
        {.name = "id", .type = BB_T_STR, .flags = BB_REQUIRED, AT(id)},
        {.name = "session_id", .type = BB_T_STR, .flags = BB_REQUIRED, AT(session_id)},
        {.name = "station_id", .type = BB_T_STR, .flags = BB_REQUIRED, AT(station_id)},
        {.name = "connector_id", .type = BB_T_INT, .flags = BB_REQUIRED, AT(connector_id)},
        {.name = "location_id", .type = BB_T_STR, AT(location_id)},
        {.name = "token_uid", .type = BB_T_STR, .flags = BB_REQUIRED, AT(token_uid)},
        {.name = "started_at", .type = BB_T_TIME, .flags = BB_REQUIRED, AT(started_ms)},
        {.name = "ended_at", .type = BB_T_TIME, .flags = BB_REQUIRED, AT(ended_ms)},
        {.name = "energy_wh", .type = BB_T_INT, .flags = BB_REQUIRED, AT(energy_wh)},
        {.name = "duration_s", .type = BB_T_INT, .flags = BB_REQUIRED, AT(duration_s)},
        {.name = "created_at", .type = BB_T_TIME, .flags = BB_REQUIRED, AT(created_ms)},
};
BB_SHAPE(Cdr, bb_cdr, 0, "The final account of a session; never changes.", cdr_fields);
#undef AT

BB_AWAIT bb_err sessions_list(bb_request *req, bb_response *res)
{
        struct bb_session_filter filter = {.station_id = bb_request_query(req, "station"),
                                           .token_uid = bb_request_query(req, "token"),
                                           .location_id = bb_request_query(req, "location"),
                                           .open = bool_query(req, "open"),
                                           .review = bool_query(req, "review") == 1};
        struct page page;
        struct bb_session *items;
        size_t count;

        TRY(filters_filled(req, res, "station", "token", "location", NULL));
        TRY(time_query(req, "from", &filter.from_ms));
        TRY(time_query(req, "to", &filter.to_ms));
        TRY(page_of(req, res, &page));
        TRY(page_fault(res, &page, charging->session_list(&filter, page.after, page.limit, &items, &count)));
        page_send(res, &Session, items, count, &page, count > 0 ? items[count - 1].id : BB_NONE);
        return BB_OK;
}

BB_AWAIT bb_err session_read(bb_request *req, bb_response *res)
{
        struct bb_session session;

        TRY(charging->session_get(bb_request_param(req, "id"), &session));
        return object_send(req, res, &Session, &session, session.version);
}

static int64_t index_of(bb_str after)
{
        int64_t value = 0;

        for (size_t i = 0; i < after.len && i < 18; i++) {
                if (after.ptr[i] < '0' || after.ptr[i] > '9')
                        return -1;
                value = value * 10 + (after.ptr[i] - '0');
        }
        return after.len > 0 ? value : -1;
}

/* GET /v1/sessions/{id}/samples: the cursor is the index of the last sample */
BB_AWAIT bb_err session_samples(bb_request *req, bb_response *res)
{
        bb_str id = bb_request_param(req, "id");
        struct bb_session session;
        struct bb_sample *samples;
        struct sample_view *views;
        struct page page;
        size_t count;

        TRY(page_of(req, res, &page));
        TRY(charging->session_get(id, &session));
        int64_t after = index_of(page.after);

        if (after < 0 && page.after.ptr != NULL)
                return page_fault(res, &page, BB_E_INVALID);
        TRY(charging->session_sample_list(id, after, page.limit, &samples, &count));
        views = BB_NEW_ARRAY(struct sample_view, count + 1);
        for (size_t i = 0; i < count; i++)
                views[i].sample = samples[i];
        page_send(res, &Sample, views, count, &page, bb_print("%lld", (long long)(after + (int64_t)count)));
        return BB_OK;
}

BB_AWAIT bb_err cdrs_list(bb_request *req, bb_response *res)
{
        struct page page;
        struct bb_cdr *items;
        size_t count;

        TRY(page_of(req, res, &page));
        TRY(page_fault(res, &page, charging->cdr_list(page.after, page.limit, &items, &count)));
        page_send(res, &Cdr, items, count, &page, count > 0 ? items[count - 1].id : BB_NONE);
        return BB_OK;
}
