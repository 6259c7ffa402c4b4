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
        int32_t credential;      /* right, or none is needed */
        int32_t certificate;     /* 0: none, or the station's; 1: another one's */
        int32_t profile, wanted; /* BB_PROFILE_…: of this connection, and the least that is let in */
        int64_t epoch;           /* 0: none was given out */
};

/* A question that waits in its task for its commit. */
struct admit_item {
        struct report report;
        struct bb_station_ref who; /* epoch is not known yet */
        const struct bb_admit *admit;
        struct password_macs macs;
        struct known known;
};

/* Comparing MACs here tells an attacker nothing: he cannot choose their bytes. Whoever comes with the next password has
 * taken it: from there on it is the only one. The profile never falls by itself (Security Whitepaper A00.FR.005). */
static const char look_sql[] =
        "with asked as (select a.station_id, decode(a.mac, 'hex') as mac, decode(a.mac_hex, 'hex') as mac_hex,"
        "  a.certificate, a.tls, a.driver, a.protocol, a.n"
        "  from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[])"
        "  with ordinality as a (station_id, mac, mac_hex, certificate, tls, driver, protocol, n)),"
        " compared as (select a.*, k.admission, k.security_profile as wanted, k.password_mac is null as open,"
        "  coalesce(a.mac in (k.password_mac, k.password_mac_hex), false)"
        "  or coalesce(a.mac_hex in (k.password_mac, k.password_mac_hex), false) as is_old,"
        "  coalesce(a.mac in (k.next_mac, k.next_mac_hex), false)"
        "  or coalesce(a.mac_hex in (k.next_mac, k.next_mac_hex), false) as is_next,"
        "  coalesce(a.certificate in (k.station_id, k.serial_number), false) as certified"
        "  from asked a join charging.station k on k.station_id = a.station_id),"
        " judged as (select c.*, c.certified or c.open or c.is_old or c.is_next as credential,"
        "  c.certificate is not null and not c.certified as foreign_certificate,"
        "  case when c.certified then 3 when c.is_next or (c.is_old and not c.open) then 1 + c.tls else 0 end as "
        "profile"
        "  from compared c),"
        " taken as (update charging.station s set epoch_last = s.epoch_last + 1, driver = j.driver,"
        "  protocol = j.protocol, security_profile = greatest(s.security_profile, j.profile),"
        "  version = s.version + (j.profile > s.security_profile or j.is_next)::int,"
        "  password_mac = case when j.is_next then s.next_mac else s.password_mac end,"
        "  password_mac_hex = case when j.is_next then s.next_mac_hex else s.password_mac_hex end,"
        "  next_mac = case when j.is_next then null else s.next_mac end,"
        "  next_mac_hex = case when j.is_next then null else s.next_mac_hex end"
        "  from judged j where s.station_id = j.station_id and s.admission = 0 and j.credential"
        "  and not j.foreign_certificate and j.profile >= s.security_profile returning j.n, s.epoch_last)"
        " select j.n, j.admission, j.credential, j.foreign_certificate, j.profile, j.wanted, t.epoch_last"
        " from judged j left join taken t on t.n = j.n";

static void known_from(const bb_rows *rows, size_t row, struct known *ret)
{
        *ret = (struct known){.found = 1,
                              .admission = (int32_t)bb_row_int(rows, row, 1, BB_STATION_BLOCKED),
                              .credential = bb_row_int(rows, row, 2, 0) != 0,
                              .certificate = bb_row_int(rows, row, 3, 0) != 0,
                              .profile = (int32_t)bb_row_int(rows, row, 4, 0),
                              .wanted = (int32_t)bb_row_int(rows, row, 5, 0),
                              .epoch = bb_row_int(rows, row, 6, 0)};
}

static bb_str hex_or_none(bb_str mac)
{
        return mac.ptr != NULL ? bb_hex(mac) : BB_NONE;
}

/* The columns of look_sql's question. */
struct admit_columns {
        bb_str *stations, *macs, *macs_hex, *certificates, *drivers, *protocols;
        int64_t *tls;
};

static struct admit_columns columns_of(struct report *const *reports, size_t count)
{
        bb_str *texts = BB_NEW_ARRAY(bb_str, 6 * count + 1);
        struct admit_columns c = {.stations = texts,
                                  .macs = texts + count,
                                  .macs_hex = texts + 2 * count,
                                  .certificates = texts + 3 * count,
                                  .drivers = texts + 4 * count,
                                  .protocols = texts + 5 * count,
                                  .tls = BB_NEW_ARRAY(int64_t, count + 1)};

