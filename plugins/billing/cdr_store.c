/* SPDX-License-Identifier: Apache-2.0
 *
 * CDRs in the database: written once, with their event, and read back.
 */
#include "cdr.h"

const char *const cdr_kind_names[] = {"session", "credit", "replacement", "reservation", NULL};

#define NO_TAX INT64_MIN

static struct amount amount_of(int64_t net, int64_t vat, int64_t gross)
{
        struct amount a = {.present = 1, .excl_vat = net};

        if (gross != NO_TAX)
                a = (struct amount){.present = ~0ull, .excl_vat = net, .vat = vat, .incl_vat = gross};
        return a;
}

static int32_t id_valid(bb_str id)
{
        static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

        if (id.len != sizeof(form) - 1)
                return 0;
        for (size_t i = 0; i < id.len; i++) {
                char c = id.ptr[i];
                int32_t is_hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');

                if (form[i] == '-' ? c != '-' : !is_hex)
                        return 0;
        }
        return 1;
}

static struct bb_stmt insert_stmt(const struct cdr *c)
{
        int32_t with_tax = amount_has_tax(&c->total);
        const struct bb_param params[] = {
                BB_UUID(c->id),
                BB_UUID(c->session_id),
                BB_TEXT(c->tariff_id),
                BB_INT(c->tariff_version),
                BB_TEXT(c->currency),
                BB_INT(c->payable_minor),
                BB_TEXT(c->account),
                BB_INT(c->kind),
                BB_UUID(c->credit_of),
                BB_TEXT(c->reason),
                BB_INT_OR_NULL(c->reservation_id != 0, c->reservation_id),
                BB_TEXT(c->contract_id),
                BB_INT_OR_NULL(c->contract_id.ptr != NULL, c->contract_version),
                BB_TEXT(c->token_uid),
                BB_TEXT(c->station_id),
                BB_INT(c->connector_id),
                BB_TEXT(c->location_id),
                BB_TIME(c->started_ms),
                BB_TIME(c->ended_ms),
                BB_INT(c->energy_mwh),
                BB_INT(c->time_ms),
                BB_INT(c->parking_ms),
                BB_INT(c->reservation_ms),
                BB_INT(c->total.excl_vat),
                BB_INT_OR_NULL(with_tax, c->total.vat),
                BB_INT_OR_NULL(with_tax, c->total.incl_vat),
                BB_TEXT(c->document),
        };
        struct bb_param *kept = BB_NEW_ARRAY(struct bb_param, BB_COUNT(params));

        memcpy(kept, params, sizeof(params));
        return (struct bb_stmt){
                .sql = "insert into billing.cdr (cdr_id, session_id, tariff_id, tariff_version, currency, "
                       "payable_minor,"
                       " account, kind, credit_of, reason, reservation_id, contract_id, contract_version, token_uid,"
                       " station_id, connector_id, location_id, started_at, ended_at, energy_mwh, time_ms, parking_ms,"
                       " reservation_ms, net_e4, vat_e4, gross_e4, document) values ($1, $2, $3, $4, $5, $6, $7, $8, "
                       "$9,"
                       " $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27)",
                .params = kept,
                .param_count = BB_COUNT(params)};
}

static struct bb_stmt told_stmt(const struct cdr *c)
{
        bb_json *payload = bb_json_new_object();

        bb_json_set_str(payload, "cdr_id", c->id);
        bb_json_set_str(payload, "session_id", c->session_id);
        bb_json_set_str(payload, "kind", bb_cstr(cdr_kind_names[c->kind]));
        bb_json_set_str(payload, "credit_of", c->credit_of);
        bb_json_set_str(payload, "reason", c->reason);
        bb_json_set_str(payload, "currency", c->currency);
        bb_json_set_int(payload, "payable_minor", c->payable_minor);
        return bb_event_stmt(c->kind == CDR_KIND_CREDIT ? "cdr.credited" : "cdr.priced",
                             c->session_id.ptr != NULL ? c->session_id : c->id, bb_json_text(payload));
}

void cdr_stmts(const struct cdr *c, struct bb_stmt ret[CDR_STMTS])
{
        ret[0] = insert_stmt(c);
        ret[1] = told_stmt(c);
}

