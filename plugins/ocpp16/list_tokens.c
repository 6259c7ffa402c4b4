/* SPDX-License-Identifier: Apache-2.0
 *
 * The list as stations should have it. Written by event handlers alone: the events of a tenant come one after the
 * other, on one node at a time, so that revisions are given out in the order in which they commit. What an event says
 * is not taken from it but read anew, so that it may come twice.
 */
#include "local_list.h"

#include "ocpp16.h"
#include "shapes.h"

#include <strings.h>

enum { PAGE = 500, RECONCILE_EVERY_S = 86400, REMOVED_DAYS = 30 };

const char *const list_policy_names[] = {"off", "rfid", "all", NULL};

/* Some tokens and what they should be in the list. `after` to `last`: the stretch of keys in which all others that the
 * list has are to go. */
struct page {
        size_t count;
        bb_str *uids, *parents;
        int64_t *wanted, *blocked, *expires; /* expires: 0 is never */
        int32_t is_stretch;
        int32_t reserved;
        bb_str after, last; /* last: BB_NONE is the end */
};

static void page_init(struct page *p, size_t room)
{
        *p = (struct page){.uids = BB_NEW_ARRAY(bb_str, room + 1),
                           .parents = BB_NEW_ARRAY(bb_str, room + 1),
                           .wanted = BB_NEW_ARRAY(int64_t, room + 1),
                           .blocked = BB_NEW_ARRAY(int64_t, room + 1),
                           .expires = BB_NEW_ARRAY(int64_t, room + 1)};
}

/* An idTag has 20 characters at most (§7.28): a longer uid is none that a station could read. */
static void page_add(struct page *p, int32_t policy, const struct bb_token_verdict *t)
{
        size_t at = p->count++;

        p->uids[at] = t->uid;
        p->wanted[at] = t->uid.len <= ID_TAG_CHARS && (policy == LIST_ALL || t->kind == BB_TOKEN_RFID);
        p->blocked[at] = t->authorization.status == BB_AUTH_BLOCKED;
        p->parents[at] = t->authorization.parent_uid.len <= ID_TAG_CHARS ? t->authorization.parent_uid : BB_NONE;
        p->expires[at] = t->authorization.expires_ms;
}

static void page_remove(struct page *p, bb_str uid)
{
        p->uids[p->count++] = uid;
}

/* *ret_changed: how many of them changed the list. */
static BB_AWAIT bb_err page_write(const struct page *p, int64_t *ret_changed)
{
        const struct bb_stmt stmts[] = {
                BB_STMT("select revision from ocpp16.list_head for update"),
                BB_STMT("with item as (select lower(i.uid collate \"C\") as uid_key, i.uid, i.wanted = 1 as wanted,"
                        "  i.blocked = 1 as blocked, i.parent_uid,"
                        "  case when i.expires_ms <> 0 then to_timestamp(i.expires_ms / 1000.0) end as expires_at"
                        "  from unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[])"
                        "  as i (uid, wanted, blocked, parent_uid, expires_ms)"
                        "  union all select t.uid_key, t.uid, false, false, null, null from ocpp16.list_token t"
                        "  where $6::boolean and not t.removed and t.uid_key > lower($7::text collate \"C\")"
                        "  and ($8::text is null or t.uid_key <= lower($8::text collate \"C\"))"
                        "  and not exists (select from unnest($1::text[]) as k (uid)"
                        "   where lower(k.uid collate \"C\") = t.uid_key)),"
                        " changed as (select i.*, row_number() over (order by i.uid_key) as n from item i"
                        "  left join ocpp16.list_token t on t.uid_key = i.uid_key"
                        "  where case when i.wanted then (t.uid, t.removed, t.blocked, t.parent_uid, t.expires_at)"
                        "   is distinct from (i.uid, false, i.blocked, i.parent_uid, i.expires_at)"
                        "  else not t.removed end),"
                        " head as (update ocpp16.list_head set revision = revision + (select count(*) from changed)"
                        "  where exists (select from changed) returning revision - (select count(*) from changed)"
                        "  as base)"
                        " insert into ocpp16.list_token as t (uid_key, uid, removed, blocked, parent_uid, expires_at,"
                        "  revision) select c.uid_key, c.uid, not c.wanted, c.blocked, c.parent_uid, c.expires_at,"
                        "  h.base + c.n from changed c, head h on conflict (tenant_id, uid_key) do update set"
                        "  uid = excluded.uid, removed = excluded.removed, blocked = excluded.blocked,"
                        "  parent_uid = excluded.parent_uid, expires_at = excluded.expires_at,"
                        "  revision = excluded.revision, changed_at = now()",
                        BB_TEXT_ARRAY(p->uids, p->count), BB_INT_ARRAY(p->wanted, p->count),
                        BB_INT_ARRAY(p->blocked, p->count), BB_TEXT_ARRAY(p->parents, p->count),
                        BB_INT_ARRAY(p->expires, p->count), BB_BOOL(p->is_stretch),
                        BB_TEXT(p->after.ptr != NULL ? p->after : BB_STR("")), BB_TEXT(p->last)),
        };
        bb_rows *rows[BB_COUNT(stmts)];

        TRY(bb_db_run(stmts, BB_COUNT(stmts), rows));
        *ret_changed += bb_rows_affected(rows[1]);
        return BB_OK;
}

