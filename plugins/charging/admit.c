/* SPDX-License-Identifier: Apache-2.0
 *
 * May this station connect? One statement reads what is known and, when all fits, gives out the connection's epoch;
 * when many come at once they share it (bb_batch). The credential is checked before anything is counted: wrong attempts
 * never lock out who has the right password.
 */
#include "domain.h"

#define PENDING_MAX "1000" /* stations that wait for adoption; whoever invents ids fills no table */

static const char *const details[] = {
        [BB_ADMIT_OK] = NULL,
        [BB_ADMIT_UNKNOWN] =
                "No station has this id. Check the id at the end of the URL in the station, or create it here.",
        [BB_ADMIT_HELD] = "The station waits for adoption: set its admission to \"admitted\".",
        [BB_ADMIT_PASSWORD] = "The password is wrong. Enter the same one in the station (AuthorizationKey) and here.",
        [BB_ADMIT_BLOCKED] = "An operator blocked this station: set its admission to \"admitted\" to let it in again.",
        [BB_ADMIT_RATE] =
                "Too many attempts with a wrong password from this address; the right one is accepted at any time.",
};

struct known {
        int32_t found;
        int32_t admission;
        int32_t credential; /* right, or none is needed */
        int64_t epoch;      /* 0: none was given out */
};

/* The MAC binds the password to its station. */
static bb_err password_mac(const struct bb_admit *a, uint8_t ret[BB_MAC_BYTES])
{
        return bb_mac("station-password", bb_print("%.*s:%.*s", BB_FMT(a->station_id), BB_FMT(a->password)), ret);
}

/* A question that waits in its task for its commit. */
struct admit_item {
        struct report report;
        struct bb_station_ref who; /* epoch is not known yet */
        const struct bb_admit *admit;
        uint8_t mac[BB_MAC_BYTES];
        struct known known;
};

/* That the update compares MACs tells an attacker nothing: he cannot choose their bytes. What counts is in
 * known_from(). */
static const char look_sql[] =
        "with asked as (select a.station_id, decode(a.mac, 'hex') as mac, a.driver, a.protocol, a.n"
        "  from unnest($1::text[], $2::text[], $3::text[], $4::text[]) with ordinality"
        "  as a (station_id, mac, driver, protocol, n)),"
        " taken as (update charging.station s set epoch_last = s.epoch_last + 1, driver = a.driver,"
        "  protocol = a.protocol from asked a where s.station_id = a.station_id and s.admission = 0"
        "  and (s.password_mac is null or s.password_mac = a.mac) returning a.n, s.epoch_last)"
        " select a.n, k.admission, k.password_mac, t.epoch_last from asked a"
        " join charging.station k on k.station_id = a.station_id left join taken t on t.n = a.n";

static void known_from(const bb_rows *rows, size_t row, struct admit_item *item)
{
        bb_str wanted = bb_row_bytes(rows, row, 2);

        item->known.found = 1;
        item->known.admission = (int32_t)bb_row_int(rows, row, 1, BB_STATION_BLOCKED);
        item->known.credential =
                bb_row_is_null(rows, row, 2) || (item->admit->password.ptr != NULL && wanted.len == sizeof(item->mac) &&
                                                 bb_equal_secret(wanted.ptr, item->mac, sizeof(item->mac)));
        item->known.epoch = bb_row_int(rows, row, 3, 0);
}

static BB_AWAIT bb_err admit_round(struct charging *c, struct report *const *reports, size_t count)
{
        bb_str *texts = BB_NEW_ARRAY(bb_str, 4 * count + 1), *stations = texts, *macs = texts + count,
               *drivers = macs + count, *protocols = drivers + count;
        bb_rows *rows[2];

        (void)c;
        for (size_t i = 0; i < count; i++) {
                const struct admit_item *item = (const struct admit_item *)reports[i];

                stations[i] = item->admit->station_id;
                macs[i] = item->admit->password.ptr != NULL
                                  ? bb_hex((bb_str){(const char *)item->mac, sizeof(item->mac)})
                                  : BB_NONE;
                drivers[i] = item->admit->driver;
                protocols[i] = item->admit->protocol;
        }
        const struct bb_stmt stmts[] = {
                stations_lock_stmt(&BB_TEXT_ARRAY(stations, count)),
                BB_STMT(look_sql, BB_TEXT_ARRAY(stations, count), BB_TEXT_ARRAY(macs, count),
                        BB_TEXT_ARRAY(drivers, count), BB_TEXT_ARRAY(protocols, count)),
        };

        TRY(bb_db_run(stmts, BB_COUNT(stmts), rows));
        for (size_t row = 0; row < bb_rows_count(rows[1]); row++) {
                int64_t n = bb_row_int(rows[1], row, 0, 0);

                if (n < 1 || (size_t)n > count)
                        return BB_E_INTERNAL;
                known_from(rows[1], row, (struct admit_item *)reports[n - 1]);
        }
        return BB_OK;
}

