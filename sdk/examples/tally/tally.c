/* SPDX-License-Identifier: Apache-2.0
 *
 * Example: a plugin that keeps its own books. It counts the sessions and the energy of each station: a table, an
 * option, routes, a subscription to an event, and a job. tally_test.c tests it without busbard.
 */
#include <busbar/plugin.h>

/* --- the table --- */

static const struct bb_migration migrations[] = {
        {.version = 1,
         .name = "sessions",
         .sql = "create table tally.session ("
                " tenant_id text not null, session_id text not null, station_id text not null,"
                " energy_wh bigint not null, ended_at timestamptz not null,"
                " primary key (tenant_id, session_id));"
                "create index session_station on tally.session (tenant_id, station_id);"
                "select core.tenant_protect('tally.session');"},
};

/* --- the option --- */

struct options {
        uint64_t present;
        int64_t min_energy_wh;
};
static const struct bb_field option_fields[] = {
        {.name = "min_energy_wh",
         .type = BB_T_INT,
         .offset = offsetof(struct options, min_energy_wh),
         .min = 0,
         .max = 100000,
         .fallback = "0",
         .about = "Sessions with less are not counted."},
};
static BB_SHAPE(TallyOptions, options, 0, "Options of the plugin tally.", option_fields);

/* --- the event --- */

struct ended {
        uint64_t present;
        bb_str session_id, station_id;
        int64_t ended_ms, energy_wh;
};
#define AT(member) .offset = offsetof(struct ended, member)
static const struct bb_field ended_fields[] = {
        {.name = "session_id", .type = BB_T_STR, .flags = BB_REQUIRED, AT(session_id)},
        {.name = "station_id", .type = BB_T_STR, .flags = BB_REQUIRED, AT(station_id)},
        {.name = "ended_at", .type = BB_T_TIME, .flags = BB_REQUIRED, AT(ended_ms)},
        {.name = "energy_wh", .type = BB_T_INT, .flags = BB_REQUIRED, AT(energy_wh)},
};
#undef AT
static BB_SHAPE(SessionEnded, ended, BB_SHAPE_OPEN, "What tally reads of session.ended.", ended_fields);

/* An event may come twice, so the session's id is the key of its row. */
static BB_AWAIT bb_err count_session(const struct bb_event *event, void *tenant_state)
{
        const struct options *options = tenant_state;
        struct ended ended;
        struct bb_fault fault;

        TRY(bb_shape_decode_text(&SessionEnded, event->payload, &ended, &fault));
        if (ended.energy_wh < options->min_energy_wh)
                return BB_OK;
        return bb_db_query(NULL,
                           "insert into tally.session (session_id, station_id, energy_wh, ended_at)"
                           " values ($1, $2, $3, $4) on conflict (tenant_id, session_id) do nothing",
                           BB_TEXT(ended.session_id), BB_TEXT(ended.station_id), BB_INT(ended.energy_wh),
                           BB_TIME(ended.ended_ms));
}

/* --- the routes --- */

struct tally {
        uint64_t present;
        bb_str station_id;
        int64_t sessions, energy_wh;
};
static const struct bb_field tally_fields[] = {
        {.name = "station_id", .type = BB_T_STR, .flags = BB_REQUIRED, .offset = offsetof(struct tally, station_id)},
        {.name = "sessions", .type = BB_T_INT, .flags = BB_REQUIRED, .offset = offsetof(struct tally, sessions)},
        {.name = "energy_wh", .type = BB_T_INT, .flags = BB_REQUIRED, .offset = offsetof(struct tally, energy_wh)},
};
static BB_SHAPE(Tally, tally, 0, "What was charged at a station.", tally_fields);

static BB_AWAIT bb_err tally_read(bb_request *req, bb_response *res)
{
        struct tally tally = {.station_id = bb_request_param(req, "station")};
        bb_rows *rows;

        TRY(bb_db_query(&rows,
                        "select count(*), coalesce(sum(energy_wh), 0)::bigint from tally.session"
                        " where station_id = $1",
                        BB_TEXT(tally.station_id)));
        tally.sessions = bb_row_int(rows, 0, 0, 0);
        tally.energy_wh = bb_row_int(rows, 0, 1, 0);
        bb_response_shape(res, &Tally, &tally);
        return BB_OK;
}

