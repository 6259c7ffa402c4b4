/* SPDX-License-Identifier: Apache-2.0
 *
 * /v1/commands: the same command for many stations, at a set rate.
 */
#include "admin.h"

struct station_choice {
        uint64_t present;
        bb_str location, vendor, model, firmware_version;
        int32_t all;
};
#define AT(member) .offset = offsetof(struct station_choice, member)
static const struct bb_field choice_fields[] = {
        {.name = "location", .type = BB_T_STR, AT(location), .min = 1, .max = 64},
        {.name = "vendor", .type = BB_T_STR, AT(vendor), .min = 1, .max = 255},
        {.name = "model", .type = BB_T_STR, AT(model), .min = 1, .max = 255},
        {.name = "firmware_version", .type = BB_T_STR, AT(firmware_version), .min = 1, .max = 255},
        {.name = "all", .type = BB_T_BOOL, AT(all), .about = "true, when nothing else is chosen: every station."},
};
static BB_SHAPE(StationChoice, station_choice, 0, "Stations that fit all of these.", choice_fields);
#undef AT

static const char *const offline_names[] = {"fail", "queue", NULL};
struct bulk_request {
        uint64_t present;
        bb_str action;
        bb_json *payload;
        struct bb_array stations; /* of bb_str */
        struct station_choice *filter;
        int64_t rate_per_second, max_failures, timeout_ms, effect_timeout_s, expires_s;
        int32_t if_offline, force;
};
#define AT(member) .offset = offsetof(struct bulk_request, member)
static const struct bb_field request_fields[] = {
        {.name = "action", .type = BB_T_STR, .flags = BB_REQUIRED, AT(action), .min = 1, .max = 64},
        {.name = "payload", .type = BB_T_JSON, AT(payload), .about = "As of a command to one station."},
        {.name = "stations",
         .type = BB_T_ARRAY,
         AT(stations),
         .item = BB_T_STR,
         .min = 1,
         .max = 100000,
         .about = "Ids. Either these or a filter."},
        {.name = "filter", .type = BB_T_OBJECT, .flags = BB_PTR, AT(filter), .shape = &StationChoice},
        {.name = "rate_per_second", .type = BB_T_INT, AT(rate_per_second), .min = 1, .max = 1000, .fallback = "5"},
        {.name = "max_failures",
         .type = BB_T_INT,
         AT(max_failures),
         .min = 0,
         .max = 1000000,
         .fallback = "0",
         .about = "After so many that were rejected, failed or got no answer it stops; 0: never."},
        {.name = "timeout_ms", .type = BB_T_INT, AT(timeout_ms), .min = 0, .max = 600000},
        {.name = "effect_timeout_s", .type = BB_T_INT, AT(effect_timeout_s), .min = 0, .max = 2592000},
        {.name = "expires_s",
         .type = BB_T_INT,
         AT(expires_s),
         .min = 0,
         .max = 2592000,
         .about = "What is not sent within this time is not sent at all; 7 days when absent."},
        {.name = "if_offline",
         .type = BB_T_ENUM,
         AT(if_offline),
         .values = offline_names,
         .fallback = "fail",
         .about = "queue: a station that is not connected gets it when it is back."},
        {.name = "force", .type = BB_T_BOOL, AT(force), .about = "Send it also to stations that are so already."},
};
BB_SHAPE(BulkCommandRequest, bulk_request, 0, "A command to many stations.", request_fields);
#undef AT

struct counts_view {
        uint64_t present;
        int64_t n[BB_OPERATION_STATES];
};
#define COUNT(name_, state_)                                                                                           \
        {                                                                                                              \
                .name = (name_), .type = BB_T_INT, .flags = BB_REQUIRED,                                               \
                .offset = offsetof(struct counts_view, n) + sizeof(int64_t) * (state_)                                 \
        }
static const struct bb_field counts_fields[] = {
        COUNT("queued", BB_OPERATION_QUEUED),       COUNT("sent", BB_OPERATION_SENT),
        COUNT("following", BB_OPERATION_FOLLOWING), COUNT("succeeded", BB_OPERATION_SUCCEEDED),
        COUNT("rejected", BB_OPERATION_REJECTED),   COUNT("failed", BB_OPERATION_FAILED),
        COUNT("timed_out", BB_OPERATION_TIMED_OUT), COUNT("cancelled", BB_OPERATION_CANCELLED),
        COUNT("unknown", BB_OPERATION_UNKNOWN),
};
static BB_SHAPE(OperationCounts, counts_view, 0, "How many stations' operations are in each state.", counts_fields);

