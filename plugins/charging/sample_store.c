/* SPDX-License-Identifier: Apache-2.0
 *
 * How samples are stored. Those of many stations share a commit (bb_batch). The same sample again meets its own key and
 * changes nothing. The sessions' running energy and power are brought up to date in the same statement.
 */
#include "domain.h"
#include <stdlib.h>

#define ITEMS_MAX 256 /* reports in one commit */
#define DIGEST_BYTES 16

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

/* The sample's full key but for session and time, which are columns of their own: collision-resistant, since a station
 * may choose all of it. */
static void sample_digest(const struct sample_item *item, int64_t kind_id, bb_str value, char ret[DIGEST_BYTES])
{
        bb_str station = item->who.station_id;
        const int64_t numbers[] = {item->connector_id, kind_id, (int64_t)station.len};
        size_t room = sizeof(numbers) + station.len + value.len;
        char *text = bb_alloc(room + 1);
        uint8_t digest[32];

        memcpy(text, numbers, sizeof(numbers));
        memcpy(text + sizeof(numbers), station.ptr, station.len);
        if (value.len > 0)
                memcpy(text + sizeof(numbers) + station.len, value.ptr, value.len);
        bb_sha256((bb_str){.ptr = text, .len = room}, digest);
        memcpy(ret, digest, DIGEST_BYTES);
}

enum { P_STATION, P_EPOCH, P_SESSION, P_CONNECTOR, P_RECEIVED, P_ITEM_COLUMNS };
enum { P_N = P_ITEM_COLUMNS, P_AT, P_DIGEST, P_SAMPLE_STATION, P_KIND, P_VALUE, P_SAMPLE_END };
enum { P_TOUCHED = P_SAMPLE_END, P_NONE = P_TOUCHED + 8, P_MOST, P_COUNT };

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
        p[P_SESSION] = BB_UUID_ARRAY(sessions, count);
        p[P_CONNECTOR] = BB_INT_ARRAY(connectors, count);
        p[P_RECEIVED] = BB_TIME_ARRAY(received, count);
}

static size_t samples_in(struct sample_item *const *items, size_t count)
{
        size_t total = 0;

        for (size_t i = 0; i < count; i++)
                total += items[i]->count;
        return total;
}

static void sample_params(struct sample_item *const *items, size_t count, const int64_t *kind_ids, struct bb_param *p)
{
        size_t total = samples_in(items, count), k = 0;
        int64_t *n = BB_NEW_ARRAY(int64_t, total + 1), *at = BB_NEW_ARRAY(int64_t, total + 1);
        bb_str *digests = BB_NEW_ARRAY(bb_str, total + 1), *stations = BB_NEW_ARRAY(bb_str, total + 1);
        bb_str *values = BB_NEW_ARRAY(bb_str, total + 1);
        char *digest = bb_alloc(total * DIGEST_BYTES + 1);

        for (size_t i = 0; i < count; i++) {
                for (size_t j = 0; j < items[i]->count; j++, k++, digest += DIGEST_BYTES) {
                        n[k] = (int64_t)i + 1;
                        at[k] = items[i]->samples[j].at_ms;
                        stations[k] = items[i]->who.station_id;
                        values[k] = items[i]->samples[j].value;
                        sample_digest(items[i], kind_ids[k], values[k], digest);
                        digests[k] = (bb_str){.ptr = digest, .len = DIGEST_BYTES};
                }
        }
        p[P_N] = BB_INT_ARRAY(n, total);
        p[P_AT] = BB_TIME_ARRAY(at, total);
        p[P_DIGEST] = BB_UUID_ARRAY(digests, total);
        p[P_SAMPLE_STATION] = BB_TEXT_ARRAY(stations, total);
        p[P_KIND] = BB_INT_ARRAY(kind_ids, total);
        p[P_VALUE] = BB_TEXT_ARRAY(values, total);
}

static void touched_params(const struct touched *t, struct bb_param *p)
{
        p[P_TOUCHED] = BB_UUID_ARRAY(t->ids, t->count);
        p[P_TOUCHED + 1] = BB_INT_ARRAY(t->register_wh, t->count);
        p[P_TOUCHED + 2] = BB_TIME_ARRAY(t->register_ms, t->count);
        p[P_TOUCHED + 3] = BB_INT_ARRAY(t->power_w, t->count);
        p[P_TOUCHED + 4] = BB_TIME_ARRAY(t->power_ms, t->count);
        p[P_TOUCHED + 5] = BB_INT_ARRAY(t->soc_percent, t->count);
        p[P_TOUCHED + 6] = BB_TIME_ARRAY(t->soc_ms, t->count);
        p[P_TOUCHED + 7] = BB_TIME_ARRAY(t->last_ms, t->count);
}

/* Selects the numbers (from 1) of the items whose connection is still the station's. A value counts when it was told,
 * is no older than what is there, and the session runs, or was closed without its stop. The sessions are locked. */
