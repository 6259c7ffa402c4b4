/* SPDX-License-Identifier: Apache-2.0
 *
 * The plugin's table of contents: what it offers, and what starts and stops with a tenant. Each line of the table below
 * is one file, or a part of one.
 */
#include "operation.h"
#include <busbar/dataset.h>
#include <stdio.h>
#include <stdlib.h>

extern const struct bb_migration schema_migrations[] BB_HIDDEN;
extern const size_t schema_migration_count BB_HIDDEN;
extern const struct bb_dataset_ops charging_datasets BB_HIDDEN; /* dataset.c */

static const struct bb_charging_ops ops = {
        .size = sizeof(ops),
        /* admit.c, password.c */
        .admit = charging_admit,
        .password_next = charging_password_next,
        .measures_begin = measure_begin,
        .sample_take = measure_take,
        .refused = charging_refused,
        /* station_link.c */
        .online = charging_online,
        .offline = charging_offline,
        .boot = charging_boot,
        .clock_seen = charging_clock_seen,
        .station_seen = charging_station_seen,
        /* connector_status.c, connector.c */
        .connector_status = charging_connector_status,
        .connector_list = charging_connector_list,
        .connector_put = charging_connector_put,
        /* authorize.c */
        .authorize = charging_authorize,
        /* session_start.c, sample.c, session_stop.c */
        .session_start = charging_session_start,
        .session_samples = charging_session_samples,
        .session_stop = charging_session_stop,
        /* location.c */
        .location_get = charging_location_get,
        .location_list = charging_location_list,
        .location_put = charging_location_put,
        .location_delete = charging_location_delete,
        /* station.c */
        .station_get = charging_station_get,
        .station_list = charging_station_list,
        .station_put = charging_station_put,
        .station_delete = charging_station_delete,
        /* attempt.c */
        .connection_attempts = charging_connection_attempts,
        /* token.c */
        .token_get = charging_token_get,
        .token_list = charging_token_list,
        .token_put = charging_token_put,
        .token_delete = charging_token_delete,
        .token_verdicts = charging_token_verdicts,
        /* reservation.c */
        .reserve = charging_reserve,
        .reservation_cancel = charging_reservation_cancel,
        .reservation_get = charging_reservation_get,
        .reservation_list = charging_reservation_list,
        .session_reservation = charging_session_reservation,
        .reservation_told = charging_reservation_told,
        .reservation_gone = charging_reservation_gone,
        /* session_read.c, session_list.c */
        .session_get = charging_session_get,
        .session_by_transaction = charging_session_by_transaction,
        .session_sample_list = charging_session_sample_list,
        .session_list = charging_session_list,
        .session_scan = charging_session_scan,
        .session_count = charging_session_count,
        /* cdr.c */
        .cdr_list = charging_cdr_list,
        /* command.c */
        .command = charging_command,
        /* review.c */
        .review_list = charging_review_list,
        .review_get = charging_review_get,
        /* review_settle.c, settle.c */
        .review_settle = charging_review_settle,
        .review_dismiss = charging_review_dismiss,
        .session_settle = charging_session_settle,
        .session_close = charging_session_close,
        /* operation.c, operation_follow.c, operation_read.c */
        .operation_sending = charging_operation_sending,
        .station_watched = charging_station_watched,
        .station_note = charging_station_note,
        .operation_start = charging_operation_start,
        .operation_get = charging_operation_get,
        .operation_list = charging_operation_list,
        .operation_wait = charging_operation_wait,
        .operation_keep = charging_operation_keep,
        .operation_cancel = charging_operation_cancel,
        /* bulk.c */
        .bulk_start = charging_bulk_start,
        .bulk_get = charging_bulk_get,
        .bulk_list = charging_bulk_list,
        .bulk_change = charging_bulk_change,
};

