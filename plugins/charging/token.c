/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens: cards, app users and remote identities that may charge. A uid is found without regard to case and shown as it
 * was written first.
 */
#include "domain.h"

#define COLUMNS                                                                                                        \
        "uid, kind, status, parent_uid, label, contract_id, expires_at, max_open_sessions, created_at, updated_at,"    \
        " version, partner"
#define UID_MAX 64

static void token_row(const bb_rows *rows, size_t i, struct bb_token *ret)
{
        *ret = (struct bb_token){
                .uid = bb_row_str(rows, i, 0),
                .kind = (int32_t)bb_row_int(rows, i, 1, 0),
                .status = (int32_t)bb_row_int(rows, i, 2, 0),
                .parent_uid = bb_row_str(rows, i, 3),
                .label = bb_row_str(rows, i, 4),
                .contract_id = bb_row_str(rows, i, 5),
                .expires_ms = bb_row_time(rows, i, 6, 0),
                .max_open_sessions = (int32_t)bb_row_int(rows, i, 7, 0),
                .created_ms = bb_row_time(rows, i, 8, 0),
                .updated_ms = bb_row_time(rows, i, 9, 0),
                .version = bb_row_int(rows, i, 10, 0),
                .partner = bb_row_str(rows, i, 11),
        };
}

BB_AWAIT bb_err charging_token_get(bb_str uid, struct bb_token *ret)
{
        bb_rows *rows;

        if (!text_clean(uid, UID_MAX))
                return BB_E_NOT_FOUND;
        TRY(bb_db_query(&rows, "select " COLUMNS " from charging.token where uid_key = " LOWER("$1"), BB_TEXT(uid)));
        if (bb_rows_count(rows) == 0)
                return BB_E_NOT_FOUND;
        token_row(rows, 0, ret);
        return BB_OK;
}

BB_AWAIT bb_err charging_token_list(bb_str search, bb_str after, size_t limit, struct bb_token **ret, size_t *ret_count)
{
        char *pattern = search.len > 0 && search.len <= 200 ? bb_alloc(2 * search.len + 2) : NULL;
        bb_str like = {.ptr = pattern, .len = pattern != NULL ? text_like(search, pattern) : 0};
        struct bb_token *items;
        bb_rows *rows;
        size_t count;

        if (!text_clean(search, 200) || !text_clean(after, UID_MAX))
                return BB_E_INVALID;
        TRY(bb_db_query(
                &rows,
                "select " COLUMNS " from charging.token where uid_key > " LOWER(
                        "$1") " and ($2::text is null"
                              " or uid ilike $2 or label ilike $2 or contract_id ilike $2) order by uid_key limit $3",
                BB_TEXT(empty_if_none(after)), BB_TEXT(like), BB_INT(list_limit(limit))));
        count = bb_rows_count(rows);
        items = BB_NEW_ARRAY(struct bb_token, count + 1);
        for (size_t i = 0; i < count; i++)
                token_row(rows, i, &items[i]);
        *ret = items;
        *ret_count = count;
        return BB_OK;
}

static int is_valid(const struct bb_token *t)
{
        return t->uid.len >= 1 && text_clean(t->uid, UID_MAX) && memchr(t->uid.ptr, '/', t->uid.len) == NULL &&
               text_clean(t->parent_uid, UID_MAX) && text_clean(t->label, 400) && text_clean(t->contract_id, 200) &&
               text_clean(t->partner, 36) && t->kind >= BB_TOKEN_RFID && t->kind <= BB_TOKEN_ROAMING &&
               t->status >= BB_TOKEN_ACCEPTED && t->status <= BB_TOKEN_BLOCKED && t->max_open_sessions >= 0;
}

static bb_str uid_payload(bb_str uid)
{
        bb_json *payload = bb_json_new_object();

        bb_json_set_str(payload, "uid", uid);
        return bb_json_text(payload);
}

static bb_str put_details(const struct bb_token *t)
{
        bb_json *details = bb_json_new_object();

        bb_json_set_str(details, "status", t->status == BB_TOKEN_BLOCKED ? BB_STR("blocked") : BB_STR("accepted"));
        bb_json_set_str(details, "parent_uid", t->parent_uid);
        bb_json_set_str(details, "label", t->label);
        bb_json_set_str(details, "partner", t->partner);
        bb_json_set_str(details, "expires_at", time_or_none(t->expires_ms));
        bb_json_set_int(details, "max_open_sessions", t->max_open_sessions);
        return bb_json_text(details);
}

