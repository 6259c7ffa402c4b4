/* SPDX-License-Identifier: Apache-2.0
 *
 * SignCertificate (Security Whitepaper §5.17, A02.FR.03 to .13): a station's request is checked, kept, and answered;
 * what follows is certificate_work.c's. And what operators say to requests.
 */
#include "certificate.h"
#include "messages.h"
#include "page.h"
#include "security.h"

enum { KEPT_REJECTED = 20 };

const char *const certificate_policy_names[] = {"hold", "sign", "refuse", NULL};

struct asked {
        bb_str csr, note; /* note: why it is not signed by itself; BB_NONE: it is */
        struct bb_x509 is;
        uint8_t digest[32];
        int32_t state; /* REQUEST_… */
};

/* --- what the station asks for --- */

static int32_t same(bb_str a, bb_str b)
{
        return a.ptr != NULL && b.ptr != NULL && bb_str_eq(a, b);
}

/* A00.FR.511: the serial number; many stations have their id there. */
static BB_AWAIT bb_err judge_name(const struct station *st, struct asked *a)
{
        struct bb_station known = {.present = 0};

        TRY(charging->station_get(station_id(st), &known));
        if (same(a->is.common_name, known.id) || same(a->is.common_name, known.serial_number))
                return BB_OK;
        a->state = REQUEST_REJECTED;
        a->note = bb_print("The common name \"%.*s\" is neither the station's id nor its serial number.",
                           BB_FMT(a->is.common_name));
        return BB_OK;
}

/* What is in doubt is left to an operator: the certificate gets our own organization in any case. */
static void judge_organization(const struct station *st, struct asked *a)
{
        bb_str wanted = authority_organization(st->owner);

        a->state = st->owner->options->certificates == CERTIFICATES_SIGN ? REQUEST_APPROVED : REQUEST_HELD;
        if (same(a->is.organization, wanted))
                return;
        a->state = REQUEST_HELD; /* A02.FR.13 */
        a->note = bb_print("The organization is \"%.*s\", not \"%.*s\": set the station's CpoName, or approve it.",
                           BB_FMT(a->is.organization), BB_FMT(wanted));
}

static BB_AWAIT bb_err judge(const struct station *st, struct asked *a)
{
        bb_str why = BB_NONE;
        bb_err err;

        bb_sha256(a->csr, a->digest);
        err = bb_request_certificate_read(a->csr, &a->is, &why);
        if (err == BB_E_INVALID) {
                a->state = REQUEST_REJECTED;
                a->note = bb_print("The request %.*s.", BB_FMT(why));
                return BB_OK;
        }
        TRY(err);
        judge_organization(st, a);
        return judge_name(st, a);
}

static bb_str key_text(const struct bb_x509 *x)
{
        static const char *const kinds[] = {[BB_KEY_RSA] = "RSA", [BB_KEY_EC] = "EC"};

        return x->key_kind == BB_KEY_OTHER ? BB_NONE : bb_print("%s %d", kinds[x->key_kind], (int)x->key_bits);
}

/* The same request again finds the decision that was made; one that was signed is sent once more. */
static BB_AWAIT bb_err keep(const struct station *st, const struct asked *a, int32_t *ret_state)
{
        bb_str digest = {.ptr = (const char *)a->digest, .len = sizeof(a->digest)};
        const struct bb_stmt stmts[] = {
                BB_STMT("insert into ocpp16.certificate_request as r (id, station_id, csr, csr_digest, common_name,"
                        " organization, key, state, note) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
                        " on conflict (tenant_id, station_id, csr_digest) do update set tried_at = null"
                        " returning state",
                        BB_UUID(bb_uuid()), BB_TEXT(station_id(st)), BB_TEXT(a->csr), BB_BYTES(digest),
                        BB_TEXT(a->is.common_name), BB_TEXT(a->is.organization), BB_TEXT(key_text(&a->is)),
                        BB_INT(a->state), BB_TEXT(a->note)),
                BB_STMT("update ocpp16.certificate c set state = 0, tried_at = null, tries = 0"
                        " from ocpp16.certificate_request r where r.station_id = $1 and r.csr_digest = $2"
                        " and c.request_id = r.id and c.state in (1, 2)",
                        BB_TEXT(station_id(st)), BB_BYTES(digest)),
                BB_STMT("delete from ocpp16.certificate_request where station_id = $1 and state = 3 and id <="
                        " (select id from ocpp16.certificate_request where station_id = $1 and state = 3"
                        " order by id desc limit 1 offset $2)",
                        BB_TEXT(station_id(st)), BB_INT(KEPT_REJECTED)),
        };
        bb_rows *rows[BB_COUNT(stmts)];

        TRY(bb_db_run(stmts, BB_COUNT(stmts), rows));
        *ret_state = (int32_t)bb_row_int(rows[0], 0, 0, REQUEST_REJECTED);
        return BB_OK;
}