struct forgetting {
        uint64_t present;
        int64_t before_ms;
};
static const struct bb_field forgetting_fields[] = {
        {.name = "before", .type = BB_T_TIME, .flags = BB_REQUIRED, .offset = offsetof(struct forgetting, before_ms)},
};
static BB_SHAPE(TallyForgetting, forgetting, 0, "Which sessions are to be forgotten: those that ended before.",
                forgetting_fields);

/* The job and the entry of the audit log are written together, or neither is. */
static BB_AWAIT bb_err forget_begin(bb_request *req, bb_response *res)
{
        struct forgetting forgetting;
        bb_str id = bb_uuid();
        bb_json *answer = bb_json_new_object();

        TRY(bb_request_decode(req, &TallyForgetting, &forgetting, res));
        const struct bb_stmt stmts[] = {
                bb_job_stmt("tally.forget", id, bb_shape_encode_text(&TallyForgetting, &forgetting)),
                bb_audit_stmt(bb_request_actor(req), "tally.forget", id, BB_NONE),
        };
        TRY(bb_db_run(stmts, BB_COUNT(stmts), NULL));
        bb_json_set_str(answer, "job_id", id);
        bb_response_json(res, answer);
        return BB_OK;
}

static const struct bb_route routes[] = {
        {.method = "GET",
         .path = "/v1/tally/{station}",
         .permission = "tally:read",
         .handle = tally_read,
         .response = &Tally,
         .summary = "Sessions and energy of a station"},
        {.method = "POST",
         .path = "/v1/tally-forgettings",
         .permission = "tally:write",
         .handle = forget_begin,
         .request = &TallyForgetting,
         .status = 202,
         .summary = "Forgets old sessions, in the background"},
};

/* --- the job --- */

/* Deletes a thousand at a time: a job that starts anew after a crash goes on where it was. */
static BB_AWAIT bb_err forget(bb_job *job, bb_str params_json, void *tenant_state, bb_str *ret_result_json,
                              bb_str *ret_error)
{
        struct forgetting forgetting;
        struct bb_fault fault;
        bb_rows *rows;
        int64_t done = 0;

        (void)tenant_state;
        (void)ret_error;
        TRY(bb_shape_decode_text(&TallyForgetting, params_json, &forgetting, &fault));
        do {
                TRY(bb_db_query(&rows,
                                "delete from tally.session where session_id in"
                                " (select session_id from tally.session where ended_at < $1 limit 1000)",
                                BB_TIME(forgetting.before_ms)));
                done += bb_rows_affected(rows);
                TRY(bb_job_progress(job, done, 0));
        } while (bb_rows_affected(rows) > 0);
        *ret_result_json = bb_print("{\"forgotten\":%lld}", (long long)done);
        return BB_OK;
}

/* --- wiring --- */

static bb_err load(const struct bb_host *host, void **ret_self)
{
        (void)host;
        *ret_self = NULL;
        TRY(bb_db_migrations(migrations, BB_COUNT(migrations)));
        TRY(bb_event_subscribe("session.ended", count_session));
        TRY(bb_job_type("tally.forget", forget));
        return bb_http_routes(routes, BB_COUNT(routes));
}

/* The state of a tenant is what event handlers and jobs get, and bb_request_state() in a route: here its options. */
static BB_AWAIT bb_err tenant_start(void *self, bb_tenant *tenant, const void *config, void **ret_state)
{
        (void)self;
        bb_log(BB_INFO, "tally.start", NULL, bb_kv_str("for", bb_tenant_name(tenant)));
        *ret_state = (void *)config;
        return BB_OK;
}

BB_PLUGIN(load, .name = "tally", .version = "1.0", .vendor = "Busbar examples", .license = "Apache-2.0",
          .options = &TallyOptions, .tenant_config_size = sizeof(struct options), .tenant_start = tenant_start);