static const char *const bulk_states[] = {"running", "paused", "finished", "cancelled", "stopped", NULL};
struct bulk_view {
        uint64_t present;
        bb_str id, actor, action, operations;
        bb_json *payload;
        int32_t state;
        int64_t rate_per_second, max_failures, total, created_ms, ended_ms;
        struct counts_view counts;
};
#define AT(member) .offset = offsetof(struct bulk_view, member)
static const struct bb_field bulk_fields[] = {
        {.name = "id", .type = BB_T_STR, .flags = BB_REQUIRED, AT(id)},
        {.name = "action", .type = BB_T_STR, .flags = BB_REQUIRED, AT(action)},
        {.name = "actor", .type = BB_T_STR, .flags = BB_REQUIRED, AT(actor)},
        {.name = "payload", .type = BB_T_JSON, AT(payload), .about = "What is secret in it is masked."},
        {.name = "state",
         .type = BB_T_ENUM,
         .flags = BB_REQUIRED,
         AT(state),
         .values = bulk_states,
         .about =
                 "finished: nothing is left to be sent but to stations that are waited for. stopped: too many failed."},
        {.name = "rate_per_second", .type = BB_T_INT, .flags = BB_REQUIRED, AT(rate_per_second)},
        {.name = "max_failures", .type = BB_T_INT, .flags = BB_REQUIRED, AT(max_failures)},
        {.name = "total", .type = BB_T_INT, .flags = BB_REQUIRED, AT(total), .about = "Stations."},
        {.name = "counts", .type = BB_T_OBJECT, .flags = BB_REQUIRED, AT(counts), .shape = &OperationCounts},
        {.name = "operations",
         .type = BB_T_STR,
         .flags = BB_REQUIRED,
         AT(operations),
         .about = "Where the operations are, one a station."},
        {.name = "created_at", .type = BB_T_TIME, .flags = BB_REQUIRED, AT(created_ms)},
        {.name = "ended_at", .type = BB_T_TIME, AT(ended_ms)},
};
BB_SHAPE(BulkCommand, bulk_view, 0, "A command to many stations, and how far it is.", bulk_fields);
#undef AT

static void view_of(const bb_request *req, const struct bb_bulk *b, struct bulk_view *ret)
{
        *ret = (struct bulk_view){.id = b->id,
                                  .actor = b->actor,
                                  .action = b->action,
                                  .operations = bb_print("%.*s/v1/operations?command=%.*s",
                                                         BB_FMT(bb_request_base_url(req)), BB_FMT(b->id)),
                                  .payload = json_of(b->payload),
                                  .state = b->state,
                                  .rate_per_second = b->rate_per_second,
                                  .max_failures = b->max_failures,
                                  .total = b->total,
                                  .created_ms = b->created_ms,
                                  .ended_ms = b->ended_ms,
                                  .counts = {.present = ~0ull}};
        memcpy(ret->counts.n, b->counts, sizeof(ret->counts.n));
}

static BB_AWAIT bb_err bulk_send(bb_request *req, bb_response *res, bb_str id)
{
        struct bulk_view view;
        struct bb_bulk bulk;

        TRY(charging->bulk_get(id, &bulk));
        view_of(req, &bulk, &view);
        object_encode(res, &BulkCommand, &view);
        return BB_OK;
}

/* GET /v1/commands/{id}; no ETag: its counts change without it. */
BB_AWAIT bb_err bulk_read(bb_request *req, bb_response *res)
{
        return bulk_send(req, res, bb_request_param(req, "id"));
}

/* GET /v1/commands */
BB_AWAIT bb_err bulks_list(bb_request *req, bb_response *res)
{
        struct bulk_view *views;
        struct bb_bulk *items;
        struct page page;
        size_t count;

        TRY(page_of(req, res, &page));
        TRY(page_fault(res, &page, charging->bulk_list(page.after, page.limit, &items, &count)));
        views = BB_NEW_ARRAY(struct bulk_view, count + 1);
        for (size_t i = 0; i < count; i++)
                view_of(req, &items[i], &views[i]);
        page_send(res, &BulkCommand, views, count, &page, count > 0 ? items[count - 1].id : BB_NONE);
        return BB_OK;
}

static bb_err field_fault(bb_response *res, const char *pointer, const char *text)
{
        bb_problem_field(res, bb_cstr(pointer), bb_cstr(text));
        return bb_problem(res, BB_E_INVALID, 422, "validation-failed", BB_STR("The body does not fit."));
}

