/* SPDX-License-Identifier: Apache-2.0
 *
 * /v1/stations/{id}/charging-profiles and …/composite-schedule: what limits a station, through charging_profile/1 of
 * its driver.
 */
#include "admin.h"
#include <busbar/charging_profile.h>

static const char *const purposes[] = {"ChargePointMaxProfile", "TxDefaultProfile", "TxProfile", NULL};
static const char *const kinds[] = {"Absolute", "Recurring", "Relative", NULL};
static const char *const recurrencies[] = {"Daily", "Weekly", NULL};
static const char *const units[] = {"A", "W", NULL};
static const char *const states[] = {"unconfirmed", "set", NULL};

#define AT(member) .offset = offsetof(struct bb_schedule_period, member)
static const struct bb_field period_fields[] = {
        {.name = "start_s", .type = BB_T_INT, .flags = BB_REQUIRED, AT(start_s), .min = 0, .max = INT32_MAX},
        {.name = "limit",
         .type = BB_T_DECIMAL,
         AT(limit_milli),
         .flags = BB_REQUIRED,
         .scale = 3,
         .min = 0,
         .max = 1000000000000,
         .about = "Amperes or watts, one digit behind the point."},
        {.name = "phases", .type = BB_T_INT, AT(phases), .min = 1, .max = 3, .about = "3 when absent."},
};
static BB_SHAPE(SchedulePeriod, bb_schedule_period, 0, "OCPP 1.6 §7.14", period_fields);

static const struct bb_field composite_period_fields[] = {
        {.name = "start_s", .type = BB_T_INT, .flags = BB_REQUIRED, AT(start_s)},
        {.name = "limit", .type = BB_T_DECIMAL, AT(limit_milli), .scale = 3, .about = "Absent: no limit."},
        {.name = "phases", .type = BB_T_INT, AT(phases)},
};
static BB_SHAPE(CompositePeriod, bb_schedule_period, 0, "A limit from some moment on.", composite_period_fields);
#undef AT
enum { PERIOD_START, PERIOD_LIMIT, PERIOD_PHASES };

#define AT(member) .offset = offsetof(struct bb_charging_schedule, member)
static const struct bb_field schedule_fields[] = {
        {.name = "duration_s", .type = BB_T_INT, AT(duration_s), .min = 1, .max = INT32_MAX},
        {.name = "start_at",
         .type = BB_T_TIME,
         AT(start_ms),
         .about = "When absent it begins with the transaction; a Recurring one needs it."},
        {.name = "unit", .type = BB_T_ENUM, .flags = BB_REQUIRED, AT(unit), .values = units},
        {.name = "min_rate", .type = BB_T_DECIMAL, AT(min_rate_milli), .scale = 3, .min = 0, .max = 1000000000000},
        {.name = "periods",
         .type = BB_T_ARRAY,
         .flags = BB_REQUIRED,
         AT(periods),
         .shape = &SchedulePeriod,
         .min = 1,
         .max = 1000},
};
static BB_SHAPE(ProfileSchedule, bb_charging_schedule, 0, "OCPP 1.6 §7.13", schedule_fields);
#undef AT
enum { SCHEDULE_DURATION, SCHEDULE_START, SCHEDULE_UNIT, SCHEDULE_MIN_RATE, SCHEDULE_PERIODS };

