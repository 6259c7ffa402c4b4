/* SPDX-License-Identifier: Apache-2.0
 *
 * What others say about a token that the domain accepts (access/1).
 */
#include "domain.h"
#include <busbar/access.h>

/* Who has a session at this station, or is of its family, may want to end it: no quota keeps him from that. */
static BB_AWAIT bb_err may_end_one(bb_str station_id, bb_str token_uid, bb_str parent_uid, int32_t *ret)
{
        bb_rows *rows;

        TRY(bb_db_query(&rows,
                        "select 1 from charging.session where station_id = $1 and state = 0"
                        " and (token_key = " LOWER("$2") " or " LOWER("parent_uid") " = " LOWER("$3") ") limit 1",
                        BB_TEXT(station_id), BB_TEXT(token_uid), BB_TEXT(none_if_empty(parent_uid))));
        *ret = bb_rows_count(rows) > 0;
        return BB_OK;
}

/* Of one token at one station a few a minute at most are written down. */
static BB_AWAIT void refusal_record(struct charging *c, const struct bb_access_question *q, bb_str plugin,
                                    bb_str reason)
{
        bb_json *details;

        if (!limiter_take(&c->refusals, q->station_id, q->token_uid, bb_mono_ms(), NULL))
                return;
        details = bb_json_new_object();
        bb_json_set_str(details, "station_id", q->station_id);
        bb_json_set_str(details, "reason", reason);
        bb_log(BB_INFO, "access.refused", "A token was refused.", bb_kv_str("token", q->token_uid),
               bb_kv_str("station", q->station_id), bb_kv_str("by", plugin), bb_kv_str("reason", reason));
        const struct bb_stmt stmts[] = {bb_audit_stmt(plugin, "token.refuse", q->token_uid, bb_json_text(details))};
        if (bb_db_run(stmts, BB_COUNT(stmts), NULL) < 0)
                bb_log(BB_WARN, "access.refused", "a refusal could not be written down");
}

BB_AWAIT bb_err access_ask(struct charging *c, const struct bb_access_question *q, struct bb_authorization *a,
                           bb_str *ret_reason)
{
        const struct bb_access_ops *ops;
        int32_t ends;
        bb_str plugin;

        *ret_reason = BB_NONE;
        if (a->status != BB_AUTH_ACCEPTED)
                return BB_OK;
        for (size_t i = 0; (ops = bb_host_->provider(bb_self_, "access/1", i, &plugin)) != NULL; i++) {
                struct bb_access_answer answer = {.size = sizeof(answer)};
                bb_err err;

                if (!bb_tenant_has(c->tenant, bb_str_c(plugin)))
                        continue;
                err = ops->ask(q, &answer);
                if (err == BB_E_UNAVAILABLE || err == BB_E_CANCELED)
                        return err;
                if (err < 0)
                        bb_log(BB_WARN, "access.failed", "a plugin could not say whether a token may charge; it may",
                               bb_kv_str("plugin", plugin), bb_kv_str("token", q->token_uid), bb_kv_err(err));
                if (err < 0 || !answer.refused)
                        continue;
                TRY(may_end_one(q->station_id, q->token_uid, a->parent_uid, &ends));
                if (ends && q->for_ == BB_ACCESS_AUTHORIZE)
                        return BB_OK;
                a->status = BB_AUTH_BLOCKED;
                *ret_reason = answer.reason;
                refusal_record(c, q, plugin, answer.reason);
                return BB_OK;
        }
        return BB_OK;
}