static const char *const unknown_values[] = {"refuse", "accept", NULL};
static const struct bb_field option_fields[] = {
        {.name = "unknown_tokens",
         .type = BB_T_ENUM,
         .offset = offsetof(struct charging_config, unknown_tokens),
         .values = unknown_values,
         .fallback = "refuse",
         .about = "Whether a token that is not in the list may charge."},
        {.name = "review_days",
         .type = BB_T_INT,
         .offset = offsetof(struct charging_config, review_days),
         .min = 1,
         .max = 3650,
         .fallback = "180",
         .about = "How many days reports are kept that fit no session."},
        {.name = "sample_days",
         .type = BB_T_INT,
         .offset = offsetof(struct charging_config, sample_days),
         .min = 0,
         .max = 36500,
         .fallback = "1460",
         .about = "How many days samples are kept, rounded up to whole months. 0: for ever."},
        {.name = "orphan_available_minutes",
         .type = BB_T_INT,
         .offset = offsetof(struct charging_config, orphan_available_minutes),
         .min = 0,
         .max = 525600,
         .fallback = "30",
         .about = "Closes a session when its connector is Available, or has a later session, for so long, the station "
                  "is online and says nothing of the session. 0: not."},
        {.name = "orphan_reboot_minutes",
         .type = BB_T_INT,
         .offset = offsetof(struct charging_config, orphan_reboot_minutes),
         .min = 0,
         .max = 525600,
         .fallback = "60",
         .about = "Closes a session when its station booted and is online for so long without saying anything of it. "
                  "0: not."},
        {.name = "orphan_silence_days",
         .type = BB_T_INT,
         .offset = offsetof(struct charging_config, orphan_silence_days),
         .min = 1,
         .max = 3650,
         .fallback = "14",
         .about = "Closes a session when nothing was heard of its station for so many days."},
        {.name = "orphan_open_days",
         .type = BB_T_INT,
         .offset = offsetof(struct charging_config, orphan_open_days),
         .min = 1,
         .max = 3650,
         .fallback = "60",
         .about = "Closes a session that is open for so many days and had no sample in orphan_silence_days."},
        {.name = "orphan_grace_hours",
         .type = BB_T_INT,
         .offset = offsetof(struct charging_config, orphan_grace_hours),
         .min = 0,
         .max = 87600,
         .fallback = "72",
         .about = "How long a session that was closed so waits for its stop before it gets its account."},
        {.name = "lease_s",
         .type = BB_T_INT,
         .offset = offsetof(struct charging_config, lease_s),
         .min = 4,
         .max = 600,
         .fallback = "32",
         .about =
                 "Seconds after the last sign of life of a busbard's process until the stations that it held, and that "
                 "did not come back, are offline."},
        {.name = "operation_days",
         .type = BB_T_INT,
         .offset = offsetof(struct charging_config, operation_days),
         .min = 1,
         .max = 3650,
         .fallback = "90",
         .about = "How many days commands to stations are kept, with what became of them."},
};
static BB_SHAPE(charging_options, charging_config, 0, "Options of the plugin charging.", option_fields);

static bb_err load(const struct bb_host *host, void **ret_self)
{
        (void)host;
        TRY(bb_db_migrations(schema_migrations, schema_migration_count));
        TRY(bb_db_months("sample"));
        TRY(bb_job_type("charging.bulk", bulk_work));
        TRY(bb_provide("charging/1", &ops));
        TRY(bb_provide("dataset/1", &charging_datasets));
        *ret_self = NULL;
        return BB_OK;
}

static void limits_init(struct charging *c, uint64_t salt)
{
        limiter_init(&c->wrong_passwords, 4096, 10, 30000, salt);
        limiter_init(&c->attempt_records, 4096, 20, 3000, salt + 1);
        limiter_init(&c->attempt_records_all, 1, 200, 50, salt + 2);
        limiter_init(&c->new_stations, 1, 20000, 50, salt + 3);
        limiter_init(&c->reviews, 4096, 5, 60000, salt + 4);
        limiter_init(&c->asides, 4096, 600, 1000, salt + 5);
        limiter_init(&c->refusals, 4096, 3, 60000, salt + 6);
}

static void state_free(struct charging *c)
{
        presence_free(&c->presence);
        session_cache_close(c);
        operations_close(c);
        sample_kinds_close(c);
        limiter_free(&c->wrong_passwords);
        limiter_free(&c->attempt_records);
        limiter_free(&c->attempt_records_all);
        limiter_free(&c->new_stations);
        limiter_free(&c->reviews);
        limiter_free(&c->asides);
        limiter_free(&c->refusals);
        free(c);
}

