/* SPDX-License-Identifier: Apache-2.0
 *
 * What an operator must be able to see and to repeat: the audit log, reports set aside, events that nobody could
 * handle.
 */
#include "admin.h"

struct audit_view {
        uint64_t present;
        int64_t at_ms;
        bb_str actor, action, object;
        bb_json *details;
};
#define AT(member) .offset = offsetof(struct audit_view, member)
static const struct bb_field audit_fields[] = {
        {.name = "at", .type = BB_T_TIME, .flags = BB_REQUIRED, AT(at_ms)},
        {.name = "actor", .type = BB_T_STR, .flags = BB_REQUIRED, AT(actor)},
        {.name = "action", .type = BB_T_STR, .flags = BB_REQUIRED, AT(action)},
        {.name = "object", .type = BB_T_STR, .flags = BB_REQUIRED, AT(object)},
        {.name = "details", .type = BB_T_JSON, AT(details)},
};
BB_SHAPE(AuditEntry, audit_view, 0, "Who changed what, and when.", audit_fields);
#undef AT

struct review_view {
        uint64_t present;
        bb_str id, station_id, kind, reason;
        bb_json *report;
        int64_t transaction_id, first_ms, last_ms, count;
        int32_t state;
        bb_str session_id, settled_by, settled_note;
        int64_t settled_ms;
};
const char *const review_states[] = {"open", "settled", "dismissed", NULL};
#define AT(member) .offset = offsetof(struct review_view, member)
static const struct bb_field review_fields[] = {
        {.name = "id", .type = BB_T_STR, .flags = BB_REQUIRED, AT(id)},
        {.name = "station_id", .type = BB_T_STR, .flags = BB_REQUIRED, AT(station_id)},
        {.name = "kind", .type = BB_T_STR, .flags = BB_REQUIRED, AT(kind)},
        {.name = "reason", .type = BB_T_STR, .flags = BB_REQUIRED, AT(reason)},
        {.name = "transaction_id", .type = BB_T_INT, .flags = BB_REQUIRED, AT(transaction_id)},
        {.name = "report", .type = BB_T_JSON, AT(report), .about = "What the station said."},
        {.name = "first_at", .type = BB_T_TIME, .flags = BB_REQUIRED, AT(first_ms)},
        {.name = "last_at", .type = BB_T_TIME, .flags = BB_REQUIRED, AT(last_ms)},
        {.name = "count", .type = BB_T_INT, .flags = BB_REQUIRED, AT(count), .about = "How often the station said it."},
        {.name = "state", .type = BB_T_ENUM, .flags = BB_REQUIRED, AT(state), .values = review_states},
        {.name = "session_id", .type = BB_T_STR, AT(session_id), .about = "That it was settled with."},
        {.name = "settled_by", .type = BB_T_STR, AT(settled_by)},
        {.name = "settled_at", .type = BB_T_TIME, AT(settled_ms)},
        {.name = "settled_note", .type = BB_T_STR, AT(settled_note), .about = "Why."},
};
BB_SHAPE(Review, review_view, 0, "A station's report that fits no session: acknowledged, kept, never billed by itself.",
         review_fields);
#undef AT

struct letter_view {
        uint64_t present;
        bb_str id, event_id, plugin, topic, key, error;
        bb_json *payload;
        int64_t attempts, created_ms, died_ms;
        int32_t replaying;
};
#define AT(member) .offset = offsetof(struct letter_view, member)
static const struct bb_field letter_fields[] = {
        {.name = "id", .type = BB_T_STR, .flags = BB_REQUIRED, AT(id)},
        {.name = "event_id", .type = BB_T_STR, .flags = BB_REQUIRED, AT(event_id)},
        {.name = "plugin", .type = BB_T_STR, .flags = BB_REQUIRED, AT(plugin), .about = "That could not handle it."},
        {.name = "topic", .type = BB_T_STR, .flags = BB_REQUIRED, AT(topic)},
        {.name = "key", .type = BB_T_STR, .flags = BB_REQUIRED, AT(key)},
        {.name = "payload", .type = BB_T_JSON, AT(payload)},
        {.name = "error", .type = BB_T_STR, AT(error)},
        {.name = "attempts", .type = BB_T_INT, .flags = BB_REQUIRED, AT(attempts)},
        {.name = "created_at", .type = BB_T_TIME, .flags = BB_REQUIRED, AT(created_ms)},
        {.name = "died_at", .type = BB_T_TIME, .flags = BB_REQUIRED, AT(died_ms)},
        {.name = "replaying", .type = BB_T_BOOL, .flags = BB_REQUIRED, AT(replaying)},
};
BB_SHAPE(DeadLetter, letter_view, 0, "An event that a plugin could not handle after the last attempt.", letter_fields);
#undef AT

/* The number of an entry counts all tenants' changes, so the cursor that holds it is sealed. */
static bb_err audit_position(bb_str cursor, int64_t *ret)
{
        bb_str clear;

        *ret = 0;
        if (cursor.ptr == NULL)
                return BB_OK;
        TRY(bb_unbase64(cursor, &clear));
        TRY(bb_unseal("audit-cursor", clear, &clear));
        for (size_t i = 0; i < clear.len; i++)
                *ret = *ret * 10 + (clear.ptr[i] - '0');
        return BB_OK;
}

