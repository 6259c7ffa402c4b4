/* SPDX-License-Identifier: Apache-2.0
 *
 * Meter samples. Those of many stations share a commit (bb_batch); each report is acknowledged when it is stored. The
 * same sample again meets its own key and changes nothing. The session's running energy and power are brought up to
 * date in the same transaction.
 */
#include "domain.h"
#include <stdlib.h>

#define ITEMS_MAX 256 /* reports in one commit */

void sample_item_init(struct sample_item *item, const struct bb_station_ref *who, bb_str session_id,
                      int64_t connector_id, const struct bb_sample *samples, size_t count)
{
        struct bb_sample *stored = BB_NEW_ARRAY(struct bb_sample, count + 1);

        for (size_t i = 0; i < count; i++) {
                stored[i] = (struct bb_sample){
                        .at_ms = time_clamp(samples[i].at_ms),
                        .measurand = empty_if_none(report_text(samples[i].measurand, 64)),
                        .phase = empty_if_none(report_text(samples[i].phase, 16)),
                        .location = empty_if_none(report_text(samples[i].location, 32)),
                        .context = empty_if_none(report_text(samples[i].context, 64)),
                        .unit = empty_if_none(report_text(samples[i].unit, 32)),
                        .format = empty_if_none(report_text(samples[i].format, 32)),
                        .value = empty_if_none(report_text(samples[i].value, VALUE_BYTES_MAX)),
                };
        }
        *item = (struct sample_item){.who = *who,
                                     .session_id = session_id,
                                     .connector_id = connector_id,
                                     .received_ms = bb_now_ms(),
                                     .samples = stored,
                                     .count = count};
        reading_take(stored, count, &item->reading);
}

static char *put_text(char *at, bb_str s)
{
        if (s.len > 0)
                memcpy(at, s.ptr, s.len);
        at[s.len] = '\0'; /* parts the fields: none of them holds one */
        return at + s.len + 1;
}

