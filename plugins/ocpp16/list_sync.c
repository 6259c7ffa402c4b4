/* SPDX-License-Identifier: Apache-2.0
 *
 * Brings the list of one station in step (OCPP 1.6 §3.5.2, §5.10, §5.15). Entries go in the order of their revisions,
 * and each message is given the revision of its last entry as listVersion. So whatever point an interrupted transfer
 * came to, a version that the station has from us says what it lacks. What is about to be sent is written down before,
 * what was accepted after: after a crash between the two the station is asked.
 */
#include "capability.h"
#include "commands.h"
#include "local_list.h"
#include "ocpp16.h"
#include "shapes.h"

enum {
        DEFAULT_SEND_MAX = 250, /* entries in a message, when the station does not say */
        SEND_MAX = 1000,        /* whatever it says */
        RETRY_FIRST_MS = 60000,
        RETRY_LAST_MS = 6 * 3600 * 1000,
        UPDATE_DIFFERENTIAL = 0,
        UPDATE_FULL = 1,
        NONE = -1,
};
enum { ANSWER_ACCEPTED = 0, ANSWER_FAILED = 1, ANSWER_NOT_SUPPORTED = 2, ANSWER_MISMATCH = 3 }; /* §7.47 */

struct sync {
        struct station *st;
        bb_str id;
        struct list_row row;
        struct capability can;
        int64_t revision, floor, entries;
};

BB_AWAIT bb_err list_row_get(bb_str station_id_, struct list_row *ret)
{
        bb_rows *rows;

        *ret = (struct list_row){.version = NONE, .sent_version = NONE, .told_version = NONE, .ask = 1};
        TRY(bb_db_query(&rows,
                        "select state, version, sent_version, told_version, attempts, ask, last_error, asked_at,"
                        " synced_at from ocpp16.local_list where station_id = $1",
                        BB_TEXT(station_id_)));
        if (bb_rows_count(rows) == 0)
                return BB_OK;
        *ret = (struct list_row){
                .state = bb_row_int(rows, 0, 0, 0),
                .version = bb_row_int(rows, 0, 1, NONE),
                .sent_version = bb_row_int(rows, 0, 2, NONE),
                .told_version = bb_row_int(rows, 0, 3, NONE),
                .attempts = bb_row_int(rows, 0, 4, 0),
                .ask = bb_row_int(rows, 0, 5, 1),
                .last_error = bb_row_str(rows, 0, 6),
                .asked_ms = bb_row_time(rows, 0, 7, 0),
                .synced_ms = bb_row_time(rows, 0, 8, 0),
        };
        return BB_OK;
}

#define VERSION(n) BB_INT_OR_NULL((n) != NONE, (n))

static BB_AWAIT bb_err row_save(const struct sync *s)
{
        const struct list_row *r = &s->row;

        return bb_db_query(
                NULL,
                "insert into ocpp16.local_list (station_id, state, version, sent_version, told_version, attempts, ask,"
                " last_error, asked_at, synced_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
                " on conflict (tenant_id, station_id) do update set state = excluded.state, version = excluded.version,"
                " sent_version = excluded.sent_version, told_version = excluded.told_version,"
                " attempts = excluded.attempts, ask = excluded.ask, last_error = excluded.last_error,"
                " asked_at = excluded.asked_at, synced_at = excluded.synced_at, updated_at = now()",
                BB_TEXT(s->id), BB_INT(r->state), VERSION(r->version), VERSION(r->sent_version),
                VERSION(r->told_version), BB_INT(r->attempts), BB_BOOL(r->ask != 0), BB_TEXT(r->last_error),
                BB_TIME_OR_NULL(r->asked_ms != 0, r->asked_ms), BB_TIME_OR_NULL(r->synced_ms != 0, r->synced_ms));
}

BB_AWAIT bb_err list_suspect(bb_str station_id_)
{
        return bb_db_query(NULL,
                           "insert into ocpp16.local_list as l (station_id) values ($1)"
                           " on conflict (tenant_id, station_id) do update set ask = true, attempts = 0,"
                           " state = 0, last_error = null, updated_at = now()",
                           BB_TEXT(station_id_));
}

