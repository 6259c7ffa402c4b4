/* SPDX-License-Identifier: Apache-2.0
 *
 * What happens to approved requests without anybody waiting: signing, CertificateSigned, renewal (use cases A02, A03).
 * Each piece is claimed in the database first, so that of several nodes one does it, and a node that dies loses
 * nothing: another one, or the same after it came back, claims it again a minute later.
 */
#include "certificate.h"
#include "security.h"
#include "shapes_security.h"

enum { ROUND_MS = 60000, CLAIM_COUNT = 20, MAX_TRIES = 10 };

#define DAY_MS 86400000LL
#define BACKDATED_MS 3600000LL /* a station switches to it at not_before (A02.FR.08), and its clock may be slow */

void certificate_wake(struct ocpp_tenant *owner)
{
        owner->certificates_woken = 1;
}

/* --- signing --- */

struct to_sign {
        bb_str id, station, csr, name;
};

static BB_AWAIT bb_err store_signed(const struct authority *authority, const struct to_sign *job, bb_str pem,
                                    const struct bb_x509 *x)
{
        bb_json *payload = bb_json_new_object();
        bb_str chain = bb_print("%.*s%.*s", BB_FMT(pem), BB_FMT(authority->certificate));

        bb_json_set_str(payload, "station_id", job->station);
        bb_json_set_str(payload, "serial", x->serial);
        bb_json_set_str(payload, "not_after", bb_time_text(x->not_after_ms));
        struct bb_stmt stmts[] = {
                BB_STMT("update ocpp16.certificate_request set state = 2, decided_at = coalesce(decided_at, now())"
                        " where id = $1 and state = 1",
                        BB_UUID(job->id)),
                BB_STMT("insert into ocpp16.certificate (id, request_id, authority_id, station_id, certificate, "
                        "subject,"
                        " serial, fingerprint, not_before, not_after, state)"
                        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0)",
                        BB_UUID(bb_uuid()), BB_UUID(job->id), BB_UUID(authority->id), BB_TEXT(job->station),
                        BB_TEXT(chain), BB_TEXT(x->subject), BB_TEXT(x->serial),
                        BB_TEXT(bb_hex((bb_str){.ptr = (const char *)x->digest, .len = sizeof(x->digest)})),
                        BB_TIME(x->not_before_ms), BB_TIME(x->not_after_ms)),
                bb_event_stmt("station.certificate_issued", job->station, bb_json_text(payload)),
                bb_audit_stmt(BB_STR("ocpp16"), "certificate.issue", job->station, bb_json_text(payload)),
        };

        stmts[0].flags |= BB_STMT_MUST_HIT;
        return bb_db_run(stmts, BB_COUNT(stmts), NULL);
}

static BB_AWAIT void sign_one(struct ocpp_tenant *owner, const struct authority *authority, const struct to_sign *job)
{
        const struct bb_certificate_order order = {.request = job->csr,
                                                   .authority = authority->certificate,
                                                   .authority_key = authority->key,
                                                   .common_name = job->name,
                                                   .organization = authority_organization(owner),
                                                   .not_before_ms = bb_now_ms() - BACKDATED_MS,
                                                   .not_after_ms =
                                                           bb_now_ms() + owner->options->certificate_days * DAY_MS,
                                                   .use = BB_CERTIFICATE_CLIENT};
        bb_str pem, why = BB_NONE;
        struct bb_x509 x;
        bb_err err = bb_certificate_issue(&order, &pem, &x, &why);

        if (err == BB_OK)
                err = store_signed(authority, job, pem, &x);
        if (err < 0 && err != BB_E_NOT_FOUND) /* somebody else was faster */
                bb_log(BB_ERROR, "ocpp.certificate", "a certificate could not be signed", bb_kv_err(err),
                       bb_kv_str("station", job->station), bb_kv_str("reason", why));
        if (err == BB_OK)
                bb_log(BB_INFO, "ocpp.certificate", "signed", bb_kv_str("station", job->station),
                       bb_kv_str("serial", x.serial));
}