/* Nobody commands all stations by leaving something out. */
static bb_err choice_check(bb_response *res, const struct bulk_request *r)
{
        const struct station_choice *f = r->filter;
        int filled = f != NULL && (f->location.ptr != NULL || f->vendor.ptr != NULL || f->model.ptr != NULL ||
                                   f->firmware_version.ptr != NULL);

        if ((r->stations.items != NULL) == (f != NULL))
                return field_fault(res, "/stations", "either stations or a filter says which stations");
        if (f != NULL && !filled && !f->all)
                return field_fault(res, "/filter", "says nothing; {\"all\": true} is every station");
        if (filled && f->all)
                return field_fault(res, "/filter/all", "every station, or those that fit the rest?");
        return BB_OK;
}

static bb_err order_of(bb_request *req, bb_response *res, struct bb_bulk_order *ret)
{
        struct bulk_request r;

        TRY(bb_request_decode(req, &BulkCommandRequest, &r, res));
        TRY(choice_check(res, &r));
        if (r.payload != NULL && bb_json_kind(r.payload) != BB_J_OBJECT)
                return field_fault(res, "/payload", "must be an object");
        *ret = (struct bb_bulk_order){.size = sizeof(*ret),
                                      .flags = (r.if_offline == 1 ? BB_ORDER_QUEUE_OFFLINE : 0) |
                                               (r.force ? BB_ORDER_FORCE : 0),
                                      .actor = bb_request_actor(req),
                                      .action = r.action,
                                      .payload = r.payload != NULL ? r.payload : bb_json_new_object(),
                                      .station_ids = r.stations.items,
                                      .station_count = r.stations.count,
                                      .rate_per_second = r.rate_per_second,
                                      .max_failures = r.max_failures,
                                      .timeout_ms = r.timeout_ms,
                                      .expires_ms = 1000 * r.expires_s,
                                      .effect_timeout_ms = 1000 * r.effect_timeout_s};
        if (r.filter == NULL)
                return BB_OK;
        ret->location_id = r.filter->location;
        ret->vendor = r.filter->vendor;
        ret->model = r.filter->model;
        ret->firmware_version = r.filter->firmware_version;
        return BB_OK;
}

/* POST /v1/commands */
BB_AWAIT bb_err bulk_create(bb_request *req, bb_response *res)
{
        struct bb_command_result fault = {.size = sizeof(fault)};
        struct bb_bulk_order order;
        bb_str id = BB_NONE;
        bb_err err;

        TRY(order_of(req, res, &order));
        err = charging->bulk_start(&order, &fault, &id);
        if (err == BB_E_NOT_FOUND)
                return field_fault(res, order.station_ids != NULL ? "/stations" : "/filter", "no station fits");
        TRY(err);
        if (id.ptr == NULL) {
                int of_stations = fault.fault_path.len >= 9 && memcmp(fault.fault_path.ptr, "/stations", 9) == 0;

                return of_stations ? field_fault(res, bb_str_c(fault.fault_path), bb_str_c(fault.error_text))
                                   : command_fault(res, &fault, BB_NONE, "/payload");
        }
        bb_response_status(res, 202);
        bb_response_header(res, "Location",
                           bb_print("%.*s/v1/commands/%.*s", BB_FMT(bb_request_base_url(req)), BB_FMT(id)));
        return bulk_send(req, res, id);
}

static BB_AWAIT bb_err change(bb_request *req, bb_response *res, int32_t state)
{
        bb_str id = bb_request_param(req, "id");
        bb_err err = charging->bulk_change(bb_request_actor(req), id, state);

        if (err == BB_E_CONFLICT)
                return bb_problem(res, err, 409, "wrong-state",
                                  BB_STR("Only what runs can be paused, what is paused resumed, and what has still "
                                         "something to send cancelled."));
        TRY(err);
        return bulk_send(req, res, id);
}

BB_AWAIT bb_err bulk_pause(bb_request *req, bb_response *res)
{
        return change(req, res, BB_BULK_PAUSED);
}
BB_AWAIT bb_err bulk_resume(bb_request *req, bb_response *res)
{
        return change(req, res, BB_BULK_RUNNING);
}
BB_AWAIT bb_err bulk_cancel(bb_request *req, bb_response *res)
{
        return change(req, res, BB_BULK_CANCELLED);
}
