/* SPDX-License-Identifier: Apache-2.0
 *
 * A profile on its way: noted as unconfirmed, sent, and kept when the station accepts (keep.c calls that on the node
 * that got the answer). A station's answer counts, whoever asked.
 */
#include "profile.h"

#include "composite.h"
#include "ocpp16.h"

#define COLUMNS "c.station_id, c.profile_id, c.state, c.connector_id, c.transaction_id, c.profile::text, c.set_at"

/* --- reading --- */

static bb_err profile_row(const bb_rows *rows, size_t i, struct bb_charging_profile *ret)
{
        struct charging_profile ocpp;
        struct bb_fault fault;

        TRY(bb_shape_decode_text(&ChargingProfile, bb_row_str(rows, i, 5), &ocpp, &fault));
        profile_from_ocpp(&ocpp, ret);
        ret->station_id = bb_row_str(rows, i, 0);
        ret->id = bb_row_int(rows, i, 1, 0);
        ret->state = (int32_t)bb_row_int(rows, i, 2, 0);
        ret->connector_id = bb_row_int(rows, i, 3, 0);
        ret->transaction_id = bb_row_int(rows, i, 4, 0);
        ret->set_ms = ret->state == BB_PROFILE_SET ? bb_row_time(rows, i, 6, 0) : 0;
        return BB_OK;
}

/* The transactions of these rows (station, transaction) that run no more take their profiles along. */
static BB_AWAIT bb_err ended_drop(const bb_rows *rows)
{
        struct bb_session session = {.present = 0};
        bb_err err;

        for (size_t i = 0; i < bb_rows_count(rows); i++) {
                bb_str station = bb_row_str(rows, i, 0);
                int64_t transaction = bb_row_int(rows, i, 1, 0);

                err = charging->session_by_transaction(station, transaction, &session);
                if (err == BB_OK && session.state == BB_SESSION_OPEN)
                        continue;
                if (err != BB_E_NOT_FOUND)
                        TRY(err);
                TRY(bb_db_query(NULL,
                                "delete from ocpp16.charging_profile where station_id = $1 and purpose = 2"
                                " and transaction_id = $2",
                                BB_TEXT(station), BB_INT(transaction)));
        }
        return BB_OK;
}

static BB_AWAIT bb_err profile_list(bb_str station_id, struct bb_charging_profile **ret, size_t *ret_count)
{
        struct bb_charging_profile *items;
        bb_rows *rows;
        size_t count;

        TRY(bb_db_query(&rows,
                        "select distinct station_id, transaction_id from ocpp16.charging_profile"
                        " where station_id = $1 and purpose = 2",
                        BB_TEXT(station_id)));
        TRY(ended_drop(rows));
        TRY(bb_db_query(&rows,
                        "select " COLUMNS " from ocpp16.charging_profile c where c.station_id = $1"
                        " order by c.connector_id, c.purpose, c.stack_level, c.profile_id, c.state",
                        BB_TEXT(station_id)));
        count = bb_rows_count(rows);
        items = BB_NEW_ARRAY(struct bb_charging_profile, count + 1);
        for (size_t i = 0; i < count; i++)
                TRY(profile_row(rows, i, &items[i]));
        *ret = items;
        *ret_count = count;
        return BB_OK;
}

BB_AWAIT void profiles_minute(void *arg)
{
        bb_rows *rows;
        bb_err err;

        (void)arg;
        if (bb_db_away_ms() > 0)
                return;
        err = bb_db_query(&rows, "select distinct station_id, transaction_id from ocpp16.charging_profile"
                                 " where purpose = 2 limit 1000");
        if (err == BB_OK)
                err = ended_drop(rows);
        if (err < 0 && err != BB_E_CANCELED)
                bb_log(BB_WARN, "ocpp.profiles", "profiles of ended transactions could not be dropped; they will be",
                       bb_kv_err(err));
}