        for (size_t i = 0; i < count; i++) {
                const struct admit_item *item = (const struct admit_item *)reports[i];
                const struct password_macs *macs = item->admit->password.ptr != NULL ? &item->macs : NULL;

                c.stations[i] = item->admit->station_id;
                c.macs[i] = hex_or_none(password_mac(macs));
                c.macs_hex[i] = hex_or_none(password_mac_hex(macs));
                c.certificates[i] = report_text(item->admit->certificate, 64);
                c.drivers[i] = item->admit->driver;
                c.protocols[i] = item->admit->protocol;
                c.tls[i] = item->admit->tls != 0;
        }
        return c;
}

static BB_AWAIT bb_err admit_round(struct charging *c, struct report *const *reports, size_t count)
{
        const struct admit_columns asked = columns_of(reports, count);
        bb_rows *rows[2];

        (void)c;
        const struct bb_stmt stmts[] = {
                stations_lock_stmt(&BB_TEXT_ARRAY(asked.stations, count)),
                BB_STMT(look_sql, BB_TEXT_ARRAY(asked.stations, count), BB_TEXT_ARRAY(asked.macs, count),
                        BB_TEXT_ARRAY(asked.macs_hex, count), BB_TEXT_ARRAY(asked.certificates, count),
                        BB_INT_ARRAY(asked.tls, count), BB_TEXT_ARRAY(asked.drivers, count),
                        BB_TEXT_ARRAY(asked.protocols, count)),
        };

        TRY(bb_db_run(stmts, BB_COUNT(stmts), rows));
        for (size_t row = 0; row < bb_rows_count(rows[1]); row++) {
                int64_t n = bb_row_int(rows[1], row, 0, 0);

                if (n < 1 || (size_t)n > count)
                        return BB_E_INTERNAL;
                known_from(rows[1], row, &((struct admit_item *)reports[n - 1])->known);
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
                TRY(password_macs(a->station_id, a->password, &item.macs));
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
        if (known->certificate != 0)
                return BB_ADMIT_CERTIFICATE;
        if (!known->credential && known->wanted == BB_PROFILE_CERTIFICATE && a->password.ptr == NULL)
                return BB_ADMIT_PROFILE; /* a password would not help it */
        if (!known->credential)
                return limiter_take(&c->wrong_passwords, a->station_id, a->remote, bb_mono_ms(), NULL)
                               ? BB_ADMIT_PASSWORD
                               : BB_ADMIT_RATE;
        if (known->admission == BB_STATION_PENDING)
                return BB_ADMIT_HELD;
        if (known->admission != BB_STATION_ADMITTED)
                return BB_ADMIT_BLOCKED;
        return known->profile >= known->wanted ? BB_ADMIT_OK : BB_ADMIT_PROFILE;
}

/* Security Whitepaper A00.FR.002, A00.FR.005. */
static bb_str profile_detail(const struct known *known)
{
        static const char *const means[] = {"no password", "a password without TLS", "a password within TLS",
                                            "a client certificate"};

        return bb_print(
                "The station came with security profile %d (%s), but has to use %d (%s) at least. Set it so in the "
                "station (SecurityProfile), or lower security_profile here.",
                (int)known->profile, means[known->profile & 3], (int)known->wanted, means[known->wanted & 3]);
}

static bb_str detail_of(const struct bb_admit *a, const struct known *known, int32_t verdict)
{
        if (verdict == BB_ADMIT_PROFILE)
                return profile_detail(known);
        if (verdict == BB_ADMIT_CERTIFICATE)
                return bb_print(
                        "The client certificate is that of \"%.*s\", which is neither the id nor the serial number of "
                        "this station.",
                        BB_FMT(report_text(a->certificate, 64)));
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

static BB_AWAIT void refuse(struct charging *c, const struct bb_admit *a, const struct known *known,
                            struct bb_admitted *ret)
{
        ret->epoch = 0;
        ret->detail = detail_of(a, known, ret->verdict);
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
        *ret = (struct bb_admitted){
                .verdict = verdict_of(c, a, &known), .profile = known.profile, .epoch = known.epoch};
        if (ret->verdict != BB_ADMIT_OK)
                refuse(c, a, &known, ret);
        else if (known.epoch == 0)
                return BB_E_CONFLICT; /* an operator changed it between the two halves of the statement */
        return BB_OK;
}