static void note(const struct station *st, const struct asked *a, int32_t state)
{
        static const char *const states[] = {"held", "approved", "signed", "rejected"};

        bb_log(a->note.ptr != NULL ? BB_WARN : BB_INFO, "ocpp.certificate_request", bb_str_c(a->note),
               bb_kv_str("station", station_id(st)), bb_kv_cstr("state", states[state & 3]),
               bb_kv_str("common_name", a->is.common_name), bb_kv_str("organization", a->is.organization));
}

BB_AWAIT bb_err message_sign_certificate(struct station *st, const void *message, bb_str *ret_answer)
{
        const struct sign_certificate_req *m = message;
        struct generic_status_conf conf = {.status = GENERIC_REJECTED};
        struct asked a = {.csr = m->csr};
        int32_t state = REQUEST_REJECTED;
        bb_err err;

        if (st->owner->options->certificates != CERTIFICATES_REFUSE) {
                UNTIL_STORED(err, judge(st, &a));
                TRY(err);
                UNTIL_STORED(err, keep(st, &a, &state));
                TRY(err);
        } else {
                a.note = BB_STR("The option certificates is \"refuse\".");
        }
        note(st, &a, state);
        if (state != REQUEST_REJECTED) /* A02.FR.11, .12 */
                conf.status = GENERIC_ACCEPTED;
        if (state == REQUEST_APPROVED || state == REQUEST_SIGNED)
                certificate_wake(st->owner);
        *ret_answer = bb_shape_encode_text(&SignCertificateResponse, &conf);
        return BB_OK;
}

/* --- what operators see of it --- */

static const char *const states[] = {"held", "approved", "signed", "rejected", NULL};

const struct bb_query_param certificate_request_query[] = {
        {.name = "state", .type = BB_T_ENUM, .values = states, .about = "Only requests in this state."},
};
_Static_assert(BB_COUNT(certificate_request_query) == CERTIFICATE_REQUEST_QUERIES, "the routes name the number");