static BB_AWAIT bb_err sign_approved(struct ocpp_tenant *owner)
{
        struct authority authority;
        bb_rows *rows;

        TRY(bb_db_query(&rows,
                        "update ocpp16.certificate_request set tried_at = now() where id in"
                        " (select id from ocpp16.certificate_request where state = 1"
                        " and (tried_at is null or tried_at < now() - interval '1 minute')"
                        " order by id limit $1 for update skip locked)"
                        " returning id::text, station_id, csr, common_name",
                        BB_INT(CLAIM_COUNT)));
        if (bb_rows_count(rows) == 0)
                return BB_OK;
        TRY(authority_get(owner, &authority));
        for (size_t i = 0; i < bb_rows_count(rows); i++)
                sign_one(owner, &authority,
                         &(struct to_sign){.id = bb_row_str(rows, i, 0),
                                           .station = bb_row_str(rows, i, 1),
                                           .csr = bb_row_str(rows, i, 2),
                                           .name = bb_row_str(rows, i, 3)});
        return BB_OK;
}

/* --- to the station --- */

/* What the station said to it: CERTIFICATE_ISSUED when that is not known (yet). */
static int32_t state_of(const struct bb_command_result *result, bb_str *ret_note)
{
        bb_str status = bb_json_str(bb_json_get(result->answer, "status"));

        *ret_note = BB_NONE;
        if (result->outcome == BB_COMMAND_ANSWERED && bb_str_is(status, "Accepted"))
                return CERTIFICATE_INSTALLED;
        if (result->outcome == BB_COMMAND_ANSWERED) {
                *ret_note = bb_print("The station answered %.*s.", BB_FMT(status));
                return CERTIFICATE_REFUSED;
        }
        if (result->outcome == BB_COMMAND_REFUSED)
                *ret_note = bb_print("The station answered with an error: %.*s.", BB_FMT(result->error_code));
        else if (result->outcome == BB_COMMAND_INVALID)
                *ret_note = bb_print("It cannot be sent: %.*s %.*s.", BB_FMT(result->fault_path),
                                     BB_FMT(result->error_text));
        else if (result->outcome == BB_COMMAND_TIMEOUT)
                *ret_note = BB_STR("The station does not answer.");
        return CERTIFICATE_ISSUED;
}

static BB_AWAIT bb_err note_delivery(bb_str id, int32_t state, bb_str note, int32_t reached)
{
        return bb_db_query(NULL,
                           "update ocpp16.certificate set tries = tries + $4::int, note = $3,"
                           " state = case when $2 = 0 and tries + $4 >= $5 then 2 else $2 end,"
                           " told_at = case when $2 = 0 then told_at else now() end where id = $1 and state = 0",
                           BB_UUID(id), BB_INT(state), BB_TEXT(note), BB_INT(reached), BB_INT(MAX_TRIES));
}

static BB_AWAIT void deliver(struct ocpp_tenant *owner, bb_str id, bb_str station, bb_str chain)
{
        const struct certificate_signed_req m = {.certificate_chain = chain};
        struct bb_command_result result = {.size = sizeof(result), .outcome = BB_COMMAND_OFFLINE};
        int32_t state, reached;
        bb_str note;
        bb_err err = driver_ops.command(owner->tenant, station, BB_STR("CertificateSigned"),
                                        bb_shape_encode(&CertificateSignedRequest, &m), 0, &result);

        if (err < 0)
                return;
        state = state_of(&result, &note);
        reached = result.outcome != BB_COMMAND_OFFLINE && result.outcome != BB_COMMAND_BUSY;
        err = note_delivery(id, state, note, reached);
        bb_log(state == CERTIFICATE_REFUSED || err < 0 ? BB_WARN : BB_INFO, "ocpp.certificate",
               state == CERTIFICATE_INSTALLED ? "installed by the station" : "not (yet) installed by the station",
               bb_kv_str("station", station), bb_kv_str("note", note), bb_kv_err(err));
        if (state == CERTIFICATE_INSTALLED)
                security_raise(owner, station, SECURITY_RECONFIGURED, BB_STR("a new client certificate was installed"));
}

static BB_AWAIT bb_err deliver_signed(struct ocpp_tenant *owner)
{
        bb_rows *rows;

        TRY(bb_db_query(&rows,
                        "update ocpp16.certificate set tried_at = now() where id in"
                        " (select id from ocpp16.certificate where state = 0 and not_after > now()"
                        " and (tried_at is null or tried_at < now() - interval '1 minute')"
                        " order by tried_at nulls first limit $1 for update skip locked)"
                        " returning id::text, station_id, certificate",
                        BB_INT(CLAIM_COUNT)));
        for (size_t i = 0; i < bb_rows_count(rows); i++)
                deliver(owner, bb_row_str(rows, i, 0), bb_row_str(rows, i, 1), bb_row_str(rows, i, 2));
        return BB_OK;
}

