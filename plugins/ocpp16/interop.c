/* SPDX-License-Identifier: Apache-2.0
 *
 * Stations with something to write stand in a list of the tenant, each held by it. One task a second takes those that
 * are due, and writes them in one statement; what could not be written is noted again.
 */
#include "interop.h"
#include "ocpp16.h"
#include "shapes.h"
#include "validation.h"

#include <busbar/plugin.h>
#include <stdlib.h>

enum {
        FIRST_ENTRIES = 4,
        MOST_ENTRIES = 256, /* rules × actions and codes × actions stay below; a bound all the same */
        EXAMPLE_BYTES = 160,
        WRITE_EVERY_MS = 60000,
        WRITE_ROWS = 512,
        KEEP_DAYS = 400,
        REPORT_ROWS = 500,
};

struct entry {
        const char *kind, *name, *action;
        int64_t count, first_ms, last_ms;
        size_t example_bytes;
        char example[EXAMPLE_BYTES];
};

/* What was noted since the last write. One block, which goes with its station. */
struct interop {
        size_t count, room;
        struct entry entries[];
};

/* --- noting --- */

static struct entry *find_entry(struct interop *of, const char *kind, const char *name, const char *action)
{
        for (size_t i = 0; of != NULL && i < of->count; i++) {
                struct entry *e = &of->entries[i];

                if (strcmp(e->kind, kind) == 0 && strcmp(e->name, name) == 0 && strcmp(e->action, action) == 0)
                        return e;
        }
        return NULL;
}

/* NULL when there is no room: then the report lacks a line, and nothing else. */
static struct entry *add_entry(struct station *st)
{
        size_t count = st->interop != NULL ? st->interop->count : 0;
        size_t room = st->interop != NULL ? st->interop->room : 0;

        if (count == room) {
                size_t more = room > 0 ? room * 2 : FIRST_ENTRIES;
                struct interop *grown;

                if (more > MOST_ENTRIES)
                        return NULL;
                grown = realloc(st->interop, sizeof(*grown) + more * sizeof(struct entry));
                if (grown == NULL)
                        return NULL;
                grown->count = count;
                grown->room = more;
                st->interop = grown;
        }
        return &st->interop->entries[st->interop->count++];
}

static void queue(struct station *st)
{
        if (st->interop_queued)
                return;
        st->interop_queued = 1;
        st->interop_next = st->owner->interop_first;
        st->owner->interop_first = station_hold(st);
}

static size_t clipped(bb_str s, size_t most)
{
        size_t len = s.len < most ? s.len : most;

        while (len > 0 && len < s.len && ((unsigned char)s.ptr[len] & 0xc0) == 0x80)
                len--;
        return len;
}

static void merge(struct station *st, const struct entry *more)
{
        struct entry *e = find_entry(st->interop, more->kind, more->name, more->action);

        if (e != NULL) {
                e->count += more->count;
                if (more->first_ms < e->first_ms)
                        e->first_ms = more->first_ms;
                return;
        }
        e = add_entry(st);
        if (e != NULL)
                *e = *more;
        queue(st);
}

void interop_note(struct station *st, const char *kind, const char *name, const char *action, int64_t count,
                  bb_str example)
{
        struct entry *e = find_entry(st->interop, kind, name, action);
        int64_t now = bb_now_ms();

        if (e != NULL) {
                e->count += count;
                e->last_ms = now;
                return;
        }
        e = add_entry(st);
        if (e == NULL)
                return;
        *e = (struct entry){
                .kind = kind, .name = name, .action = action, .count = count, .first_ms = now, .last_ms = now};
        e->example_bytes = clipped(example, EXAMPLE_BYTES);
        if (e->example_bytes > 0)
                memcpy(e->example, example.ptr, e->example_bytes);
        queue(st);
}

/* --- writing --- */

