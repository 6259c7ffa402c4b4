/* SPDX-License-Identifier: Apache-2.0
 *
 * Effects of commands, compared with facts.
 */
#include "effect.h"
#include "text.h"

static int fits_connector(const struct bb_effect *e, int64_t connector_id)
{
        return e->connector_id == BB_CONNECTOR_ANY || connector_id == BB_CONNECTOR_ANY ||
               e->connector_id == connector_id;
}

static int has_status(const struct bb_effect *e, int64_t status)
{
        return status >= 0 && status < 64 && (e->statuses >> status & 1) != 0;
}

static int connector_is(const struct bb_effect *e, const struct fact *f)
{
        if (f->kind != FACT_CONNECTOR || effect_wants_all(e) || !has_status(e, f->status))
                return 0;
        return e->connector_id == BB_CONNECTOR_ANY ? f->connector_id > 0 : e->connector_id == f->connector_id;
}

static int session_starts(const struct bb_effect *e, const struct fact *f)
{
        return f->kind == FACT_SESSION_STARTED && fits_connector(e, f->connector_id) &&
               (e->token_uid.len == 0 || text_same_nocase(e->token_uid, f->token_uid));
}

static int is_other_firmware(const struct fact *f, const struct effect_context *context)
{
        return f->kind == FACT_BOOTED && f->firmware_version.len > 0 &&
               !bb_str_eq(f->firmware_version, context->firmware_before);
}

static int is_note(const struct bb_effect *e, const struct fact *f)
{
        return e->kind == BB_EFFECT_NOTE && f->kind == FACT_NOTE && bb_str_eq(e->note, f->note) &&
               fits_connector(e, f->connector_id);
}

int effect_is(const struct bb_effect *e, const struct fact *f, const struct effect_context *context)
{
        switch (e->kind) {
        case BB_EFFECT_CONNECTOR:
                return connector_is(e, f);
        case BB_EFFECT_SESSION_STARTED:
                return session_starts(e, f);
        case BB_EFFECT_SESSION_ENDED:
                return f->kind == FACT_SESSION_ENDED && f->transaction_id == e->transaction_id;
        case BB_EFFECT_DISCONNECTED:
                return f->kind == FACT_DISCONNECTED || f->kind == FACT_CONNECTED;
        case BB_EFFECT_BOOTED:
                return f->kind == FACT_BOOTED;
        case BB_EFFECT_NEW_FIRMWARE:
                return is_other_firmware(f, context);
        case BB_EFFECT_NOTE:
                return is_note(e, f) && !f->failed && (e->value.len == 0 || bb_str_eq(e->value, f->value));
        default:
                return 0;
        }
}

int effect_wants_all(const struct bb_effect *e)
{
        return e->kind == BB_EFFECT_CONNECTOR && e->connector_id == BB_CONNECTOR_WHOLE_STATION;
}

int effect_holds_for_all(const struct bb_effect *e, const int64_t *connectors, const int64_t *statuses, size_t count)
{
        int others = 0, whole = 0;

        for (size_t i = 0; i < count; i++) {
                if (connectors[i] == 0) {
                        whole = has_status(e, statuses[i]);
                        continue;
                }
                if (!has_status(e, statuses[i]))
                        return 0;
                others = 1;
        }
        return others || whole;
}

int effect_failed(const struct bb_effect *e, const struct fact *f)
{
        return is_note(e, f) && f->failed;
}

int effect_progress(const struct bb_effect *e, const struct fact *f)
{
        return is_note(e, f) && !f->failed && e->value.len > 0 && !bb_str_eq(e->value, f->value);
}

int effects_complete(const struct bb_effect *effects, size_t count, uint64_t done)
{
        for (size_t i = 0; i < count; i++) {
                if (!(effects[i].flags & BB_EFFECT_OPTIONAL) && !(done >> i & 1))
                        return 0;
        }
        return 1;
}

const struct bb_effect *effects_next(const struct bb_effect *effects, size_t count, uint64_t done)
{
        for (size_t i = 0; i < count; i++) {
                /* An optional one in front of one that came is not waited for any more. */
                if (!(done >> i & 1) && (!(effects[i].flags & BB_EFFECT_OPTIONAL) || done >> i == 0))
                        return &effects[i];
        }
        return NULL;
}