/* --- what becomes of a try --- */

static BB_AWAIT bb_err unsupported(struct sync *s, bb_str why)
{
        s->row.state = STATE_UNSUPPORTED;
        s->row.last_error = why;
        s->row.attempts = 0;
        s->row.version = s->row.sent_version = NONE;
        s->row.ask = 0;
        s->row.asked_ms = bb_now_ms();
        return row_save(s);
}

static BB_AWAIT bb_err failed(struct sync *s, bb_str why, struct list_result *ret)
{
        int64_t wait = RETRY_FIRST_MS;

        for (int64_t i = 0; i < s->row.attempts && wait < RETRY_LAST_MS; i++)
                wait *= 2;
        ret->again_ms = wait < RETRY_LAST_MS ? wait : RETRY_LAST_MS;
        s->row.state = STATE_FAILED;
        s->row.last_error = why;
        s->row.attempts++;
        bb_log(BB_WARN, "ocpp.local_list", "a station's local list could not be brought in step",
               bb_kv_str("station", s->id), bb_kv_str("why", why));
        return row_save(s);
}

/* A command that got no proper answer. An error of the database comes back as it is. */
static BB_AWAIT bb_err no_answer(struct sync *s, const struct bb_command_result *r, struct list_result *ret)
{
        if (r->outcome == BB_COMMAND_OFFLINE)
                return BB_OK; /* its next connection begins anew */
        s->row.ask = 1;
        if (r->outcome == BB_COMMAND_REFUSED &&
            (bb_str_is(r->error_code, "NotSupported") || bb_str_is(r->error_code, "NotImplemented")))
                return unsupported(s, bb_print("The station answered %.*s.", BB_FMT(r->error_code)));
        if (r->outcome == BB_COMMAND_REFUSED)
                return failed(s,
                              bb_print("The station answered %.*s: %.*s", BB_FMT(r->error_code), BB_FMT(r->error_text)),
                              ret);
        return failed(s,
                      r->outcome == BB_COMMAND_TIMEOUT ? BB_STR("The station did not answer.")
                                                       : BB_STR("Too many commands wait for the station."),
                      ret);
}

static BB_AWAIT bb_err call(struct sync *s, const char *action, const void *message, struct bb_command_result *result)
{
        const struct command *command = command_find(bb_cstr(action));
        const struct bb_command order = {.size = sizeof(order), .priority = BB_PRIORITY_BULK};

        *result = (struct bb_command_result){.size = sizeof(*result), .outcome = BB_COMMAND_OFFLINE};
        return command_run(s->st, command, bb_shape_encode_text(command->request, message), &order, result);
}

/* --- which version has it? --- */

/* 1: the question is settled. 0: the try ends here. */
static BB_AWAIT bb_err version_ask(struct sync *s, struct list_result *ret, int32_t *ret_known)
{
        struct empty nothing = {.present = 0};
        struct get_local_list_version_conf conf;
        struct bb_command_result result;
        struct bb_fault fault;

        *ret_known = 0;
        TRY(call(s, "GetLocalListVersion", &nothing, &result));
        if (result.outcome != BB_COMMAND_ANSWERED)
                return no_answer(s, &result, ret);
        TRY(bb_shape_decode(&GetLocalListVersionAnswer, result.answer, &conf, &fault));
        s->row.told_version = conf.list_version >= 0 ? conf.list_version : NONE;
        if (conf.list_version < 0) /* §5.10 */
                return unsupported(s, BB_STR("The station has no local authorization list (version -1)."));
        if (conf.list_version == 0)
                s->row.version = NONE;
        else if (conf.list_version == s->row.sent_version)
                s->row.version = s->row.sent_version; /* its answer was lost */
        else if (conf.list_version != s->row.version)
                s->row.version = NONE;
        s->row.sent_version = NONE;
        s->row.ask = 0;
        s->row.asked_ms = bb_now_ms();
        *ret_known = 1;
        return row_save(s);
}

/* --- sending --- */