#define AT(member) .offset = offsetof(struct bb_charging_profile, member)
static const struct bb_field fields[] = {
        {.name = "id",
         .type = BB_T_INT,
         AT(id),
         .min = 1,
         .max = INT32_MAX,
         .about = "OCPP's chargingProfileId; when absent a new one. One that the station has is replaced."},
        {.name = "station_id", .type = BB_T_STR, .flags = BB_READONLY, AT(station_id)},
        {.name = "connector_id", .type = BB_T_INT, .flags = BB_REQUIRED, AT(connector_id), .min = 0, .max = 255},
        {.name = "transaction_id",
         .type = BB_T_INT,
         AT(transaction_id),
         .min = 1,
         .max = INT32_MAX,
         .about = "Of a TxProfile; when absent that which runs on the connector."},
        {.name = "stack_level", .type = BB_T_INT, .flags = BB_REQUIRED, AT(stack_level), .min = 0, .max = INT32_MAX},
        {.name = "purpose", .type = BB_T_ENUM, .flags = BB_REQUIRED, AT(purpose), .values = purposes},
        {.name = "kind", .type = BB_T_ENUM, .flags = BB_REQUIRED, AT(kind), .values = kinds},
        {.name = "recurrency_kind", .type = BB_T_ENUM, AT(recurs), .values = recurrencies},
        {.name = "valid_from", .type = BB_T_TIME, AT(valid_from_ms)},
        {.name = "valid_to", .type = BB_T_TIME, AT(valid_to_ms)},
        {.name = "schedule", .type = BB_T_OBJECT, .flags = BB_REQUIRED, AT(schedule), .shape = &ProfileSchedule},
        {.name = "state",
         .type = BB_T_ENUM,
         .flags = BB_READONLY,
         AT(state),
         .values = states,
         .about = "unconfirmed: the station did not answer, and may have it."},
        {.name = "set_at", .type = BB_T_TIME, .flags = BB_READONLY, AT(set_ms)},
};
BB_SHAPE(ChargingProfile, bb_charging_profile, 0, "A charging profile of a station (OCPP 1.6 §7.8).", fields);
#undef AT
enum {
        PROFILE_ID,
        PROFILE_STATION,
        PROFILE_CONNECTOR,
        PROFILE_TRANSACTION,
        PROFILE_LEVEL,
        PROFILE_PURPOSE,
        PROFILE_KIND,
        PROFILE_RECURRENCY,
        PROFILE_FROM,
        PROFILE_TO,
        PROFILE_SCHEDULE,
        PROFILE_STATE,
        PROFILE_SET_AT
};

static const char *const verdicts[] = {"same", "lower", "higher", "untold", NULL};
struct composite {
        uint64_t present;
        bb_str station_id;
        int64_t connector_id, start_ms, duration_s;
        int32_t unit, verdict;
        struct bb_array computed, told; /* of struct bb_schedule_period */
        int64_t differs_ms, computed_milli, told_milli;
        bb_str answer;
};
#define AT(member) .offset = offsetof(struct composite, member)
static const struct bb_field composite_fields[] = {
        {.name = "station_id", .type = BB_T_STR, .flags = BB_REQUIRED, AT(station_id)},
        {.name = "connector_id", .type = BB_T_INT, .flags = BB_REQUIRED, AT(connector_id)},
        {.name = "start_at", .type = BB_T_TIME, .flags = BB_REQUIRED, AT(start_ms)},
        {.name = "duration_s", .type = BB_T_INT, .flags = BB_REQUIRED, AT(duration_s)},
        {.name = "unit", .type = BB_T_ENUM, .flags = BB_REQUIRED, AT(unit), .values = units},
        {.name = "computed",
         .type = BB_T_ARRAY,
         .flags = BB_REQUIRED,
         AT(computed),
         .shape = &CompositePeriod,
         .about = "What the profiles that the station has come to."},
        {.name = "station", .type = BB_T_ARRAY, AT(told), .shape = &CompositePeriod, .about = "What it says itself."},
        {.name = "verdict",
         .type = BB_T_ENUM,
         .flags = BB_REQUIRED,
         AT(verdict),
         .values = verdicts,
         .about = "lower: the station limits further; higher: it would give more than its profiles allow; untold: it "
                  "did not say."},
        {.name = "differs_at", .type = BB_T_TIME, AT(differs_ms), .about = "The first difference."},
        {.name = "computed_limit", .type = BB_T_DECIMAL, AT(computed_milli), .scale = 3},
        {.name = "station_limit", .type = BB_T_DECIMAL, AT(told_milli), .scale = 3},
        {.name = "answer", .type = BB_T_STR, AT(answer), .about = "The station's, or why there is none."},
};
BB_SHAPE(CompositeSchedule, composite, 0, "What limits a connector, all profiles taken together.", composite_fields);
#undef AT
enum { COMPOSITE_TOLD = 6, COMPOSITE_DIFFERS = 8, COMPOSITE_LIMIT = 9, COMPOSITE_STATION_LIMIT = 10, COMPOSITE_ANSWER };

const struct bb_query_param composite_query[COMPOSITE_QUERIES] = {
        {.name = "connector", .type = BB_T_INT, .about = "0, the station as a whole, when absent."},
        {.name = "duration_s", .type = BB_T_INT, .about = "1 to 604800; 3600 when absent."},
        {.name = "unit", .type = BB_T_ENUM, .values = units, .about = "A when absent."},
};