/* 0: none runs there. */
static BB_AWAIT bb_err transaction_on(bb_str station_id, int64_t connector_id, struct bb_session *ret)
{
        const struct bb_session_filter filter = {.station_id = station_id, .open = 1};
        struct bb_session *sessions;
        size_t count;

        *ret = (struct bb_session){.transaction_id = 0};
        TRY(charging->session_list(&filter, BB_NONE, 100, &sessions, &count));
        for (size_t i = 0; i < count; i++) {
                if (sessions[i].connector_id != connector_id)
                        continue;
                *ret = sessions[i]; /* the newest */
                break;
        }
        return BB_OK;
}

/* --- what answers mean --- */

BB_AWAIT bb_err profile_set_keep(bb_str station_id, const struct set_charging_profile_req *m)
{
        const struct charging_profile *p = &m->profile;
        int64_t transaction = BB_PRESENT(p, 1) ? p->transaction_id : 0;
        struct bb_session running;

        if (p->purpose == BB_PROFILE_TX && transaction == 0) {
                TRY(transaction_on(station_id, m->connector_id, &running));
                transaction = running.transaction_id;
        }
        if (p->purpose != BB_PROFILE_TX)
                transaction = 0;
        const struct bb_stmt stmts[] = {
                BB_STMT("delete from ocpp16.charging_profile where station_id = $1 and (profile_id = $2"
                        " or (connector_id = $3 and purpose = $4 and stack_level = $5 and transaction_id = $6))",
                        BB_TEXT(station_id), BB_INT(p->charging_profile_id), BB_INT(m->connector_id),
                        BB_INT(p->purpose), BB_INT(p->stack_level), BB_INT(transaction)),
                BB_STMT("insert into ocpp16.charging_profile (station_id, profile_id, state, connector_id, purpose,"
                        " stack_level, transaction_id, profile) values ($1, $2, 1, $3, $4, $5, $6, $7)",
                        BB_TEXT(station_id), BB_INT(p->charging_profile_id), BB_INT(m->connector_id),
                        BB_INT(p->purpose), BB_INT(p->stack_level), BB_INT(transaction),
                        BB_JSONB(bb_shape_encode_text(&ChargingProfile, p))),
        };

        return bb_db_run(stmts, BB_COUNT(stmts), NULL);
}

/* §5.5: what is named narrows it down. "Unknown" as well means that the station has none of them. */
BB_AWAIT bb_err profile_clear_keep(bb_str station_id, const struct clear_charging_profile_req *m)
{
        enum { ID, CONNECTOR, PURPOSE, LEVEL };

        return bb_db_query(NULL,
                           "delete from ocpp16.charging_profile where station_id = $1"
                           " and ($2::bigint is null or profile_id = $2) and ($3::bigint is null or connector_id = $3)"
                           " and ($4::bigint is null or purpose = $4) and ($5::bigint is null or stack_level = $5)",
                           BB_TEXT(station_id), BB_INT_OR_NULL(BB_PRESENT(m, ID), m->id),
                           BB_INT_OR_NULL(BB_PRESENT(m, CONNECTOR), m->connector_id),
                           BB_INT_OR_NULL(BB_PRESENT(m, PURPOSE), m->purpose),
                           BB_INT_OR_NULL(BB_PRESENT(m, LEVEL), m->stack_level));
}

/* --- setting --- */

static int is_replaced(const struct bb_charging_profile *have, const struct bb_charging_profile *by)
{
        return have->id == by->id || (have->connector_id == by->connector_id && have->purpose == by->purpose &&
                                      have->stack_level == by->stack_level);
}

/* Gives a new one its id, and finds out what its rules ask for. */
static BB_AWAIT bb_err context_read(struct ocpp_tenant *owner, struct bb_charging_profile *p, struct capability *can,
                                    struct profile_context *ret)
{
        struct bb_station known = {.present = 0};
        struct bb_charging_profile *have;
        struct bb_session running = {.transaction_id = 0};
        int64_t highest = 0;
        size_t count;