static void entry_fill(const bb_rows *rows, size_t i, struct local_list_entry *ret)
{
        struct id_tag_info *info = BB_NEW(struct id_tag_info);
        bb_str parent = bb_row_str(rows, i, 3);
        int64_t expires = bb_row_time(rows, i, 4, 0);

        *ret = (struct local_list_entry){.present = 1, .id_tag = bb_row_str(rows, i, 0)};
        if (bb_row_int(rows, i, 1, 0)) /* removed: an entry without idTagInfo (§7.1) */
                return;
        info->status = BB_AUTH_ACCEPTED;
        if (bb_row_int(rows, i, 2, 0))
                info->status = BB_AUTH_BLOCKED;
        else if (expires != 0 && expires <= bb_now_ms())
                info->status = BB_AUTH_EXPIRED;
        info->present = 1u << ID_TAG_INFO_STATUS;
        if (expires != 0) {
                info->expiry_date = expires;
                info->present |= 1u << ID_TAG_INFO_EXPIRY_DATE;
        }
        if (parent.len > 0) {
                info->parent_id_tag = parent;
                info->present |= 1u << ID_TAG_INFO_PARENT;
        }
        ret->id_tag_info = info;
        ret->present |= 2;
}

static int64_t send_max(const struct sync *s)
{
        int64_t max = s->can.list_send_max;

        if (max <= 0)
                max = DEFAULT_SEND_MAX;
        return max < SEND_MAX ? max : SEND_MAX;
}

/* The entries of the next message, after those up to `above`. */
static BB_AWAIT bb_err chunk_read(const struct sync *s, int64_t above, int32_t full, struct send_local_list_req *ret)
{
        size_t most = (size_t)send_max(s), count;
        struct local_list_entry *entries;
        bb_rows *rows;

        TRY(bb_db_query(&rows,
                        "select uid, removed, blocked, parent_uid, expires_at, revision from ocpp16.list_token"
                        " where revision > $1 and revision <= $2 and not (removed and $3::boolean)"
                        " order by revision limit $4",
                        BB_INT(above), BB_INT(s->revision), BB_BOOL(full), BB_INT((int64_t)most + 1)));
        count = bb_rows_count(rows) < most ? bb_rows_count(rows) : most;
        entries = BB_NEW_ARRAY(struct local_list_entry, count + 1);
        for (size_t i = 0; i < count; i++)
                entry_fill(rows, i, &entries[i]);
        *ret = (struct send_local_list_req){
                .present = 7,
                .list_version = bb_rows_count(rows) > most ? bb_row_int(rows, most - 1, 5, 0) : s->revision,
                .entries = {.items = entries, .count = count},
        };
        return BB_OK;
}

/* Sends one message. *ret_answer: ANSWER_…; NONE: there was none that counts, and the try ends here. */
static BB_AWAIT bb_err chunk_send(struct sync *s, const struct send_local_list_req *m, struct list_result *ret,
                                  int64_t *ret_answer)
{
        struct bb_command_result result;
        struct answer_status status;
        struct bb_fault fault;

        *ret_answer = NONE;
        /* A foreign list may have by chance the number that ours is about to get: then its number would say nothing. */
        s->row.sent_version = m->list_version != s->row.told_version ? m->list_version : NONE;
        if (m->update_type == UPDATE_FULL)
                s->row.version = NONE;
        s->row.ask = 1;
        TRY(row_save(s));
        TRY(call(s, "SendLocalList", m, &result));
        if (result.outcome != BB_COMMAND_ANSWERED)
                return no_answer(s, &result, ret);
        TRY(bb_shape_decode(&SendLocalListAnswer, result.answer, &status, &fault));
        *ret_answer = status.status;
        s->row.ask = 0;
        s->row.sent_version = NONE;
        s->row.version = status.status == ANSWER_ACCEPTED ? m->list_version : NONE;
        if (status.status == ANSWER_ACCEPTED)
                s->row.told_version = m->list_version;
        return row_save(s);
}