/* What many stations say at once shares a commit. */
static const struct {
        const char *name;
        size_t offset;
        group_flush *flush;
} groups[] = {
        {"charging.admits", offsetof(struct charging, admits), admits_flush},
        {"charging.onlines", offsetof(struct charging, onlines), onlines_flush},
        {"charging.offlines", offsetof(struct charging, offlines), offlines_flush},
        {"charging.boots", offsetof(struct charging, boots), boots_flush},
        {"charging.statuses", offsetof(struct charging, statuses), statuses_flush},
        {"charging.authorizations", offsetof(struct charging, authorizations), authorizations_flush},
};

static bb_batch **group_at(struct charging *c, size_t i)
{
        return (bb_batch **)(void *)((char *)c + groups[i].offset);
}

static bb_err groups_open(struct charging *c)
{
        for (size_t i = 0; i < BB_COUNT(groups); i++) {
                *group_at(c, i) = bb_batch_new(c->tenant, groups[i].name, GROUP_MAX, groups[i].flush, c);
                if (*group_at(c, i) == NULL)
                        return BB_E_INTERNAL;
        }
        return BB_OK;
}

static bb_err state_start(struct charging *c, uint64_t salt)
{
        uint8_t mac[BB_MAC_BYTES];
        int64_t first = 30000 + (int64_t)(salt % 30000); /* not every tenant in the same second */

        TRY(bb_mac("transaction-id", BB_STR("1"), mac));
        memcpy(c->cipher.key, mac, sizeof(c->cipher.key));
        TRY(bb_mac("reservation-id", BB_STR("1"), mac));
        memcpy(c->reservation_cipher.key, mac, sizeof(c->reservation_cipher.key));
        TRY(groups_open(c));
        TRY(samples_start(c));
        TRY(starts_start(c));
        TRY(stops_start(c));
        c->minute = bb_timer_new(c->tenant, "charging.minute", first, 60000, housekeeping_minute, c);
        c->operations->tick = bb_timer_new(c->tenant, "charging.operations", 500, 1000, operations_tick, c);
        c->hour = bb_timer_new(c->tenant, "charging.hour", 10 * first, 3600000, housekeeping_hour, c);
        (void)bb_timer_new(c->tenant, "charging.unanswered", 15000, 15000, reservations_ask_again, c);
        c->second = bb_timer_new(c->tenant, "charging.second", 1000, 1000, reservations_second, c);
        c->lease = bb_timer_new(c->tenant, "charging.lease", 100, lease_interval_ms(c), lease_tick, c);
        return c->second != NULL && c->minute != NULL && c->hour != NULL && c->lease != NULL ? BB_OK : BB_E_INTERNAL;
}

static BB_AWAIT void batches_stop(struct charging *c)
{
        samples_stop(c);
        starts_stop(c);
        stops_stop(c);
        for (size_t i = 0; i < BB_COUNT(groups); i++)
                bb_batch_free(*group_at(c, i));
}

static BB_AWAIT bb_err tenant_start(void *self, bb_tenant *tenant, const void *config, void **ret_state)
{
        struct charging *c = calloc(1, sizeof(*c));
        uint64_t salt;
        bb_err err;

        (void)self;
        if (c == NULL)
                abort(); /* as the host does when memory is gone */
        bb_random(&salt, sizeof(salt));
        c->config = config;
        c->tenant = tenant;
        (void)snprintf(c->node, sizeof(c->node), "%.*s", BB_FMT(bb_uuid()));
        presence_init(&c->presence, salt);
        session_cache_open(c);
        operations_open(c);
        sample_kinds_open(c);
        limits_init(c, salt);
        err = state_start(c, salt);
        if (err < 0) {
                batches_stop(c);
                state_free(c);
                return err;
        }
        *ret_state = c;
        return BB_OK;
}

/* Timers and tasks have ended. Stations stay "online" in the table: they come back to this node or another within a
 * minute, and those that do not are noticed by this node's lease, which ends (lease.c). */
static BB_AWAIT void tenant_stop(void *self, void *state)
{
        struct charging *c = state;

        (void)self;
        if (bb_db_away_ms() == 0)
                presence_write(c);
        batches_stop(c);
        state_free(c);
}

BB_PLUGIN(load, .name = "charging", .version = "1.0", .vendor = "Busbar", .license = "Apache-2.0",
          .options = &charging_options, .tenant_config_size = sizeof(struct charging_config),
          .tenant_start = tenant_start, .tenant_stop = tenant_stop);