/* The columns of many entries, in the task's memory. */
struct rows {
        size_t count;
        bb_str *station, *kind, *rule, *action, *example;
        int64_t *n, *first, *last;
};

static void rows_init(struct rows *r)
{
        *r = (struct rows){.station = BB_NEW_ARRAY(bb_str, WRITE_ROWS),
                           .kind = BB_NEW_ARRAY(bb_str, WRITE_ROWS),
                           .rule = BB_NEW_ARRAY(bb_str, WRITE_ROWS),
                           .action = BB_NEW_ARRAY(bb_str, WRITE_ROWS),
                           .example = BB_NEW_ARRAY(bb_str, WRITE_ROWS),
                           .n = BB_NEW_ARRAY(int64_t, WRITE_ROWS),
                           .first = BB_NEW_ARRAY(int64_t, WRITE_ROWS),
                           .last = BB_NEW_ARRAY(int64_t, WRITE_ROWS)};
}

static void rows_add(struct rows *r, const struct station *st, const struct interop *of)
{
        for (size_t i = 0; i < of->count; i++) {
                const struct entry *e = &of->entries[i];
                size_t at = r->count++;

                r->station[at] = station_id(st);
                r->kind[at] = bb_cstr(e->kind);
                r->rule[at] = bb_cstr(e->name);
                r->action[at] = bb_cstr(e->action);
                r->example[at] = (bb_str){.ptr = e->example, .len = e->example_bytes};
                r->n[at] = e->count;
                r->first[at] = e->first_ms;
                r->last[at] = e->last_ms;
        }
}

/* In the order of the key, so that two nodes never wait for each other. One station may be here twice: its old and its
 * new connection. */
static BB_AWAIT bb_err rows_write(const struct rows *r)
{
        return bb_db_query(
                NULL,
                "insert into ocpp16.interop as i (station_id, kind, rule, action, count, first_at, last_at, example)"
                " select s, k, r, a, sum(n)::bigint, min(f), max(l), max(e) from unnest($1::text[], $2::text[],"
                " $3::text[], $4::text[], $5::bigint[], $6::timestamptz[], $7::timestamptz[], $8::text[])"
                " as t (s, k, r, a, n, f, l, e) group by s, k, r, a order by s, k, r, a"
                " on conflict (tenant_id, station_id, kind, rule, action) do update set"
                " count = i.count + excluded.count, first_at = least(i.first_at, excluded.first_at),"
                " last_at = greatest(i.last_at, excluded.last_at), example = excluded.example",
                BB_TEXT_ARRAY(r->station, r->count), BB_TEXT_ARRAY(r->kind, r->count), BB_TEXT_ARRAY(r->rule, r->count),
                BB_TEXT_ARRAY(r->action, r->count), BB_INT_ARRAY(r->n, r->count), BB_TIME_ARRAY(r->first, r->count),
                BB_TIME_ARRAY(r->last, r->count), BB_TEXT_ARRAY(r->example, r->count));
}

/* A station on its way to the table, with what is to be written. */
struct taken {
        struct station *st;
        struct interop *notes;
};

static void put_back(struct taken *t)
{
        for (size_t i = 0; i < t->notes->count; i++)
                merge(t->st, &t->notes->entries[i]);
}

static BB_AWAIT bb_err write_taken(struct taken *taken, size_t count)
{
        struct rows rows;
        bb_err err;

        rows_init(&rows);
        for (size_t i = 0; i < count; i++)
                rows_add(&rows, taken[i].st, taken[i].notes);
        err = rows_write(&rows);
        if (err < 0 && err != BB_E_CANCELED && !storm_is_outage(err))
                bb_log(BB_WARN, "ocpp.interop", "interop reports could not be stored", bb_kv_err(err));
        for (size_t i = 0; i < count; i++) {
                if (storm_is_outage(err) || err == BB_E_CANCELED) /* anything else would fail the next time, too */
                        put_back(&taken[i]);
                free(taken[i].notes);
                station_drop(taken[i].st);
        }
        return err;
}