/* Everything that the station lacks. *ret_answer: of the message with which it ended. */
static BB_AWAIT bb_err list_send(struct sync *s, struct list_result *ret, int64_t *ret_answer)
{
        int32_t full = s->row.version == NONE || s->row.version > s->revision || s->row.version < s->floor;
        int64_t above = full ? 0 : s->row.version;
        struct send_local_list_req m;
        int32_t first = 1;

        *ret_answer = ANSWER_ACCEPTED;
        while (*ret_answer == ANSWER_ACCEPTED && (first || above < s->revision)) {
                TRY(chunk_read(s, above, full, &m));
                m.update_type = full && first ? UPDATE_FULL : UPDATE_DIFFERENTIAL;
                TRY(chunk_send(s, &m, ret, ret_answer));
                above = m.list_version;
                first = 0;
        }
        return BB_OK;
}

static BB_AWAIT bb_err in_step(struct sync *s, struct list_result *ret)
{
        ret->revision = s->revision;
        if (s->row.state == STATE_FINE && s->row.last_error.ptr == NULL && s->row.attempts == 0 &&
            s->row.synced_ms >= s->row.asked_ms && s->row.synced_ms != 0)
                return BB_OK;
        s->row.state = STATE_FINE;
        s->row.last_error = BB_NONE;
        s->row.attempts = 0;
        s->row.synced_ms = bb_now_ms();
        return row_save(s);
}

/* §5.15: what a station cannot merge is sent whole, once. */
static BB_AWAIT bb_err bring_in_step(struct sync *s, struct list_result *ret)
{
        static const char *const names[] = {"Accepted", "Failed", "NotSupported", "VersionMismatch"};
        int64_t answer = ANSWER_ACCEPTED;

        for (int i = 0; i < 2; i++) {
                int32_t was_full = s->row.version == NONE;

                if (s->row.version == s->revision)
                        return in_step(s, ret);
                s->row.synced_ms = 0;
                TRY(list_send(s, ret, &answer));
                if (answer == NONE)
                        return BB_OK;
                if (answer == ANSWER_NOT_SUPPORTED)
                        return unsupported(s, BB_STR("The station answered NotSupported."));
                if (answer == ANSWER_ACCEPTED)
                        return in_step(s, ret);
                if (was_full)
                        break;
        }
        return failed(s, bb_print("The station answered %s.", names[answer]), ret);
}

static BB_AWAIT bb_err head_read(struct sync *s)
{
        bb_rows *rows;

        TRY(bb_db_query(&rows, "select h.revision, h.floor, (select count(*) from ocpp16.list_token t"
                               " where not t.removed) from ocpp16.list_head h"));
        s->revision = bb_row_int(rows, 0, 0, 0);
        s->floor = bb_row_int(rows, 0, 1, 0);
        s->entries = bb_row_int(rows, 0, 2, 0);
        return bb_rows_count(rows) > 0 ? BB_OK : BB_E_NOT_FOUND;
}

BB_AWAIT bb_err list_sync(struct station *st, struct list_result *ret)
{
        struct sync s = {.st = st, .id = bb_str_dup(station_id(st))};
        struct bb_station known = {.present = 0};
        int32_t told = 1;

        *ret = (struct list_result){.revision = 0};
        TRY(charging->station_get(s.id, &known));
        TRY(list_row_get(s.id, &s.row));
        if (known.boot_ms > s.row.asked_ms)
                s.row.ask = 1;
        if (s.row.state == STATE_UNSUPPORTED && !s.row.ask)
                return BB_OK;
        TRY(capability_get(st->owner, s.id, known.boot_ms, &s.can));
        if (s.can.list_enabled == 0)
                return unsupported(&s, BB_STR("The station's LocalAuthListEnabled is false."));
        if (s.row.ask || s.row.version == NONE)
                TRY(version_ask(&s, ret, &told));
        if (!told)
                return BB_OK;
        TRY(head_read(&s));
        if (s.can.list_max > 0 && s.entries > s.can.list_max)
                return failed(&s,
                              bb_print("The list has %lld entries; the station's LocalAuthListMaxLength is %lld.",
                                       (long long)s.entries, (long long)s.can.list_max),
                              ret);
        return bring_in_step(&s, ret);
}
