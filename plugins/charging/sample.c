/* SPDX-License-Identifier: Apache-2.0
 *
 * Meter samples as they are reported: of which session they are, and what becomes of those of none. Each report is
 * acknowledged when it is stored (sample_store.c).
 */
#include "domain.h"

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
