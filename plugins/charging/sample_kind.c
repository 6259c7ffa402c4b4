/* SPDX-License-Identifier: Apache-2.0
 *
 * What a sample is of: measurand, phase, location, context, unit and format. Stations repeat a handful of combinations
 * without end, so each is stored once (charging.sample_kind) and known here by its number. Kinds never go and never
 * change, so that what is remembered stays true; what was pushed out is asked for again.
 */
#include "domain.h"
#include <stdlib.h>

#define SLOTS 1024
#define PROBES 8
#define TEXTS 6
#define KEY_MAX 256 /* sample_item_init() clips each text */

struct kind {
        int64_t id;
        size_t len;
        char key[];
};

struct sample_kinds {
        struct kind *slots[SLOTS];
};

static void texts_of(const struct bb_sample *s, bb_str ret[TEXTS])
{
        const bb_str texts[] = {s->measurand, s->phase, s->location, s->context, s->unit, s->format};

        _Static_assert(BB_COUNT(texts) == TEXTS, "all of them");
        memcpy(ret, texts, sizeof(texts));
}

/* All texts, each ended by a NUL: none of them holds one. */
static size_t key_of(const struct bb_sample *s, char key[KEY_MAX])
{
        bb_str texts[TEXTS];
        size_t len = 0;

        texts_of(s, texts);
        for (size_t i = 0; i < TEXTS; i++) {
                if (len + texts[i].len + 1 > KEY_MAX)
                        return 0;
                if (texts[i].len > 0)
                        memcpy(key + len, texts[i].ptr, texts[i].len);
                len += texts[i].len;
                key[len++] = '\0';
        }
        return len;
}

/* Where the key is, or where it may go: a free slot, else one that is given up. */
static struct kind **slot_of(struct sample_kinds *kinds, const char *key, size_t len)
{
        uint64_t h = 0xcbf29ce484222325u;
        struct kind **slot = NULL;

        for (size_t i = 0; i < len; i++)
                h = (h ^ (unsigned char)key[i]) * 0x100000001b3u;
        h ^= h >> 32;
        for (size_t i = 0; i < PROBES; i++) {
                slot = &kinds->slots[(h + i) % SLOTS];
                if (*slot == NULL || ((*slot)->len == len && memcmp((*slot)->key, key, len) == 0))
                        break;
        }
        return slot;
}

/* 0: not known here. */
static int64_t kind_get(struct sample_kinds *kinds, const struct bb_sample *s)
{
        char key[KEY_MAX];
        size_t len = key_of(s, key);
        const struct kind *k = *slot_of(kinds, key, len);

        return k != NULL && k->len == len && memcmp(k->key, key, len) == 0 ? k->id : 0;
}

static void kind_put(struct sample_kinds *kinds, const struct bb_sample *s, int64_t id)
{
        char key[KEY_MAX];
        size_t len = key_of(s, key);
        struct kind **slot = slot_of(kinds, key, len), *k = malloc(sizeof(*k) + len);

        if (k == NULL || len == 0) {
                free(k);
                return;
        }
        k->id = id;
        k->len = len;
        memcpy(k->key, key, len);
        free(*slot);
        *slot = k;
}

/* In one order, so that no two writers wait for each other in a circle. */
static BB_AWAIT bb_err kinds_store(const struct bb_sample *const *samples, size_t count, bb_rows **ret)
{
        struct bb_param params[TEXTS];
        bb_rows *rows[2];

        for (size_t t = 0; t < TEXTS; t++) {
                bb_str *column = BB_NEW_ARRAY(bb_str, count);

                for (size_t i = 0; i < count; i++) {
                        bb_str texts[TEXTS];

                        texts_of(samples[i], texts);
                        column[i] = texts[t];
                }
                params[t] = BB_TEXT_ARRAY(column, count);
        }
        const struct bb_stmt stmts[] = {
                {.sql = "insert into charging.sample_kind (measurand, phase, location, context, unit, format)"
                        " select distinct * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[],"
                        " $6::text[]) order by 1, 2, 3, 4, 5, 6 on conflict do nothing",
                 .params = params,
                 .param_count = TEXTS},
                {.sql = "select x.n, k.kind_id from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[],"
                        " $6::text[]) with ordinality as x (measurand, phase, location, context, unit, format, n)"
                        " cross join lateral (select kind_id from charging.sample_kind where measurand = x.measurand"
                        " and phase = x.phase and location = x.location and context = x.context and unit = x.unit"
                        " and format = x.format offset 0) k",
                 .params = params,
                 .param_count = TEXTS},
        };

        TRY(bb_db_run(stmts, BB_COUNT(stmts), rows));
        *ret = rows[1];
        return BB_OK;
}

BB_AWAIT bb_err sample_kinds_of(struct charging *c, struct sample_item *const *items, size_t count, int64_t *ret_ids)
{
        const struct bb_sample **missing = NULL;
        size_t *places = NULL, total = 0, n = 0, k = 0;
        bb_rows *rows;

        for (size_t i = 0; i < count; i++)
                total += items[i]->count;
        for (size_t i = 0; i < count; i++) {
                for (size_t j = 0; j < items[i]->count; j++, k++) {
                        ret_ids[k] = kind_get(c->kinds, &items[i]->samples[j]);
                        if (ret_ids[k] != 0)
                                continue;
                        if (missing == NULL) {
                                missing = BB_NEW_ARRAY(const struct bb_sample *, total);
                                places = BB_NEW_ARRAY(size_t, total);
                        }
                        places[n] = k;
                        missing[n++] = &items[i]->samples[j];
                }
        }
        if (n == 0)
                return BB_OK;
        TRY(kinds_store(missing, n, &rows));
        if (bb_rows_count(rows) != n)
                return BB_E_INTERNAL;
        for (size_t row = 0; row < n; row++) {
                size_t i = (size_t)bb_row_int(rows, row, 0, 1) - 1;

                ret_ids[places[i]] = bb_row_int(rows, row, 1, 0);
                kind_put(c->kinds, missing[i], ret_ids[places[i]]);
        }
        return BB_OK;
}

void sample_kinds_open(struct charging *c)
{
        c->kinds = calloc(1, sizeof(*c->kinds));
        if (c->kinds == NULL)
                abort(); /* as the host does when memory is gone */
}

void sample_kinds_close(struct charging *c)
{
        for (size_t i = 0; i < SLOTS; i++)
                free(c->kinds->slots[i]);
        free(c->kinds);
        c->kinds = NULL;
}