BB_AWAIT bb_err admits_flush(void *const *items, size_t count, void *arg)
{
        return group_rounds(arg, items, count, admit_round);
}

static BB_AWAIT bb_err look(struct charging *c, const struct bb_admit *a, struct known *ret)
{
        struct admit_item item = {.who = {.station_id = a->station_id}, .admit = a};

        item.report.who = &item.who;
        if (a->password.ptr != NULL)
                TRY(password_mac(a, item.mac));
        TRY(bb_batch_submit(c->admits, &item));
        *ret = item.known;
        return BB_OK;
}

/* The policies accept and hold make the station. That it exists by now, or that too many wait already, is no error. */
static BB_AWAIT bb_err onboard(struct charging *c, const struct bb_admit *a)
{
        const int hold = a->policy == BB_ONBOARD_HOLD;
        bb_err err;

        if (!limiter_take(&c->new_stations, BB_NONE, BB_NONE, bb_mono_ms(), NULL))
                return BB_OK;
        const struct bb_stmt stmts[] = {
                MUST_HIT("insert into charging.station (station_id, admission, driver, protocol)"
                         " select $1, $2, $3, $4 where $2 = 0 or"
                         " (select count(*) from charging.station where admission = 1) < " PENDING_MAX
                         " on conflict do nothing",
                         BB_TEXT(a->station_id), BB_INT(hold ? BB_STATION_PENDING : BB_STATION_ADMITTED),
                         BB_TEXT(a->driver), BB_TEXT(a->protocol)),
                bb_audit_stmt(bb_print("driver:%.*s", BB_FMT(a->driver)), hold ? "station.held" : "station.accepted",
                              a->station_id, BB_NONE),
        };

        err = bb_db_run(stmts, BB_COUNT(stmts), NULL);
        return err == BB_E_NOT_FOUND ? BB_OK : err;
}

static int32_t verdict_of(struct charging *c, const struct bb_admit *a, const struct known *known)
{
        if (!known->found)
                return BB_ADMIT_UNKNOWN;
        if (!known->credential)
                return limiter_take(&c->wrong_passwords, a->station_id, a->remote, bb_mono_ms(), NULL)
                               ? BB_ADMIT_PASSWORD
                               : BB_ADMIT_RATE;
        if (known->admission == BB_STATION_PENDING)
                return BB_ADMIT_HELD;
        return known->admission == BB_STATION_ADMITTED ? BB_ADMIT_OK : BB_ADMIT_BLOCKED;
}

static bb_str detail_of(const struct bb_admit *a, int32_t verdict)
{
        if (verdict == BB_ADMIT_PASSWORD && a->password.ptr == NULL)
                return BB_STR(
                        "The station sent no password, but has one here. Enter it in the station (AuthorizationKey) or "
                        "clear it here.");
        if (verdict == BB_ADMIT_UNKNOWN && a->policy != BB_ONBOARD_REFUSE)
                return BB_STR(
                        "Too many new stations came at once or wait for adoption. Adopt or delete some, or create this "
                        "one by hand.");
        return bb_cstr(details[verdict]);
}

static BB_AWAIT void refuse(struct charging *c, const struct bb_admit *a, struct bb_admitted *ret)
{
        ret->epoch = 0;
        ret->detail = detail_of(a, ret->verdict);
        attempt_record(c, a, ret, 1);
}

BB_AWAIT bb_err charging_admit(const struct bb_admit *a, struct bb_admitted *ret)
{
        struct known known;
        STATE(c);

        if (!station_id_valid(a->station_id)) {
                *ret = (struct bb_admitted){.verdict = BB_ADMIT_UNKNOWN};
                ret->detail = BB_STR("A station id has 1 to 64 characters, no blanks and no slashes.");
                attempt_record(c, a, ret, 1);
                return BB_OK;
        }
        TRY(look(c, a, &known));
        if (!known.found && a->policy != BB_ONBOARD_REFUSE) {
                TRY(onboard(c, a));
                TRY(look(c, a, &known));
        }
        *ret = (struct bb_admitted){.verdict = verdict_of(c, a, &known), .epoch = known.epoch};
        if (ret->verdict != BB_ADMIT_OK)
                refuse(c, a, ret);
        else if (known.epoch == 0)
                return BB_E_CONFLICT; /* an operator changed it between the two halves of the statement */
        return BB_OK;
}
