/* SPDX-License-Identifier: Apache-2.0
 *
 * What others say about a token that the domain accepts (access/1).
 */
#include "domain.h"
#include <busbar/access.h>
#include <stdlib.h>

enum { ASK_MS = 2000 };

/* --- one question, answered in time --- */

/* Outlives whoever asked: the one of both that ends last frees it. */
struct asking {
        const struct bb_access_ops *ops;
        struct bb_access_question question; /* its texts are behind it */
        bb_cond *done;
        bb_err err;
        int32_t refused, answered, left; /* left: nobody waits for the answer any more */
        char *reason;
};

static void asking_free(struct asking *a)
{
        bb_cond_free(a->done);
        free(a->reason);
        free(a);
}

static BB_AWAIT void ask_task(void *arg)
{
        struct bb_access_answer answer = {.size = sizeof(answer)};
        struct asking *a = arg;

        a->err = a->ops->ask(&a->question, &answer);
        a->refused = answer.refused;
        if (answer.reason.ptr != NULL)
                a->reason = strndup(answer.reason.ptr, answer.reason.len);
        a->answered = 1;
        if (a->left)
                asking_free(a);
        else
                bb_cond_wake_all(a->done);
}

static bb_str text_move(char **at, bb_str text)
{
        bb_str moved = {.ptr = *at, .len = text.len};

        if (text.len > 0)
                memcpy(*at, text.ptr, text.len);
        *at += text.len;
        return moved;
}

static struct asking *asking_new(const struct bb_access_ops *ops, const struct bb_access_question *q)
{
        struct asking *a = calloc(1, sizeof(*a) + q->token_uid.len + q->station_id.len);
        char *texts;

        if (a == NULL)
                return NULL;
        texts = (char *)(a + 1);
        a->done = bb_cond_new();
        a->ops = ops;
        a->question = *q;
        a->question.token_uid = text_move(&texts, q->token_uid);
        a->question.station_id = text_move(&texts, q->station_id);
        return a;
}

/* BB_E_TIMEOUT: no answer in time. */
static BB_AWAIT bb_err ask(const struct bb_access_ops *ops, const struct bb_access_question *q,
                           struct bb_access_answer *ret)
{
        struct asking *a = asking_new(ops, q);
        int64_t until_ms = bb_mono_ms() + ASK_MS;
        bb_task_id task;
        bb_err err = a == NULL ? BB_E_LIMIT : bb_task_spawn("charging.access", NULL, 0, ask_task, a, &task);

        if (err < 0) {
                if (a != NULL)
                        asking_free(a);
                return err;
        }
        while (err == BB_OK && !a->answered)
                err = until_ms > bb_mono_ms() ? bb_cond_wait(a->done, until_ms - bb_mono_ms()) : BB_E_TIMEOUT;
        if (!a->answered) {
                a->left = 1;
                bb_task_cancel(task);
                return err;
        }
        err = a->err;
        ret->refused = a->refused;
        ret->reason = bb_str_dup(bb_cstr(a->reason));
        asking_free(a);
        return err;
}

/* --- all who have a say --- */

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
                err = ask(ops, q, &answer);
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