/* --- renewal --- */

/* A02: the station makes a new key and sends a SignCertificate. */
static BB_AWAIT bb_err ask_for_request(struct ocpp_tenant *owner, bb_str station, struct bb_command_result *ret)
{
        bb_json *payload = bb_json_new_object();

        bb_json_set_str(payload, "requestedMessage", BB_STR("SignChargePointCertificate"));
        return driver_ops.command(owner->tenant, station, BB_STR("ExtendedTriggerMessage"), payload, 0, ret);
}

/* Stations should renew by themselves a month before the end (A03.FR.02); this is for those that do not. */
static BB_AWAIT bb_err renew_ending(struct ocpp_tenant *owner)
{
        bb_rows *rows;

        if (owner->options->certificate_renew_days == 0)
                return BB_OK;
        TRY(bb_db_query(&rows,
                        "update ocpp16.certificate set renewal_at = now() where id in"
                        " (select c.id from ocpp16.certificate c where c.state = 1 and c.not_after > now()"
                        " and c.not_after < now() + make_interval(days => $1::int)"
                        " and (c.renewal_at is null or c.renewal_at < now() - interval '1 day')"
                        " and not exists (select 1 from ocpp16.certificate n where n.station_id = c.station_id"
                        " and n.state in (0, 1) and n.not_after > c.not_after)"
                        " order by c.not_after limit $2 for update skip locked) returning station_id",
                        BB_INT(owner->options->certificate_renew_days), BB_INT(CLAIM_COUNT)));
        for (size_t i = 0; i < bb_rows_count(rows); i++) {
                struct bb_command_result result = {.size = sizeof(result)};

                (void)ask_for_request(owner, bb_row_str(rows, i, 0), &result); /* logged; tomorrow again */
        }
        return BB_OK;
}

/* POST /v1/stations/{id}/renew-certificate */
BB_AWAIT bb_err certificate_renew(bb_request *req, bb_response *res)
{
        struct ocpp_tenant *owner = bb_request_state(req);
        struct bb_command_result result = {.size = sizeof(result)};
        struct bb_station known = {.present = 0};
        bb_str id = bb_request_param(req, "id"), status;
        const struct bb_stmt audit = bb_audit_stmt(bb_request_actor(req), "certificate.renew", id, BB_NONE);

        if (owner == NULL)
                return BB_E_NOT_FOUND;
        TRY(charging->station_get(id, &known));
        TRY(bb_db_run(&audit, 1, NULL));
        TRY(ask_for_request(owner, id, &result));
        if (result.outcome == BB_COMMAND_OFFLINE)
                return bb_problem(res, BB_E_OFFLINE, 409, "station-offline", BB_STR("The station is not connected."));
        if (result.outcome == BB_COMMAND_TIMEOUT)
                return bb_problem(res, BB_E_TIMEOUT, 504, "station-timeout",
                                  BB_STR("The station did not answer in time. It may have acted all the same."));
        status = bb_json_str(bb_json_get(result.answer, "status"));
        if (result.outcome != BB_COMMAND_ANSWERED || !bb_str_is(status, "Accepted"))
                return bb_problem(res, BB_E_REJECTED, 409, "station-refused",
                                  bb_print("The station answered %.*s to ExtendedTriggerMessage.",
                                           BB_FMT(status.ptr != NULL ? status : result.error_code)));
        bb_response_status(res, 202);
        return BB_OK;
}

BB_AWAIT void certificate_tick(void *arg)
{
        struct ocpp_tenant *owner = arg;
        int64_t now = bb_mono_ms();
        int32_t woken = owner->certificates_woken;

        if (owner->certificates_busy || bb_db_away_ms() > 0 ||
            (!woken && owner->certificates_mono_ms != 0 && now - owner->certificates_mono_ms < ROUND_MS))
                return;
        owner->certificates_busy = 1;
        owner->certificates_woken = 0;
        owner->certificates_mono_ms = now;
        if (sign_approved(owner) == BB_OK && deliver_signed(owner) == BB_OK)
                (void)renew_ending(owner); /* the next round tries again */
        owner->certificates_busy = 0;
}