static void hide(uint64_t *present, int32_t hidden, int bit)
{
        if (hidden)
                *present &= ~(1ull << bit);
}

static void periods_show(struct bb_array *array)
{
        struct bb_schedule_period *periods = array->items;

        for (size_t i = 0; i < array->count; i++) {
                periods[i].present = ~0ull;
                hide(&periods[i].present, periods[i].limit_milli == BB_NO_LIMIT, PERIOD_LIMIT);
                hide(&periods[i].present, periods[i].phases == 0, PERIOD_PHASES);
        }
}

static bb_json *profile_json(struct bb_charging_profile *p)
{
        struct bb_charging_schedule *s = &p->schedule;

        p->present = s->present = ~0ull;
        hide(&p->present, p->transaction_id == 0, PROFILE_TRANSACTION);
        hide(&p->present, p->recurs == BB_RECURS_NEVER, PROFILE_RECURRENCY);
        hide(&p->present, p->valid_from_ms == 0, PROFILE_FROM);
        hide(&p->present, p->valid_to_ms == 0, PROFILE_TO);
        hide(&p->present, p->set_ms == 0, PROFILE_SET_AT);
        hide(&s->present, s->duration_s == 0, SCHEDULE_DURATION);
        hide(&s->present, s->start_ms == 0, SCHEDULE_START);
        hide(&s->present, s->min_rate_milli == 0, SCHEDULE_MIN_RATE);
        periods_show(&s->periods);
        return bb_shape_encode(&ChargingProfile, p);
}

/* The profiles of the station's driver. *ret NULL, and the problem in `res`: it has none. */
static BB_AWAIT bb_err profiles_of(bb_request *req, bb_response *res, const struct bb_charging_profile_ops **ret)
{
        const struct bb_charging_profile_ops *ops;
        struct bb_station st = {.present = 0};
        bb_str plugin;

        TRY(charging->station_get(bb_request_param(req, "id"), &st));
        for (size_t i = 0; (ops = bb_host_->provider(bb_self_, "charging_profile/1", i, &plugin)) != NULL; i++) {
                if (!bb_str_eq(plugin, st.driver) || !bb_tenant_has(bb_task_tenant(), bb_str_c(plugin)))
                        continue;
                *ret = ops;
                return BB_OK;
        }
        return bb_problem(res, BB_E_UNSUPPORTED, 409, "no-charging-profiles",
                          BB_STR("The station has not connected yet, or its protocol has no charging profiles."));
}

BB_AWAIT bb_err profiles_list(bb_request *req, bb_response *res)
{
        const struct bb_charging_profile_ops *ops;
        struct bb_charging_profile *items;
        bb_json *list = bb_json_new_array();
        struct page page;
        size_t count;

        TRY(page_of(req, res, &page));
        TRY(profiles_of(req, res, &ops));
        TRY(ops->list(bb_request_param(req, "id"), &items, &count));
        for (size_t i = 0; i < count; i++) /* a station has some dozens: one page holds all */
                bb_json_append(list, profile_json(&items[i]));
        bb_response_page(res, list, BB_NONE);
        return BB_OK;
}

BB_AWAIT bb_err profile_read(bb_request *req, bb_response *res)
{
        const struct bb_charging_profile_ops *ops;
        struct bb_charging_profile *items;
        size_t count;
        int64_t id;

        TRY(int_of(bb_request_param(req, "profile"), &id));
        TRY(profiles_of(req, res, &ops));
        TRY(ops->list(bb_request_param(req, "id"), &items, &count));
        for (size_t i = count; i > 0; i--) { /* of two by one id the one that is set comes last */
                if (items[i - 1].id != id)
                        continue;
                bb_response_json(res, profile_json(&items[i - 1]));
                return BB_OK;
        }
        return BB_E_NOT_FOUND;
}

static bb_err put_failure(bb_response *res, const struct bb_command_result *result)
{
        if (result->outcome == BB_COMMAND_INVALID) {
                bb_problem_field(res, result->fault_path, result->error_text);
                return bb_problem(res, BB_E_INVALID, 422, "validation-failed", BB_STR("The profile does not fit."));
        }
        if (result->outcome == BB_COMMAND_REFUSED)
                return bb_problem(res, BB_E_REJECTED, 409, "profile-refused",
                                  bb_print("The station answered %.*s: %.*s", BB_FMT(result->error_code),
                                           BB_FMT(result->error_text)));
        return command_fault(res, result, BB_NONE, "");
}

