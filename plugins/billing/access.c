/* SPDX-License-Identifier: Apache-2.0
 *
 * access/1: a token whose contract has nothing left for it is refused. A tenant without quotas and cooldowns is
 * answered from memory.
 */
#include <busbar/access.h>

#include "contract.h"
#include "quota.h"

BB_AWAIT bb_err access_renew(struct billing_tenant *t)
{
        bb_rows *rows;

        TRY(bb_db_query(&rows, "select exists (select from billing.contract where restricts and not retired)"));
        t->restricts = (int32_t)bb_row_int(rows, 0, 0, 1);
        return BB_OK;
}

BB_AWAIT void access_tick(void *arg)
{
        (void)access_renew(arg); /* the database is away: what was known holds, and the next tick comes */
}

static BB_AWAIT bb_err ask(const struct bb_access_question *q, struct bb_access_answer *ret)
{
        const struct billing_tenant *t = bb_tenant_state(bb_task_tenant());
        struct stored_contract stored;
        struct session_facts facts;
        int64_t version, position;
        struct quota_view view;
        bb_str id;
        bb_err err;

        if (t == NULL || !t->restricts)
                return BB_OK;
        err = session_facts_find(q->token_uid, q->station_id, q->connector_id, q->at_ms, &facts);
        if (err == BB_OK)
                err = contract_find(&facts, &id, &version, &position);
        if (err == BB_E_NOT_FOUND)
                return BB_OK;
        TRY(err);
        TRY(contract_load(id, version, &stored));
        if (!contract_restricts(&stored.contract))
                return BB_OK;
        view = (struct quota_view){.contract_id = id,
                                   .token_uid = q->token_uid,
                                   .time_zone = facts.time_zone,
                                   .except_id = BB_NONE,
                                   .at_ms = q->at_ms};
        TRY(quota_refusal(stored.contract.limits, &view, &ret->reason));
        ret->refused = ret->reason.ptr != NULL;
        return BB_OK;
}

const struct bb_access_ops access_ops = {.size = sizeof(struct bb_access_ops), .ask = ask};