        TRY(charging->station_get(p->station_id, &known));
        TRY(capability_get(owner, p->station_id, known.boot_ms, can));
        TRY(profile_list(p->station_id, &have, &count));
        for (size_t i = 0; i < count; i++)
                highest = have[i].id > highest ? have[i].id : highest;
        if (p->id == 0)
                p->id = highest < INT32_MAX ? highest + 1 : 1;
        *ret = (struct profile_context){.can = can};
        for (size_t i = 0; i < count; i++)
                ret->installed += have[i].state == BB_PROFILE_SET && !is_replaced(&have[i], p);
        if (p->purpose == BB_PROFILE_TX)
                TRY(transaction_on(p->station_id, p->connector_id, &running));
        ret->transaction_id = running.transaction_id;
        return BB_OK;
}

static BB_AWAIT bb_err unconfirmed_note(bb_str actor, const struct bb_charging_profile *p, bb_str text)
{
        const struct bb_stmt stmts[] = {
                BB_STMT("insert into ocpp16.charging_profile (station_id, profile_id, state, connector_id, purpose,"
                        " stack_level, transaction_id, profile) values ($1, $2, 0, $3, $4, $5, $6, $7)"
                        " on conflict (tenant_id, station_id, profile_id, state) do update set"
                        " connector_id = excluded.connector_id, purpose = excluded.purpose,"
                        " stack_level = excluded.stack_level, transaction_id = excluded.transaction_id,"
                        " profile = excluded.profile",
                        BB_TEXT(p->station_id), BB_INT(p->id), BB_INT(p->connector_id), BB_INT(p->purpose),
                        BB_INT(p->stack_level), BB_INT(p->transaction_id), BB_JSONB(text)),
                bb_audit_stmt(actor, "charging_profile.set", p->station_id, text),
        };

        return bb_db_run(stmts, BB_COUNT(stmts), NULL);
}

static BB_AWAIT bb_err unconfirmed_drop(const struct bb_charging_profile *p)
{
        return bb_db_query(
                NULL, "delete from ocpp16.charging_profile where station_id = $1 and profile_id = $2 and state = 0",
                BB_TEXT(p->station_id), BB_INT(p->id));
}

static int is_accepted(const struct bb_command_result *r)
{
        return r->outcome == BB_COMMAND_ANSWERED &&
               bb_str_is(bb_json_str(bb_json_get(r->answer, "status")), "Accepted");
}

static BB_AWAIT bb_err profile_put(bb_str actor, const struct bb_charging_profile *wanted,
                                   struct bb_command_result *ret_result, struct bb_charging_profile *ret)
{
        struct ocpp_tenant *owner = bb_tenant_state(bb_task_tenant());
        struct bb_charging_profile p = *wanted;
        struct set_charging_profile_req m = {.present = 3, .connector_id = p.connector_id};
        struct profile_context context;
        struct capability can;

        if (owner == NULL)
                return BB_E_NOT_FOUND;
        TRY(context_read(owner, &p, &can, &context));
        ret_result->outcome = BB_COMMAND_INVALID;
        ret_result->error_text = profile_fault(&p, &context, &ret_result->fault_path);
        if (ret_result->error_text.ptr != NULL)
                return BB_OK;
        if (p.purpose == BB_PROFILE_TX)
                p.transaction_id = context.transaction_id;
        profile_to_ocpp(&p, &m.profile);
        TRY(unconfirmed_note(actor, &p, bb_shape_encode_text(&ChargingProfile, &m.profile)));
        TRY(driver_ops.command(owner->tenant, p.station_id, BB_STR("SetChargingProfile"),
                               bb_shape_encode(&SetChargingProfileRequest, &m), 0, ret_result));
        p.state = is_accepted(ret_result) ? BB_PROFILE_SET : BB_PROFILE_UNCONFIRMED;
        p.set_ms = is_accepted(ret_result) ? bb_now_ms() : 0;
        *ret = p;
        return is_accepted(ret_result) || ret_result->outcome == BB_COMMAND_TIMEOUT ? BB_OK : unconfirmed_drop(&p);
}