BB_AWAIT bb_err profile_create(bb_request *req, bb_response *res)
{
        struct bb_command_result result = {.size = sizeof(result)};
        const struct bb_charging_profile_ops *ops;
        struct bb_charging_profile wanted, p;
        bb_str id = bb_request_param(req, "id"), status;

        TRY(bb_request_decode(req, &ChargingProfile, &wanted, res));
        if (!BB_PRESENT(&wanted, PROFILE_RECURRENCY))
                wanted.recurs = BB_RECURS_NEVER;
        wanted.station_id = id;
        TRY(profiles_of(req, res, &ops));
        TRY(ops->put(bb_request_actor(req), &wanted, &result, &p));
        if (result.outcome != BB_COMMAND_ANSWERED)
                return put_failure(res, &result);
        status = bb_json_str(bb_json_get(result.answer, "status"));
        if (!bb_str_is(status, "Accepted"))
                return bb_problem(res, BB_E_REJECTED, 409, "profile-refused",
                                  bb_print("The station answered %.*s.", BB_FMT(status)));
        bb_response_status(res, 201);
        bb_response_header(res, "Location",
                           bb_print("%.*s/v1/stations/%.*s/charging-profiles/%lld", BB_FMT(bb_request_base_url(req)),
                                    BB_FMT(path_segment(id)), (long long)p.id));
        bb_response_json(res, profile_json(&p));
        return BB_OK;
}

BB_AWAIT bb_err profile_remove(bb_request *req, bb_response *res)
{
        struct bb_command_result result = {.size = sizeof(result)};
        const struct bb_charging_profile_ops *ops;
        int64_t id;

        TRY(int_of(bb_request_param(req, "profile"), &id));
        TRY(profiles_of(req, res, &ops));
        TRY(ops->remove(bb_request_actor(req), bb_request_param(req, "id"), id, &result));
        if (result.outcome != BB_COMMAND_ANSWERED)
                return put_failure(res, &result);
        bb_response_status(res, 204);
        return BB_OK;
}

/* The station's word, or why there is none. */
static bb_str answer_of(const struct bb_command_result *r)
{
        if (r->outcome == BB_COMMAND_ANSWERED)
                return bb_json_str(bb_json_get(r->answer, "status"));
        if (r->outcome == BB_COMMAND_REFUSED)
                return r->error_code;
        return r->outcome == BB_COMMAND_OFFLINE ? BB_STR("offline") : BB_STR("no answer");
}

BB_AWAIT bb_err composite_read(bb_request *req, bb_response *res)
{
        struct bb_command_result result = {.size = sizeof(result)};
        int64_t connector = int_query(req, "connector", 0), duration = int_query(req, "duration_s", 3600);
        struct composite shown = {.present = ~0ull, .station_id = bb_request_param(req, "id")};
        const struct bb_charging_profile_ops *ops;
        struct bb_composite_report report;

        TRY(query_in_range(res, "connector", connector, 0, 255));
        TRY(query_in_range(res, "duration_s", duration, 1, 604800));
        shown.unit = bb_str_is(bb_request_query(req, "unit"), "W") ? BB_RATE_WATTS : BB_RATE_AMPERES;
        TRY(profiles_of(req, res, &ops));
        TRY(ops->composite(shown.station_id, connector, duration, shown.unit, &result, &report));
        shown.connector_id = connector;
        shown.start_ms = report.computed.from_ms;
        shown.duration_s = duration;
        shown.verdict = report.verdict;
        shown.computed = report.computed.periods;
        shown.told = report.told.periods;
        shown.differs_ms = report.differs_ms;
        shown.computed_milli = report.computed_milli;
        shown.told_milli = report.told_milli;
        shown.answer = answer_of(&result);
        periods_show(&shown.computed);
        periods_show(&shown.told);
        hide(&shown.present, report.verdict == BB_COMPOSITE_UNTOLD, COMPOSITE_TOLD);
        for (int bit = COMPOSITE_DIFFERS; bit < COMPOSITE_ANSWER; bit++)
                hide(&shown.present, report.differs_ms == 0, bit);
        hide(&shown.present, report.told_milli == BB_NO_LIMIT, COMPOSITE_STATION_LIMIT);
        bb_response_shape(res, &CompositeSchedule, &shown);
        return BB_OK;
}