BB_AWAIT bb_err charging_token_put(bb_str actor, const struct bb_token *t, int64_t if_version, int32_t *ret_created)
{
        bb_rows *rows[3];
        bb_err err;

        if (!is_valid(t))
                return BB_E_INVALID;
        const struct bb_stmt stmts[] = {
                MUST_HIT("insert into charging.token as t (uid, kind, status, parent_uid, label, contract_id, "
                         "expires_at,"
                         " max_open_sessions, partner) select $1, $2, $3, $4, $5, $6, $7, $8, $10"
                         " where $9 <= 0 or exists (select 1 from charging.token where uid_key = " LOWER(
                                 "$1") ")"
                                       " on conflict (tenant_id, uid_key) do update set kind = excluded.kind,"
                                       " status = excluded.status, parent_uid = excluded.parent_uid, label = "
                                       "excluded.label,"
                                       " contract_id = excluded.contract_id, expires_at = excluded.expires_at,"
                                       " max_open_sessions = excluded.max_open_sessions, partner = excluded.partner, "
                                       "updated_at = now(),"
                                       " version = t.version + 1 where $9 = 0 or t.version = $9 returning (t.xmax = 0)",
                         BB_TEXT(t->uid), BB_INT(t->kind), BB_INT(t->status), BB_TEXT(none_if_empty(t->parent_uid)),
                         BB_TEXT(t->label), BB_TEXT(t->contract_id),
                         BB_TIME_OR_NULL(t->expires_ms != 0, time_clamp(t->expires_ms)), BB_INT(t->max_open_sessions),
                         BB_INT(if_version), BB_TEXT(none_if_empty(t->partner))),
                bb_audit_stmt(actor, "token.put", t->uid, put_details(t)),
                bb_event_stmt("token.changed", t->uid, uid_payload(t->uid)),
        };

        err = bb_db_run(stmts, BB_COUNT(stmts), rows);
        if (err == BB_E_NOT_FOUND)
                return BB_E_PRECONDITION;
        TRY(err);
        *ret_created = bb_row_int(rows[0], 0, 0, 0) != 0;
        return BB_OK;
}

BB_AWAIT bb_err charging_token_delete(bb_str actor, bb_str uid, int64_t if_version)
{
        struct bb_token present;
        bb_err err;

        if (!text_clean(uid, UID_MAX))
                return BB_E_NOT_FOUND;
        const struct bb_stmt stmts[] = {
                MUST_HIT("delete from charging.token where uid_key = " LOWER("$1") " and ($2 <= 0 or version = $2)",
                         BB_TEXT(uid), BB_INT(if_version)),
                bb_audit_stmt(actor, "token.delete", uid, BB_NONE),
                bb_event_stmt("token.deleted", uid, uid_payload(uid)),
        };

        err = bb_db_run(stmts, BB_COUNT(stmts), NULL);
        if (err != BB_E_NOT_FOUND)
                return err;
        TRY(charging_token_get(uid, &present));
        return BB_E_PRECONDITION;
}

#define VERDICTS                                                                                                       \
        "select t.kind, " TOKEN_COLUMNS " from charging.token t"                                                       \
        " left join charging.token p on p.uid_key = lower(t.parent_uid) where t.uid_key > " LOWER("$1")

BB_AWAIT bb_err charging_token_verdicts(bb_str of, bb_str after, size_t limit, struct bb_token_verdict **ret,
                                        size_t *ret_count)
{
        STATE(c);
        struct bb_token_verdict *items;
        bb_rows *rows;
        size_t count;

        if (!text_clean(of, UID_MAX) || !text_clean(after, UID_MAX))
                return BB_E_INVALID;
        if (of.ptr == NULL)
                TRY(bb_db_query(&rows, VERDICTS " order by t.uid_key limit $2", BB_TEXT(empty_if_none(after)),
                                BB_INT(list_limit(limit))));
        else
                TRY(bb_db_query(&rows,
                                VERDICTS " and (t.uid_key = " LOWER("$3") " or lower(t.parent_uid) = " LOWER(
                                        "$3") ") order by t.uid_key limit $2",
                                BB_TEXT(empty_if_none(after)), BB_INT(list_limit(limit)), BB_TEXT(of)));
        count = bb_rows_count(rows);
        items = BB_NEW_ARRAY(struct bb_token_verdict, count + 1);
        for (size_t i = 0; i < count; i++) {
                struct bb_authorization *a = &items[i].authorization;
                int64_t parent_expires = bb_row_time(rows, i, 7, 0);

                items[i].uid = bb_row_str(rows, i, 1);
                items[i].kind = (int32_t)bb_row_int(rows, i, 0, 0);
                *a = token_verdict(c, rows, i, 1, -1);
                if (parent_expires != 0 && (a->expires_ms == 0 || parent_expires < a->expires_ms))
                        a->expires_ms = parent_expires;
        }
        *ret = items;
        *ret_count = count;
        return BB_OK;
}
