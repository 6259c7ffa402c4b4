/* SPDX-License-Identifier: Apache-2.0
 *
 * May this station connect? One statement reads what is known and, when all fits, gives out the connection's epoch. The
 * credential is checked before anything is counted: wrong attempts never lock out who has the right password.
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

static BB_AWAIT bb_err look(const struct bb_admit *a, struct known *ret)
{
        const int given = a->password.ptr != NULL;
        uint8_t mac[BB_MAC_BYTES] = {0};
        bb_rows *rows;
        bb_str wanted;

        if (given)
                TRY(password_mac(a, mac));
        /* That the update compares MACs tells an attacker nothing: he cannot choose their bytes. What counts is below.
         */
        TRY(bb_db_query(&rows,
                        "with known as (select admission, password_mac from charging.station where station_id = $1),"
                        " taken as (update charging.station set epoch_last = epoch_last + 1, driver = $3, protocol = $4"
                        " where station_id = $1 and admission = 0 and (password_mac is null or password_mac = $2)"
                        " returning epoch_last)"
                        " select k.admission, k.password_mac, t.epoch_last from known k left join taken t on true",
                        BB_TEXT(a->station_id),
                        given ? BB_BYTES(((bb_str){(const char *)mac, sizeof(mac)})) : BB_BYTES(BB_NONE),
                        BB_TEXT(a->driver), BB_TEXT(a->protocol)));
        *ret = (struct known){.found = bb_rows_count(rows) > 0};
        if (!ret->found)
                return BB_OK;
        wanted = bb_row_bytes(rows, 0, 1);
        ret->admission = (int32_t)bb_row_int(rows, 0, 0, BB_STATION_BLOCKED);
        ret->credential = bb_row_is_null(rows, 0, 1) ||
                          (given && wanted.len == sizeof(mac) && bb_equal_secret(wanted.ptr, mac, sizeof(mac)));
        ret->epoch = bb_row_int(rows, 0, 2, 0);
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
        TRY(look(a, &known));
        if (!known.found && a->policy != BB_ONBOARD_REFUSE) {
                TRY(onboard(c, a));
                TRY(look(a, &known));
        }
        *ret = (struct bb_admitted){.verdict = verdict_of(c, a, &known), .epoch = known.epoch};
        if (ret->verdict != BB_ADMIT_OK)
                refuse(c, a, ret);
        else if (known.epoch == 0)
                return BB_E_CONFLICT; /* an operator changed it between the two halves of the statement */
        return BB_OK;
}
