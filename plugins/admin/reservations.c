/* SPDX-License-Identifier: Apache-2.0
 *
 * /v1/reservations: a connector, or any connector of a station, kept free for a token until a time.
 */
#include "admin.h"

static const char *const states[] = {"requested", "active", "used", "cancelled", "expired", "refused", NULL};

#define AT(member) .offset = offsetof(struct bb_reservation, member)
static const struct bb_field fields[] = {
        {.name = "id", .type = BB_T_INT, .flags = BB_READONLY, AT(id), .about = "OCPP's reservationId."},
        {.name = "station_id", .type = BB_T_STR, .flags = BB_REQUIRED, AT(station_id), .min = 1, .max = 64},
        {.name = "connector_id",
         .type = BB_T_INT,
         .flags = BB_REQUIRED,
         AT(connector_id),
         .min = 0,
         .max = 255,
         .about = "0: any connector of the station."},
        /* OCPP 1.6 §7.28: an idTag has at most 20 characters. */
        {.name = "token_uid", .type = BB_T_STR, .flags = BB_REQUIRED, AT(token_uid), .min = 1, .max = 20},
        {.name = "parent_uid",
         .type = BB_T_STR,
         .flags = BB_NULLABLE,
         AT(parent_uid),
         .max = 20,
         .about = "Who belongs to it may use the reservation, too; when absent the parent of the token."},
        {.name = "expires_at", .type = BB_T_TIME, .flags = BB_REQUIRED, AT(expires_ms)},
        {.name = "state",
         .type = BB_T_ENUM,
         .flags = BB_READONLY,
         AT(state),
         .values = states,
         .about = "requested: the station did not answer, and may hold it."},
        {.name = "answer", .type = BB_T_STR, .flags = BB_READONLY, AT(answer), .about = "The station's."},
        {.name = "session_id", .type = BB_T_STR, .flags = BB_READONLY, AT(session_id), .about = "That used it."},
        {.name = "conflict_session_id",
         .type = BB_T_STR,
         .flags = BB_READONLY,
         AT(conflict_session_id),
         .about = "Of another token, that charges on the reserved connector."},
        {.name = "created_at", .type = BB_T_TIME, .flags = BB_READONLY, AT(created_ms)},
        {.name = "ended_at", .type = BB_T_TIME, .flags = BB_READONLY, AT(ended_ms)},
};
BB_SHAPE(Reservation, bb_reservation, 0, "A connector that is kept free for somebody.", fields);
#undef AT

BB_AWAIT bb_err reservations_list(bb_request *req, bb_response *res)
{
        struct bb_reservation_filter filter = {.station_id = bb_request_query(req, "station"),
                                               .token_uid = bb_request_query(req, "token"),
                                               .live = bool_query(req, "live")};
        struct bb_reservation *items;
        struct page page;
        int64_t after = 0;
        size_t count;

        TRY(filters_filled(req, res, "station", "token", NULL));
        TRY(page_of(req, res, &page));
        if (page.after.ptr != NULL && int_of(page.after, &after) < 0)
                return page_fault(res, &page, BB_E_INVALID);
        TRY(page_fault(res, &page, charging->reservation_list(&filter, after, page.limit, &items, &count)));
        page_send(res, &Reservation, items, count, &page,
                  count > 0 ? bb_print("%lld", (long long)items[count - 1].id) : BB_NONE);
        return BB_OK;
}

BB_AWAIT bb_err reservation_read(bb_request *req, bb_response *res)
{
        struct bb_reservation r;
        int64_t id;

        TRY(int_of(bb_request_param(req, "id"), &id));
        TRY(charging->reservation_get(id, &r));
        object_encode(res, &Reservation, &r);
        return BB_OK;
}

static const struct {
        bb_err err;
        int32_t status;
        const char *code, *path, *detail;
} refusals[] = {
        {BB_E_NOT_FOUND, 422, "validation-failed", "/station_id", "There is no such station."},
        {BB_E_DENIED, 422, "validation-failed", "/token_uid", "This token may not charge."},
        {BB_E_INVALID, 422, "validation-failed", "/expires_at", "It must be in the future."},
        {BB_E_EXISTS, 409, "reserved", "/connector_id", "The connector is reserved already."},
        {BB_E_LIMIT, 409, "no-connector-left", "/connector_id",
         "Every connector of the station is spoken for: one must remain for who has reserved any of them."},
};

/* `reason`: what is known beyond the error; BB_NONE: nothing. */
static bb_err refusal_send(bb_response *res, bb_err err, bb_str reason)
{
        for (size_t i = 0; i < BB_COUNT(refusals); i++) {
                bb_str detail = reason.len > 0 ? reason : bb_cstr(refusals[i].detail);

                if (refusals[i].err != err)
                        continue;
                bb_problem_field(res, bb_cstr(refusals[i].path), detail);
                return bb_problem(res, err, refusals[i].status, refusals[i].code, detail);
        }
        return err;
}

BB_AWAIT bb_err reservation_create(bb_request *req, bb_response *res)
{
        struct bb_command_result result = {.size = sizeof(result)};
        struct bb_reservation wanted, r;
        bb_err err;

        TRY(bb_request_decode(req, &Reservation, &wanted, res));
        if (wanted.parent_uid.len == 0)
                wanted.parent_uid = BB_NONE;
        err = charging->reserve(bb_request_actor(req), &wanted, &result, &r);
        if (err < 0)
                return refusal_send(res, err, err == BB_E_DENIED ? result.error_text : BB_NONE);
        if (result.outcome != BB_COMMAND_ANSWERED && result.outcome != BB_COMMAND_REFUSED)
                return command_fault(res, &result, BB_NONE, "");
        if (r.state != BB_RESERVATION_ACTIVE)
                return bb_problem(
                        res, BB_E_REJECTED, 409, "reservation-refused",
                        bb_print("The station answered %.*s (reservation %lld).", BB_FMT(r.answer), (long long)r.id));
        bb_response_status(res, 201);
        bb_response_header(res, "Location",
                           bb_print("%.*s/v1/reservations/%lld", BB_FMT(bb_request_base_url(req)), (long long)r.id));
        object_encode(res, &Reservation, &r);
        return BB_OK;
}

BB_AWAIT bb_err reservation_remove(bb_request *req, bb_response *res)
{
        struct bb_command_result result = {.size = sizeof(result)};
        struct bb_reservation r;
        int64_t id;
        bb_err err;

        TRY(int_of(bb_request_param(req, "id"), &id));
        err = charging->reservation_cancel(bb_request_actor(req), id, &result, &r);
        if (err == BB_E_CONFLICT)
                return bb_problem(res, err, 409, "reservation-ended", BB_STR("The reservation has ended already."));
        TRY(err);
        if (result.outcome == BB_COMMAND_REFUSED)
                return bb_problem(res, BB_E_REJECTED, 409, "station-refused",
                                  bb_print("The station answered %.*s: %.*s", BB_FMT(result.error_code),
                                           BB_FMT(result.error_text)));
        if (result.outcome != BB_COMMAND_ANSWERED)
                return command_fault(res, &result, BB_NONE, "");
        bb_response_status(res, 204);
        return BB_OK;
}