bb_str as_uuid(const uint8_t b[16])
{
        return bb_print("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3],
                        b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

/* The sample's full key but for session and time, which are columns of their own. */
static bb_str sample_digest(const struct sample_item *item, const struct bb_sample *s)
{
        const bb_str parts[] = {item->who.station_id,
                                bb_print("%lld", (long long)item->connector_id),
                                s->measurand,
                                s->phase,
                                s->location,
                                s->context,
                                s->unit,
                                s->format,
                                s->value};
        size_t room = 0;
        uint8_t digest[32];
        char *text, *at;

        for (size_t i = 0; i < BB_COUNT(parts); i++)
                room += parts[i].len + 1;
        text = at = bb_alloc(room);
        for (size_t i = 0; i < BB_COUNT(parts); i++)
                at = put_text(at, parts[i]);
        bb_sha256((bb_str){.ptr = text, .len = room}, digest);
        return as_uuid(digest);
}

/* The sessions of some items, each once and in order, with what their samples say together. */
struct touched {
        bb_str *ids;
        int64_t *register_wh, *register_ms, *power_w, *power_ms, *soc_percent, *soc_ms, *last_ms;
        size_t count;
};

static int by_session(const void *a, const void *b)
{
        const struct sample_item *const *x = a, *const *y = b;

        return memcmp((*x)->session_id.ptr, (*y)->session_id.ptr, NIL_UUID.len);
}

static void touched_add(struct touched *t, const struct sample_item *item, const struct reading *r)
{
        size_t i = t->count++;

        t->ids[i] = item->session_id;
        t->register_wh[i] = r->register_wh;
        t->register_ms[i] = time_clamp(r->register_ms);
        t->power_w[i] = r->power_w;
        t->power_ms[i] = time_clamp(r->power_ms);
        t->soc_percent[i] = r->soc_percent;
        t->soc_ms[i] = time_clamp(r->soc_ms);
        t->last_ms[i] = time_clamp(r->last_ms);
}

static struct touched touched_of(struct sample_item *const *items, size_t count)
{
        const struct sample_item **sorted = BB_NEW_ARRAY(const struct sample_item *, count + 1);
        int64_t *numbers = BB_NEW_ARRAY(int64_t, 7 * (count + 1));
        struct touched t = {.ids = BB_NEW_ARRAY(bb_str, count + 1)};

        t.register_wh = numbers;
        t.register_ms = t.register_wh + count;
        t.power_w = t.register_ms + count;
        t.power_ms = t.power_w + count;
        t.soc_percent = t.power_ms + count;
        t.soc_ms = t.soc_percent + count;
        t.last_ms = t.soc_ms + count;
        memcpy(sorted, items, count * sizeof(*sorted));
        qsort(sorted, count, sizeof(*sorted), by_session);
        for (size_t i = 0, next; i < count; i = next) {
                struct reading all = sorted[i]->reading;

                for (next = i + 1; next < count && by_session(&sorted[i], &sorted[next]) == 0; next++)
                        reading_merge(&all, &sorted[next]->reading);
                if (!bb_str_eq(sorted[i]->session_id, NIL_UUID))
                        touched_add(&t, sorted[i], &all);
        }
        return t;
}

enum { P_STATION, P_EPOCH, P_SESSION, P_CONNECTOR, P_RECEIVED, P_ITEM_COLUMNS };
enum {
        P_N = P_ITEM_COLUMNS,
        P_AT,
        P_DIGEST,
        P_MEASURAND,
        P_PHASE,
        P_LOCATION,
        P_CONTEXT,
        P_UNIT,
        P_FORMAT,
        P_VALUE,
        P_SAMPLE_END
};
enum { P_TOUCHED = P_SAMPLE_END, P_COUNT = P_TOUCHED + 8 };

static void item_params(struct sample_item *const *items, size_t count, struct bb_param *p)
{
        bb_str *stations = BB_NEW_ARRAY(bb_str, count + 1), *sessions = BB_NEW_ARRAY(bb_str, count + 1);
        int64_t *epochs = BB_NEW_ARRAY(int64_t, count + 1), *connectors = BB_NEW_ARRAY(int64_t, count + 1);
        int64_t *received = BB_NEW_ARRAY(int64_t, count + 1);

        for (size_t i = 0; i < count; i++) {
                stations[i] = items[i]->who.station_id;
                epochs[i] = items[i]->who.epoch;
                sessions[i] = items[i]->session_id;
                connectors[i] = items[i]->connector_id;
                received[i] = items[i]->received_ms;
        }
        p[P_STATION] = BB_TEXT_ARRAY(stations, count);
        p[P_EPOCH] = BB_INT_ARRAY(epochs, count);
        p[P_SESSION] = BB_TEXT_ARRAY(sessions, count);
        p[P_CONNECTOR] = BB_INT_ARRAY(connectors, count);
        p[P_RECEIVED] = BB_TIME_ARRAY(received, count);
}

static void sample_params(struct sample_item *const *items, size_t count, struct bb_param *p)
{
        size_t total = 0, k = 0;
        int64_t *n, *at;
        bb_str *texts[P_SAMPLE_END - P_DIGEST];

        for (size_t i = 0; i < count; i++)
                total += items[i]->count;
        n = BB_NEW_ARRAY(int64_t, total + 1);
        at = BB_NEW_ARRAY(int64_t, total + 1);
        for (size_t t = 0; t < BB_COUNT(texts); t++)
                texts[t] = BB_NEW_ARRAY(bb_str, total + 1);
        for (size_t i = 0; i < count; i++) {
                for (size_t j = 0; j < items[i]->count; j++, k++) {
                        const struct bb_sample *s = &items[i]->samples[j];
                        const bb_str fields[] = {sample_digest(items[i], s),
                                                 s->measurand,
                                                 s->phase,
                                                 s->location,
                                                 s->context,
                                                 s->unit,
                                                 s->format,
                                                 s->value};

                        _Static_assert(BB_COUNT(fields) == BB_COUNT(texts), "one array a column");
                        n[k] = (int64_t)i + 1;
                        at[k] = s->at_ms;
                        for (size_t t = 0; t < BB_COUNT(texts); t++)
                                texts[t][k] = fields[t];
                }
        }
        p[P_N] = BB_INT_ARRAY(n, total);
        p[P_AT] = BB_TIME_ARRAY(at, total);
        for (size_t t = 0; t < BB_COUNT(texts); t++)
                p[(size_t)P_DIGEST + t] = BB_TEXT_ARRAY(texts[t], total);
}

static void touched_params(const struct touched *t, struct bb_param *p)
{
        p[P_TOUCHED] = BB_TEXT_ARRAY(t->ids, t->count);
        p[P_TOUCHED + 1] = BB_INT_ARRAY(t->register_wh, t->count);
        p[P_TOUCHED + 2] = BB_TIME_ARRAY(t->register_ms, t->count);
        p[P_TOUCHED + 3] = BB_INT_ARRAY(t->power_w, t->count);
        p[P_TOUCHED + 4] = BB_TIME_ARRAY(t->power_ms, t->count);
        p[P_TOUCHED + 5] = BB_INT_ARRAY(t->soc_percent, t->count);
        p[P_TOUCHED + 6] = BB_TIME_ARRAY(t->soc_ms, t->count);
        p[P_TOUCHED + 7] = BB_TIME_ARRAY(t->last_ms, t->count);
}

/* READING_NONE as SQL has it. */
#define ABSENT "(-9223372036854775808)"
_Static_assert(READING_NONE == INT64_MIN, "ABSENT is READING_NONE");

/* Takes `value` when it was told, is not older than what is there, and the session runs, or was closed without its
 * stop. */
#define NEWER(column, time, value, value_time, when)                                                                   \
        column " = case when s.state in (0, 3) and t." value " <> " ABSENT " and " when " and t." value_time           \
               " >= coalesce(s." time ", t." value_time ") then "
#define OTHERWISE(column) " else s." column " end, "

/* Selects the numbers (from 1) of the items whose connection is still the station's. */
static const char store_sql[] =
        "with item as (select i.* from unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::timestamptz[])"
        "  with ordinality as i (station_id, epoch, session_id, connector_id, received_at, n)"
        "  join charging.station st on st.station_id = i.station_id and st.epoch = i.epoch),"
        " stored as (insert into charging.sample (session_id, at, digest, station_id, connector_id, received_at,"
        "  measurand, phase, location, context, unit, format, value)"
        "  select item.session_id::uuid, x.at, x.digest::uuid, item.station_id, item.connector_id, item.received_at,"
        "  x.measurand, x.phase, x.location, x.context, x.unit, x.format, x.value"
        "  from unnest($6::bigint[], $7::timestamptz[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[],"
        "  $13::text[], $14::text[], $15::text[])"
        "  as x (n, at, digest, measurand, phase, location, context, unit, format, value) join item on item.n = x.n"
        "  on conflict do nothing returning session_id),"
        " counted as (select session_id, count(*) as n from stored group by session_id),"
        " touched as (update charging.session s set " NEWER(
                "energy_wh", "energy_at", "register_wh", "register_at",
                "t.register_wh >= s.meter_start_wh") "t.register_wh - s.meter_start_wh" OTHERWISE("energy_wh")
                NEWER("energy_at", "energy_at", "register_wh", "register_at",
                      "true") "t.register_at" OTHERWISE("energy_at") NEWER("power_w", "power_at", "power_w", "power_at",
                                                                           "true") "t.power_w" OTHERWISE("power_w")
                        NEWER("power_at", "power_at", "power_w", "power_at",
                              "true") "t.power_at" OTHERWISE("power_at") NEWER("soc_percent", "soc_at", "soc", "soc_at",
                                                                               "true") "t.soc" OTHERWISE("soc_percent")
                                NEWER("soc_at", "soc_at", "soc", "soc_at", "true") "t.soc_at" OTHERWISE(
                                        "soc_at") "  sample_count = s.sample_count + c.n,"
                                                  "  late_sample_count = s.late_sample_count + case when s.state in "
                                                  "(0, 3) "
                                                  "then 0 else c.n end,"
                                                  "  last_sample_at = greatest(s.last_sample_at, t.last_at), version = "
                                                  "s.version + 1"
                                                  "  from unnest($16::text[], $17::bigint[], $18::timestamptz[], "
                                                  "$19::bigint[], $20::timestamptz[], $21::bigint[],"
                                                  "  $22::timestamptz[], $23::timestamptz[])"
                                                  "  as t (session_id, register_wh, register_at, power_w, power_at, "
                                                  "soc, soc_at, last_at)"
                                                  "  join counted c on c.session_id = t.session_id::uuid where "
                                                  "s.session_id = c.session_id)"
                                                  " select n from item";

static struct bb_stmt store_stmt(struct sample_item *const *items, size_t count, const struct touched *t)
{
        struct bb_param *params = BB_NEW_ARRAY(struct bb_param, P_COUNT);

        item_params(items, count, params);
        sample_params(items, count, params);
        touched_params(t, params);
        return (struct bb_stmt){.sql = store_sql, .params = params, .param_count = P_COUNT};
}

struct bb_stmt sample_stmt(struct sample_item *const *items, size_t count)
{
        struct touched t = touched_of(items, count);

        return store_stmt(items, count, &t);
}

/* Locks the sessions in one order, everywhere the same, before any of them is updated: no two writers wait in a circle.
 */
static BB_AWAIT bb_err flush(void *const *gathered, size_t count, void *arg)
{
        struct sample_item **items = BB_NEW_ARRAY(struct sample_item *, count + 1);
        struct touched t;
        bb_rows *rows[2];

        (void)arg;
        for (size_t i = 0; i < count; i++) {
                items[i] = gathered[i];
                items[i]->result = BB_E_CONFLICT;
        }
        t = touched_of(items, count);
        const struct bb_stmt stmts[] = {
                BB_STMT("select 1 from charging.session where session_id = any ($1::text[]::uuid[]) order by session_id"
                        " for no key update",
                        BB_TEXT_ARRAY(t.ids, t.count)),
                store_stmt(items, count, &t),
        };

        TRY(bb_db_run(stmts, BB_COUNT(stmts), rows));
        for (size_t i = 0; i < bb_rows_count(rows[1]); i++) {
                int64_t n = bb_row_int(rows[1], i, 0, 0);

                if (n >= 1 && (size_t)n <= count)
                        items[n - 1]->result = BB_OK;
        }
        return BB_OK;
}

bb_json *samples_json(const struct bb_sample *samples, size_t count)
{
        bb_json *list = bb_json_new_array();

        for (size_t i = 0; i < count; i++) {
                const struct bb_sample *s = &samples[i];
                bb_json *item = bb_json_new_object();

                bb_json_set_str(item, "at", bb_time_text(time_clamp(s->at_ms)));
                bb_json_set_str(item, "measurand", report_text(s->measurand, 64));
                bb_json_set_str(item, "phase", none_if_empty(report_text(s->phase, 16)));
                bb_json_set_str(item, "location", none_if_empty(report_text(s->location, 32)));
                bb_json_set_str(item, "context", none_if_empty(report_text(s->context, 64)));
                bb_json_set_str(item, "unit", none_if_empty(report_text(s->unit, 32)));
                bb_json_set_str(item, "format", none_if_empty(report_text(s->format, 32)));
                bb_json_set_str(item, "value", report_text(s->value, VALUE_BYTES_MAX));
                bb_json_append(list, item);
        }
        return list;
}

/* The session of the station's own transaction. BB_NONE: it has none of that number, or it is another station's. */
static BB_AWAIT bb_err session_of(struct charging *c, const struct bb_station_ref *who, int64_t transaction,
                                  bb_str *ret)
{
        struct bb_session session;
        bb_err err;

        *ret = session_cache_get(c, who->station_id, transaction);
        if (ret->ptr != NULL)
                return BB_OK;
        err = charging_session_by_transaction(who->station_id, transaction, &session);
        if (err == BB_E_NOT_FOUND)
                return BB_OK;
        TRY(err);
        session_cache_put(c, who->station_id, transaction, session.id);
        *ret = session.id;
        return BB_OK;
}

static BB_AWAIT bb_err keep_aside(struct charging *c, const struct bb_station_ref *who, int64_t connector_id,
                                  int64_t transaction, const struct bb_sample *samples, size_t count,
                                  const char *reason)
{
        struct aside a = {.kind = "samples", .reason = reason, .transaction_id = transaction};

        a.raw = bb_json_new_object();
        bb_json_set_int(a.raw, "connector_id", connector_id);
        bb_json_set_int(a.raw, "transaction_id", transaction);
        bb_json_set(a.raw, "samples", samples_json(samples, count));
        return review_keep(c, who, &a);
}

BB_AWAIT bb_err charging_session_samples(const struct bb_station_ref *who, int64_t connector_id, int64_t transaction,
                                         const struct bb_sample *samples, size_t count)
{
        STATE(c);
        struct sample_item item;
        bb_str session_id = NIL_UUID;

        if (count > SAMPLES_MAX)
                return BB_E_LIMIT;
        presence_seen(&c->presence, who->station_id, who->epoch, 0, bb_now_ms());
        if (transaction < 0 && count > 0)
                TRY(session_match(who,
                                  &(struct match){.connector_id = connector_id, .at_ms = time_clamp(samples[0].at_ms)},
                                  &transaction));
        if (transaction < 0 || transaction > INT32_MAX)
                return keep_aside(c, who, connector_id, transaction, samples, count,
                                  "the transaction id is not one that we give");
        if (transaction > 0)
                TRY(session_of(c, who, transaction, &session_id));
        if (session_id.ptr == NULL)
                return keep_aside(c, who, connector_id, transaction, samples, count,
                                  "the station has no such transaction");
        sample_item_init(&item, who, session_id, connector_id, samples, count);
        TRY(bb_batch_submit(c->samples, &item));
        return item.result;
}

bb_err samples_start(struct charging *c)
{
        c->samples = bb_batch_new(c->tenant, "charging.samples", ITEMS_MAX, flush, c);
        return c->samples != NULL ? BB_OK : BB_E_INTERNAL;
}

BB_AWAIT void samples_stop(struct charging *c)
{
        bb_batch_free(c->samples);
        c->samples = NULL;
}