/* §7.28: a CiString. */
static int32_t same_uid(bb_str a, bb_str b)
{
        return a.len == b.len && strncasecmp(a.ptr, b.ptr, a.len) == 0;
}

/* A token, and those whose parent it is: what becomes of it becomes of them. */
BB_AWAIT bb_err list_token_event(const struct bb_event *event, void *tenant_state)
{
        struct ocpp_tenant *owner = tenant_state;
        struct bb_token_verdict *tokens;
        size_t count = PAGE;
        bb_str after = BB_NONE;
        int64_t changed = 0;
        int32_t seen = 0;

        if (owner == NULL || owner->options->local_list == LIST_OFF)
                return BB_OK;
        while (count == PAGE) {
                struct page page;

                TRY(charging->token_verdicts(event->key, after, PAGE, &tokens, &count));
                page_init(&page, count + 1);
                for (size_t i = 0; i < count; i++) {
                        page_add(&page, owner->options->local_list, &tokens[i]);
                        seen |= same_uid(tokens[i].uid, event->key);
                        after = tokens[i].uid;
                }
                if (count < PAGE && !seen)
                        page_remove(&page, event->key);
                TRY(page_write(&page, &changed));
        }
        if (changed > 0)
                lists_tell(owner, BB_NONE);
        return BB_OK;
}

BB_AWAIT bb_err list_reconcile_event(const struct bb_event *event, void *tenant_state)
{
        struct ocpp_tenant *owner = tenant_state;
        struct bb_token_verdict *tokens;
        size_t count = PAGE;
        bb_str after = BB_NONE;
        int64_t changed = 0;

        (void)event;
        if (owner == NULL || owner->options->local_list == LIST_OFF)
                return BB_OK;
        while (count == PAGE) {
                struct page page;

                TRY(charging->token_verdicts(BB_NONE, after, PAGE, &tokens, &count));
                page_init(&page, count);
                for (size_t i = 0; i < count; i++)
                        page_add(&page, owner->options->local_list, &tokens[i]);
                page.is_stretch = 1;
                page.after = after;
                if (count > 0)
                        after = tokens[count - 1].uid;
                page.last = count == PAGE ? after : BB_NONE;
                TRY(page_write(&page, &changed));
        }
        TRY(bb_db_query(NULL, "update ocpp16.list_head set policy = $1, reconciled_at = now()",
                        BB_INT(owner->options->local_list)));
        bb_log(BB_INFO, "ocpp.list_reconciled", NULL, bb_kv_int("changed", changed));
        lists_tell(owner, BB_NONE);
        return BB_OK;
}

BB_AWAIT bb_err list_reconcile_ask(struct ocpp_tenant *owner)
{
        bb_rows *rows;
        struct bb_stmt event = bb_event_stmt("ocpp16.list_reconcile", owner->id, BB_STR("{}"));

        TRY(bb_db_query(NULL, "insert into ocpp16.list_head (policy) values ($1) on conflict do nothing",
                        BB_INT(owner->options->local_list)));
        TRY(bb_db_query(&rows,
                        "select 1 from ocpp16.list_head where policy = $1"
                        " and reconciled_at > now() - make_interval(secs => $2::bigint)",
                        BB_INT(owner->options->local_list), BB_INT(RECONCILE_EVERY_S)));
        return bb_rows_count(rows) > 0 ? BB_OK : bb_db_run(&event, 1, NULL);
}

BB_AWAIT bb_err list_prune(void)
{
        return bb_db_query(NULL,
                           "with gone as (delete from ocpp16.list_token where removed"
                           "  and changed_at < now() - make_interval(days => $1::int) returning revision)"
                           " update ocpp16.list_head set floor = greatest(floor, (select max(revision) from gone))",
                           BB_INT(REMOVED_DAYS));
}