static const char store_sql[] =
        "with valid as materialized (select array_agg(st.epoch is not null order by i.n) as ok"
        "  from unnest($1::text[], $2::bigint[]) with ordinality as i (station_id, epoch, n)"
        "  left" STATION_JOIN "),"
        " stored as (insert into charging.sample"
        "  (session_id, at, digest, station_id, connector_id, received_at, kind_id, value)"
        "  select ($3::uuid[])[x.n], x.at, x.digest, x.station_id, ($4::bigint[])[x.n], ($5::timestamptz[])[x.n],"
        "  x.kind_id, x.value"
        "  from unnest($6::bigint[], $7::timestamptz[], $8::uuid[], $9::text[], $10::bigint[], $11::text[])"
        "  as x (n, at, digest, station_id, kind_id, value) where ((select ok from valid))[x.n]"
        "  on conflict do nothing returning session_id),"
        " counted as (select session_id, count(*) as n from stored group by session_id),"
        /* A full join is never a nested loop, which would compare each with each. */
        " told as (select session_id, register_wh, register_at, power_w, power_at, soc, soc_at, last_at,"
        "  coalesce(c.n, 0) as n"
        "  from unnest($12::uuid[], $13::bigint[], $14::timestamptz[], $15::bigint[], $16::timestamptz[],"
        "  $17::bigint[], $18::timestamptz[], $19::timestamptz[])"
        "  as u (session_id, register_wh, register_at, power_w, power_at, soc, soc_at, last_at)"
        "  full join counted c using (session_id) offset 0),"
        " news as materialized (select told.*, o.place, o.runs,"
        "  o.runs and register_wh <> $20 and register_at >= coalesce(o.energy_at, register_at) as has_register,"
        "  o.runs and power_w <> $20 and told.power_at >= coalesce(o.power_at, told.power_at) as has_power,"
        "  o.runs and soc <> $20 and told.soc_at >= coalesce(o.soc_at, told.soc_at) as has_soc"
        "  from told cross join lateral (select ctid as place, state in (0, 3) as runs, energy_at, power_at, soc_at"
        "   from charging.session where session_id = told.session_id offset 0) o where told.n > 0 limit $21),"
        " touched as (update charging.session s set"
        "  energy_wh = case when t.has_register and t.register_wh >= s.meter_start_wh"
        "   then t.register_wh - s.meter_start_wh else s.energy_wh end,"
        "  energy_at = case when t.has_register then t.register_at else s.energy_at end,"
        "  power_w = case when t.has_power then t.power_w else s.power_w end,"
        "  power_at = case when t.has_power then t.power_at else s.power_at end,"
        "  soc_percent = case when t.has_soc then t.soc else s.soc_percent end,"
        "  soc_at = case when t.has_soc then t.soc_at else s.soc_at end,"
        "  sample_count = s.sample_count + t.n,"
        "  late_sample_count = s.late_sample_count + case when t.runs then 0 else t.n end,"
        "  last_sample_at = greatest(s.last_sample_at, t.last_at), version = s.version + 1"
        "  from news t where s.ctid = t.place)"
        " select o.n from valid, unnest(valid.ok) with ordinality as o (ok, n) where o.ok";

static BB_AWAIT bb_err store_stmt(struct charging *c, struct sample_item *const *items, size_t count,
                                  const struct touched *t, struct bb_stmt *ret)
{
        struct bb_param *params = BB_NEW_ARRAY(struct bb_param, P_COUNT);
        int64_t *kind_ids = BB_NEW_ARRAY(int64_t, samples_in(items, count) + 1);

        TRY(sample_kinds_of(c, items, count, kind_ids));
        item_params(items, count, params);
        sample_params(items, count, kind_ids, params);
        touched_params(t, params);
        params[P_NONE] = BB_INT(READING_NONE);
        params[P_MOST] = BB_INT((int64_t)t->count);
        *ret = (struct bb_stmt){.sql = store_sql, .params = params, .param_count = P_COUNT};
        return BB_OK;
}

BB_AWAIT bb_err sample_stmt(struct charging *c, struct sample_item *const *items, size_t count, struct bb_stmt *ret)
{
        struct touched t = touched_of(items, count);

        return store_stmt(c, items, count, &t, ret);
}

static BB_AWAIT bb_err flush(void *const *gathered, size_t count, void *arg)
{
        struct sample_item **items = BB_NEW_ARRAY(struct sample_item *, count + 1);
        struct touched t;
        bb_rows *rows[2];

        for (size_t i = 0; i < count; i++) {
                items[i] = gathered[i];
                items[i]->result = BB_E_CONFLICT;
        }
        t = touched_of(items, count);
        struct bb_stmt stmts[] = {
                BB_STMT(LOCK_SESSIONS("$1::uuid[]"), BB_UUID_ARRAY(t.ids, t.count)),
                {.sql = NULL},
        };

        TRY(store_stmt(arg, items, count, &t, &stmts[1]));
        TRY(bb_db_run(stmts, BB_COUNT(stmts), rows));
        for (size_t i = 0; i < bb_rows_count(rows[1]); i++) {
                int64_t n = bb_row_int(rows[1], i, 0, 0);

                if (n >= 1 && (size_t)n <= count)
                        items[n - 1]->result = BB_OK;
        }
        return BB_OK;
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