static int32_t is_due(const struct station *st, int64_t now)
{
        return st->ws == NULL || st->interop_mono_ms == 0 || now - st->interop_mono_ms >= WRITE_EVERY_MS;
}

/* Takes stations out of the list, up to the rows that one statement writes. */
static size_t take_due(struct ocpp_tenant *owner, int32_t all, struct taken *ret)
{
        struct station **at = &owner->interop_first;
        int64_t now = bb_mono_ms();
        size_t count = 0, rows = 0;

        while (*at != NULL) {
                struct station *st = *at;

                if (!all && !is_due(st, now)) {
                        at = &st->interop_next;
                        continue;
                }
                if (st->interop != NULL && rows + st->interop->count > WRITE_ROWS)
                        break;
                *at = st->interop_next;
                st->interop_queued = 0;
                if (st->interop == NULL) { /* a report was asked for in between */
                        station_drop(st);
                        continue;
                }
                rows += st->interop->count;
                ret[count++] = (struct taken){.st = st, .notes = st->interop};
                st->interop = NULL;
                st->interop_mono_ms = now;
        }
        return count;
}

static BB_AWAIT bb_err flush(struct ocpp_tenant *owner, int32_t all)
{
        struct taken *taken;
        size_t count;

        if (owner->interop_first == NULL)
                return BB_OK;
        taken = BB_NEW_ARRAY(struct taken, WRITE_ROWS);
        for (;;) {
                count = take_due(owner, all, taken);
                if (count == 0)
                        return BB_OK;
                TRY(write_taken(taken, count));
        }
}

static BB_AWAIT void prune(struct ocpp_tenant *owner)
{
        enum { DAY_MS = 86400000 };
        int64_t now = bb_mono_ms();

        if (owner->interop_pruned_ms != 0 && now - owner->interop_pruned_ms < DAY_MS)
                return;
        if (bb_db_query(NULL, "delete from ocpp16.interop where last_at < now() - make_interval(days => $1::int)",
                        BB_INT(KEEP_DAYS)) == BB_OK)
                owner->interop_pruned_ms = now;
}

BB_AWAIT void interop_tick(void *arg)
{
        struct ocpp_tenant *owner = arg;

        if (owner->interop_busy || bb_db_away_ms() > 0)
                return;
        owner->interop_busy = 1;
        if (flush(owner, 0) == BB_OK)
                prune(owner);
        owner->interop_busy = 0;
}

BB_AWAIT void interop_end(struct ocpp_tenant *owner)
{
        if (owner->interop_first != NULL && (bb_db_away_ms() > 0 || flush(owner, 1) < 0))
                bb_log(BB_WARN, "ocpp.interop", "the latest lines of interop reports are lost");
        while (owner->interop_first != NULL) {
                struct station *st = owner->interop_first;

                owner->interop_first = st->interop_next;
                station_drop(st);
        }
}

/* --- reading --- */

struct line {
        uint64_t present;
        bb_str rule, about, action, example;
        int64_t count, first_ms, last_ms;
};
struct report {
        uint64_t present;
        bb_str station_id, vendor, model, firmware_version;
        int32_t level;
        int32_t reserved;
        struct bb_array repairs, faults; /* of struct line */
};

static const struct bb_field line_fields[] = {
        FIELD(line, rule, "rule", BB_T_STR, .flags = BB_REQUIRED,
              .about = "Name of the repair, or code of the CALLERROR."),
        FIELD(line, about, "about", BB_T_STR, .about = "What the repair does."),
        FIELD(line, action, "action", BB_T_STR, .flags = BB_REQUIRED, .about = "In which message."),
        FIELD(line, count, "count", BB_T_INT, .flags = BB_REQUIRED),
        FIELD(line, first_ms, "first_at", BB_T_TIME, .flags = BB_REQUIRED),
        FIELD(line, last_ms, "last_at", BB_T_TIME, .flags = BB_REQUIRED),
        FIELD(line, example, "example", BB_T_STR, .flags = BB_REQUIRED, .about = "A recent one, masked."),
};
static BB_SHAPE(InteropLine, line, 0, "One kind of deviation from OCPP 1.6.", line_fields);