static BB_AWAIT bb_err profile_clear(bb_str actor, bb_str station_id, int64_t id, struct bb_command_result *ret_result)
{
        struct ocpp_tenant *owner = bb_tenant_state(bb_task_tenant());
        struct clear_charging_profile_req m = {.present = 1, .id = id};
        struct bb_stmt audit;
        bb_rows *rows;

        if (owner == NULL)
                return BB_E_NOT_FOUND;
        TRY(bb_db_query(&rows, "select 1 from ocpp16.charging_profile where station_id = $1 and profile_id = $2",
                        BB_TEXT(station_id), BB_INT(id)));
        if (bb_rows_count(rows) == 0)
                return BB_E_NOT_FOUND;
        audit = bb_audit_stmt(actor, "charging_profile.clear", station_id, bb_print("{\"id\":%lld}", (long long)id));
        TRY(bb_db_run(&audit, 1, NULL));
        return driver_ops.command(owner->tenant, station_id, BB_STR("ClearChargingProfile"),
                                  bb_shape_encode(&ClearChargingProfileRequest, &m), 0, ret_result);
}

static BB_AWAIT bb_err profile_computed(bb_str station_id, int64_t connector_id, int64_t from_ms, int64_t duration_s,
                                        int32_t unit, struct bb_composite *ret)
{
        struct composite_input in = {
                .connector_id = connector_id, .from_ms = from_ms, .duration_s = duration_s, .unit = unit};
        struct bb_charging_profile *profiles;
        struct bb_session running;

        TRY(profile_list(station_id, &profiles, &in.count));
        in.profiles = profiles;
        if (connector_id > 0) {
                TRY(transaction_on(station_id, connector_id, &running));
                in.transaction_id = running.transaction_id;
                in.transaction_ms = running.started_ms;
        }
        composite_compute(&in, ret);
        return BB_OK;
}

/* The station's schedule, from its own start on. 0: it has none to tell. */
static int composite_take(const struct bb_command_result *r, int64_t now, int64_t duration_s, int32_t unit,
                          struct bb_composite *ret)
{
        struct get_composite_schedule_conf conf;
        struct bb_fault fault;

        if (r->outcome != BB_COMMAND_ANSWERED ||
            bb_shape_decode(&GetCompositeScheduleAnswer, r->answer, &conf, &fault) < 0 || conf.schedule == NULL ||
            conf.status != 0)
                return 0;
        composite_from_ocpp(conf.schedule, conf.schedule_start != 0 ? conf.schedule_start : now, duration_s, ret);
        return ret->unit == unit;
}

static BB_AWAIT bb_err profile_composite(bb_str station_id, int64_t connector_id, int64_t duration_s, int32_t unit,
                                         struct bb_command_result *ret_result, struct bb_composite_report *ret)
{
        struct ocpp_tenant *owner = bb_tenant_state(bb_task_tenant());
        struct get_composite_schedule_req m = {
                .present = 7, .connector_id = connector_id, .duration = duration_s, .charging_rate_unit = unit};
        struct bb_station known = {.present = 0};
        int64_t now = bb_now_ms() / 1000 * 1000;

        if (owner == NULL)
                return BB_E_NOT_FOUND;
        TRY(charging->station_get(station_id, &known));
        *ret = (struct bb_composite_report){.verdict = BB_COMPOSITE_UNTOLD};
        TRY(driver_ops.command(owner->tenant, station_id, BB_STR("GetCompositeSchedule"),
                               bb_shape_encode(&GetCompositeScheduleRequest, &m), 0, ret_result));
        if (!composite_take(ret_result, now, duration_s, unit, &ret->told))
                return profile_computed(station_id, connector_id, now, duration_s, unit, &ret->computed);
        TRY(profile_computed(station_id, connector_id, ret->told.from_ms, duration_s, unit, &ret->computed));
        composite_compare(ret);
        return BB_OK;
}

const struct bb_charging_profile_ops profile_ops = {.size = sizeof(profile_ops),
                                                    .put = profile_put,
                                                    .remove = profile_clear,
                                                    .list = profile_list,
                                                    .computed = profile_computed,
                                                    .composite = profile_composite};