/* GET /v1/audit */
BB_AWAIT bb_err audit_entries(bb_request *req, bb_response *res)
{
        struct bb_audit_entry *entries;
        struct audit_view *views;
        struct page page;
        bb_str last = BB_NONE;
        int64_t before;
        size_t count;

        TRY(page_of(req, res, &page));
        TRY(filters_filled(req, res, "object", NULL));
        if (audit_position(page.after, &before) < 0)
                return page_fault(res, &page, BB_E_INVALID);
        TRY(bb_audit_list(bb_request_query(req, "object"), before, page.limit, &entries, &count));
        views = BB_NEW_ARRAY(struct audit_view, count + 1);
        for (size_t i = 0; i < count; i++)
                views[i] = (struct audit_view){.at_ms = entries[i].at_ms,
                                               .actor = entries[i].actor,
                                               .action = entries[i].action,
                                               .object = entries[i].object,
                                               .details = json_of(entries[i].details)};
        if (count > 0) {
                TRY(bb_seal("audit-cursor", bb_print("%lld", (long long)entries[count - 1].number), &last));
                last = bb_base64(last);
        }
        page_send(res, &AuditEntry, views, count, &page, last);
        return BB_OK;
}

static struct review_view review_view_of(const struct bb_aside *a)
{
        return (struct review_view){.id = a->id,
                                    .station_id = a->station_id,
                                    .kind = a->kind,
                                    .reason = a->reason,
                                    .report = json_of(a->report),
                                    .transaction_id = a->transaction_id,
                                    .first_ms = a->first_ms,
                                    .last_ms = a->last_ms,
                                    .count = a->count,
                                    .state = a->state,
                                    .session_id = a->session_id,
                                    .settled_by = a->settled_by,
                                    .settled_ms = a->settled_ms,
                                    .settled_note = a->settled_note};
}

static int32_t review_state(bb_str name)
{
        for (int32_t i = 0; name.ptr != NULL && review_states[i] != NULL; i++) {
                if (bb_str_is(name, review_states[i]))
                        return i;
        }
        return -1;
}

/* GET /v1/reviews */
BB_AWAIT bb_err reviews_list(bb_request *req, bb_response *res)
{
        struct bb_aside *asides;
        struct review_view *views;
        struct page page;
        size_t count;

        TRY(page_of(req, res, &page));
        TRY(page_fault(res, &page,
                       charging->review_list(review_state(bb_request_query(req, "state")), page.after, page.limit,
                                             &asides, &count)));
        views = BB_NEW_ARRAY(struct review_view, count + 1);
        for (size_t i = 0; i < count; i++)
                views[i] = review_view_of(&asides[i]);
        page_send(res, &Review, views, count, &page, count > 0 ? asides[count - 1].id : BB_NONE);
        return BB_OK;
}

/* GET /v1/reviews/{id} */
BB_AWAIT bb_err review_read(bb_request *req, bb_response *res)
{
        struct bb_aside aside;
        struct review_view view;

        TRY(charging->review_get(bb_request_param(req, "id"), &aside));
        view = review_view_of(&aside);
        return object_send(req, res, &Review, &view, aside.version);
}

BB_AWAIT bb_err review_sent(bb_request *req, bb_response *res, bb_str id)
{
        struct bb_aside aside;
        struct review_view view;

        TRY(charging->review_get(id, &aside));
        view = review_view_of(&aside);
        changed_send(req, res, &Review, &view, aside.version, 0, BB_NONE);
        return BB_OK;
}

/* GET /v1/dead-letters */
BB_AWAIT bb_err dead_letters_list(bb_request *req, bb_response *res)
{
        struct bb_dead_letter *letters;
        struct letter_view *views;
        struct page page;
        size_t count;

        TRY(page_of(req, res, &page));
        TRY(page_fault(res, &page, bb_dead_letter_list(page.after, page.limit, &letters, &count)));
        views = BB_NEW_ARRAY(struct letter_view, count + 1);
        for (size_t i = 0; i < count; i++)
                views[i] = (struct letter_view){.id = letters[i].id,
                                                .event_id = letters[i].event_id,
                                                .plugin = letters[i].plugin,
                                                .topic = letters[i].topic,
                                                .key = letters[i].key,
                                                .error = letters[i].error,
                                                .payload = json_of(letters[i].payload),
                                                .attempts = letters[i].attempts,
                                                .created_ms = letters[i].created_ms,
                                                .died_ms = letters[i].died_ms,
                                                .replaying = letters[i].replaying};
        page_send(res, &DeadLetter, views, count, &page, count > 0 ? letters[count - 1].id : BB_NONE);
        return BB_OK;
}

/* POST /v1/dead-letters/{id}/replay */
BB_AWAIT bb_err dead_letter_again(bb_request *req, bb_response *res)
{
        bb_str id = bb_request_param(req, "id");
        struct bb_stmt audit = bb_audit_stmt(bb_request_actor(req), "dead_letter.replay", id, BB_NONE);

        TRY(bb_dead_letter_replay(id));
        TRY(bb_db_run(&audit, 1, NULL));
        bb_response_status(res, 202);
        return BB_OK;
}