struct request_view {
        uint64_t present;
        bb_str id, station_id, csr, common_name, organization, key, note, decided_by;
        int64_t created_ms, decided_ms;
        int32_t state;
};
enum { VIEW_DECIDED_AT = 9 };
static const struct bb_field view_fields[] = {
        FIELD(request_view, id, "id", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(request_view, station_id, "station_id", BB_T_STR, .flags = BB_REQUIRED),
        ENUM_FIELD(request_view, state, "state", states, .flags = BB_REQUIRED),
        FIELD(request_view, common_name, "common_name", BB_T_STR),
        FIELD(request_view, organization, "organization", BB_T_STR),
        FIELD(request_view, key, "key", BB_T_STR, .about = "Like EC 256."),
        FIELD(request_view, note, "note", BB_T_STR, .about = "What is wrong with it, or why an operator is asked."),
        FIELD(request_view, csr, "csr", BB_T_STR, .flags = BB_REQUIRED, .about = "PKCS#10, PEM, as it came."),
        FIELD(request_view, created_ms, "created_at", BB_T_TIME, .flags = BB_REQUIRED),
        FIELD(request_view, decided_ms, "decided_at", BB_T_TIME),
        FIELD(request_view, decided_by, "decided_by", BB_T_STR),
};
BB_SHAPE(CertificateRequest, request_view, 0, "What a station wants signed (SignCertificate).", view_fields);

#define VIEW_COLUMNS                                                                                                   \
        "id::text, station_id, state, common_name, organization, key, note, csr, created_at, decided_at, decided_by"

static bb_json *row_json(const bb_rows *rows, size_t i)
{
        struct request_view v = {.id = bb_row_str(rows, i, 0),
                                 .station_id = bb_row_str(rows, i, 1),
                                 .state = (int32_t)bb_row_int(rows, i, 2, 0),
                                 .common_name = bb_row_str(rows, i, 3),
                                 .organization = bb_row_str(rows, i, 4),
                                 .key = bb_row_str(rows, i, 5),
                                 .note = bb_row_str(rows, i, 6),
                                 .csr = bb_row_str(rows, i, 7),
                                 .created_ms = bb_row_time(rows, i, 8, 0),
                                 .decided_ms = bb_row_time(rows, i, 9, 0),
                                 .decided_by = bb_row_str(rows, i, 10)};

        if (v.decided_ms != 0)
                v.present |= 1u << VIEW_DECIDED_AT;
        return bb_shape_encode(&CertificateRequest, &v);
}

static int64_t state_query(bb_request *req)
{
        bb_str text = bb_request_query(req, "state");

        for (int64_t i = 0; text.ptr != NULL && states[i] != NULL; i++) {
                if (bb_str_is(text, states[i]))
                        return i;
        }
        return -1;
}

/* GET /v1/certificate-requests, GET /v1/stations/{id}/certificate-requests */
BB_AWAIT bb_err certificate_request_list(bb_request *req, bb_response *res)
{
        struct page page;
        bb_rows *rows;

        TRY(page_of(req, res, &page));
        TRY(bb_db_query(&rows,
                        "select " VIEW_COLUMNS " from ocpp16.certificate_request"
                        " where ($1::text is null or station_id = $1) and ($2 < 0 or state = $2)"
                        " and ($3::text is null or id < $3::uuid) order by id desc limit $4",
                        BB_TEXT(page.station), BB_INT(state_query(req)), BB_TEXT(page.after),
                        BB_INT((int64_t)page.limit)));
        page_send(res, &page, rows, row_json);
        return BB_OK;
}

/* --- and say to it --- */

struct decision {
        uint64_t present;
        bb_str note;
};
static const struct bb_field decision_fields[] = {
        FIELD(decision, note, "note", BB_T_STR, .max = 500, .about = "Why, for whoever reads it later."),
};
BB_SHAPE(CertificateDecision, decision, 0, "What an operator says to a station's request.", decision_fields);

static BB_AWAIT bb_err explain_refusal(bb_str station, bb_str id, bb_response *res)
{
        bb_rows *rows;

        TRY(bb_db_query(&rows, "select state from ocpp16.certificate_request where station_id = $1 and id = $2",
                        BB_TEXT(station), BB_UUID(id)));
        if (bb_rows_count(rows) == 0)
                return BB_E_NOT_FOUND;
        return bb_problem(res, BB_E_CONFLICT, 409, "already-decided",
                          bb_print("The request is %s already.", states[bb_row_int(rows, 0, 0, 0) & 3]));
}

static BB_AWAIT bb_err decide(bb_request *req, bb_response *res, int32_t state, const char *action)
{
        bb_str station = bb_request_param(req, "id"), id = bb_request_param(req, "request");
        struct decision m = {.present = 0};
        bb_rows *rows[2];
        bb_err err;

        if (!is_uuid(id))
                return BB_E_NOT_FOUND;
        if (bb_request_body(req).len > 0)
                TRY(bb_request_decode(req, &CertificateDecision, &m, res));
        struct bb_stmt stmts[] = {
                BB_STMT("update ocpp16.certificate_request set state = $3, decided_by = $4, decided_at = now(),"
                        " note = coalesce($5, note) where station_id = $1 and id = $2 and state = 0"
                        " returning " VIEW_COLUMNS,
                        BB_TEXT(station), BB_UUID(id), BB_INT(state), BB_TEXT(bb_request_actor(req)), BB_TEXT(m.note)),
                bb_audit_stmt(bb_request_actor(req), action, station, BB_NONE),
        };

        stmts[0].flags |= BB_STMT_MUST_HIT;
        err = bb_db_run(stmts, BB_COUNT(stmts), rows);
        if (err == BB_E_NOT_FOUND)
                return explain_refusal(station, id, res);
        TRY(err);
        if (state == REQUEST_APPROVED)
                certificate_wake(bb_request_state(req));
        bb_response_json(res, row_json(rows[0], 0));
        return BB_OK;
}

/* POST /v1/stations/{id}/certificate-requests/{request}/approve */
BB_AWAIT bb_err certificate_request_approve(bb_request *req, bb_response *res)
{
        return decide(req, res, REQUEST_APPROVED, "certificate_request.approve");
}

/* POST /v1/stations/{id}/certificate-requests/{request}/reject. A02: the station is not told; an operator looks into
 * it. */
BB_AWAIT bb_err certificate_request_reject(bb_request *req, bb_response *res)
{
        return decide(req, res, REQUEST_REJECTED, "certificate_request.reject");
}