/* What both ways of reading select; `other` is what came of it. */
#define CDR_COLUMNS                                                                                                    \
        "c.cdr_id::text, c.kind, c.session_id::text, c.credit_of::text, c.reason, c.reservation_id, c.tariff_id,"      \
        " c.tariff_version, c.contract_id, c.contract_version, c.token_uid, c.station_id, c.connector_id,"             \
        " c.location_id, c.started_at, c.ended_at, c.created_at, c.net_e4, c.vat_e4, c.gross_e4, c.currency,"          \
        " c.payable_minor, c.energy_mwh, c.time_ms, c.parking_ms, c.reservation_ms, c.account, c.document,"            \
        " (select k.cdr_id::text from billing.cdr k where k.credit_of = c.cdr_id and k.kind = 1),"                     \
        " (select k.cdr_id::text from billing.cdr k where k.credit_of = c.cdr_id and k.kind = 2)"

static void cdr_row(const bb_rows *rows, size_t i, struct cdr *ret)
{
        *ret = (struct cdr){
                .id = bb_row_str(rows, i, 0),
                .kind = (int32_t)bb_row_int(rows, i, 1, 0),
                .session_id = bb_row_str(rows, i, 2),
                .credit_of = bb_row_str(rows, i, 3),
                .reason = bb_row_str(rows, i, 4),
                .reservation_id = bb_row_int(rows, i, 5, 0),
                .tariff_id = bb_row_str(rows, i, 6),
                .tariff_version = bb_row_int(rows, i, 7, 0),
                .contract_id = bb_row_str(rows, i, 8),
                .contract_version = bb_row_int(rows, i, 9, 0),
                .token_uid = bb_row_str(rows, i, 10),
                .station_id = bb_row_str(rows, i, 11),
                .connector_id = bb_row_int(rows, i, 12, 0),
                .location_id = bb_row_str(rows, i, 13),
                .started_ms = bb_row_time(rows, i, 14, 0),
                .ended_ms = bb_row_time(rows, i, 15, 0),
                .created_ms = bb_row_time(rows, i, 16, 0),
                .total = amount_of(bb_row_int(rows, i, 17, 0), bb_row_int(rows, i, 18, NO_TAX),
                                   bb_row_int(rows, i, 19, NO_TAX)),
                .currency = bb_row_str(rows, i, 20),
                .payable_minor = bb_row_int(rows, i, 21, 0),
                .energy_mwh = bb_row_int(rows, i, 22, 0),
                .time_ms = bb_row_int(rows, i, 23, 0),
                .parking_ms = bb_row_int(rows, i, 24, 0),
                .reservation_ms = bb_row_int(rows, i, 25, 0),
                .account = bb_row_str(rows, i, 26),
                .document = bb_row_str(rows, i, 27),
                .credited_by = bb_row_str(rows, i, 28),
                .replaced_by = bb_row_str(rows, i, 29),
        };
}

BB_AWAIT bb_err cdr_load(bb_str id, struct cdr *ret)
{
        bb_rows *rows;

        if (!id_valid(id))
                return BB_E_NOT_FOUND;
        TRY(bb_db_query(&rows, "select " CDR_COLUMNS " from billing.cdr c where c.cdr_id = $1", BB_UUID(id)));
        if (bb_rows_count(rows) == 0)
                return BB_E_NOT_FOUND;
        cdr_row(rows, 0, ret);
        return BB_OK;
}

BB_AWAIT bb_err cdr_list(bb_str after, size_t limit, struct cdr **ret, size_t *ret_count)
{
        struct cdr *items;
        bb_rows *rows;
        size_t count;

        if (after.len > 0 && !id_valid(after))
                return BB_E_INVALID;
        TRY(bb_db_query(&rows,
                        "select " CDR_COLUMNS " from billing.cdr c where c.cdr_id > $1 order by c.cdr_id limit $2",
                        BB_UUID(after.len > 0 ? after : BB_STR("00000000-0000-0000-0000-000000000000")),
                        BB_INT((int64_t)limit)));
        count = bb_rows_count(rows);
        items = BB_NEW_ARRAY(struct cdr, count + 1);
        for (size_t i = 0; i < count; i++)
                cdr_row(rows, i, &items[i]);
        *ret = items;
        *ret_count = count;
        return BB_OK;
}