static const struct bb_field report_fields[] = {
        FIELD(report, station_id, "station_id", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(report, vendor, "vendor", BB_T_STR),
        FIELD(report, model, "model", BB_T_STR),
        FIELD(report, firmware_version, "firmware_version", BB_T_STR),
        ENUM_FIELD(report, level, "level", level_names, .flags = BB_REQUIRED, .about = "The validation in force."),
        FIELD(report, repairs, "repairs", BB_T_ARRAY, .flags = BB_REQUIRED, .shape = &InteropLine,
              .about = "What had to be mended, most frequent first."),
        FIELD(report, faults, "faults", BB_T_ARRAY, .flags = BB_REQUIRED, .shape = &InteropLine,
              .about = "What was refused, most frequent first."),
};
BB_SHAPE(InteropReport, report, 0, "How well a station keeps to OCPP 1.6.", report_fields);

/* What this node has not written yet belongs to the report. */
static BB_AWAIT void write_one(struct ocpp_tenant *owner, bb_str id)
{
        struct station *st = table_find(&owner->stations, id);
        struct taken taken;

        if (st == NULL || st->interop == NULL)
                return;
        taken = (struct taken){.st = station_hold(st), .notes = st->interop};
        st->interop = NULL;
        (void)write_taken(&taken, 1); /* has logged what failed; the report is that of the table then */
}

static void fill_lines(const bb_rows *rows, const char *kind, struct bb_array *ret)
{
        size_t all = bb_rows_count(rows);
        struct line *lines = BB_NEW_ARRAY(struct line, all + 1);
        size_t count = 0;

        for (size_t i = 0; i < all; i++) {
                bb_str rule = bb_row_str(rows, i, 1);
                const char *about = repair_rule_about(rule);

                if (!bb_str_is(bb_row_str(rows, i, 0), kind))
                        continue;
                lines[count++] = (struct line){.rule = rule,
                                               .about = about[0] != '\0' ? bb_cstr(about) : BB_NONE,
                                               .action = bb_row_str(rows, i, 2),
                                               .count = bb_row_int(rows, i, 3, 0),
                                               .first_ms = bb_row_time(rows, i, 4, 0),
                                               .last_ms = bb_row_time(rows, i, 5, 0),
                                               .example = bb_row_str(rows, i, 6)};
        }
        *ret = (struct bb_array){.items = lines, .count = count};
}

BB_AWAIT bb_err interop_read(bb_request *req, bb_response *res)
{
        struct ocpp_tenant *owner = bb_request_state(req);
        bb_str id = bb_request_param(req, "id");
        struct bb_station st = {.present = 0};
        struct report report = {.station_id = id};
        bb_rows *rows;

        if (owner == NULL)
                return BB_E_NOT_FOUND;
        TRY(charging->station_get(id, &st));
        write_one(owner, id);
        TRY(bb_db_query(&rows,
                        "select kind, rule, action, count, first_at, last_at, example from ocpp16.interop"
                        " where station_id = $1 order by count desc, rule, action limit $2",
                        BB_TEXT(id), BB_INT(REPORT_ROWS)));
        report.vendor = st.vendor;
        report.model = st.model;
        report.firmware_version = st.firmware_version;
        report.level = validation_at(owner->options, validation_match(owner->options, st.vendor, st.model)).level;
        fill_lines(rows, INTEROP_REPAIR, &report.repairs);
        fill_lines(rows, INTEROP_FAULT, &report.faults);
        bb_response_shape(res, &InteropReport, &report);
        return BB_OK;
}
