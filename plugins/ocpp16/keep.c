/* SPDX-License-Identifier: Apache-2.0
 *
 * A table of actions; `request` is the struct of the action's request shape, `answer` that of its answer.
 */
#include "keep.h"

#include "capability.h"
#include "local_list.h"
#include "ocpp16.h"
#include "profile.h"
#include "shapes.h"

/* What is known of the list now is what somebody else did. Lists that are brought in step take care of themselves. */
static BB_AWAIT bb_err list_keep(struct station *st, const void *request, const void *answer)
{
        bb_str id = bb_str_dup(station_id(st));

        (void)request, (void)answer;
        if (st->list_busy || st->owner->lists == NULL)
                return BB_OK;
        TRY(list_suspect(id));
        lists_tell(st->owner, id);
        return BB_OK;
}

static BB_AWAIT bb_err configuration_read_keep(struct station *st, const void *request, const void *answer)
{
        bb_str id = bb_str_dup(station_id(st));
        struct capability known;

        (void)request;
        TRY(capability_known(id, &known));
        if (known.read_ms == 0 || !capability_take(&known, answer))
                return BB_OK; /* never asked for all of it, or nothing for us */
        return capability_store(id, &known);
}

/* A limit has changed, so that all of them are read again when next needed. */
static BB_AWAIT bb_err configuration_change_keep(struct station *st, const void *request, const void *answer)
{
        bb_str id = bb_str_dup(station_id(st));

        (void)answer;
        if (!capability_key(((const struct change_configuration_req *)request)->key))
                return BB_OK;
        TRY(bb_db_query(NULL, "delete from ocpp16.capability where station_id = $1", BB_TEXT(id)));
        return list_keep(st, request, answer);
}

/* The answers of ReserveNow and their names, in the order of the shape (§7.40). */
static BB_AWAIT bb_err reserve_keep(struct station *st, const void *request, const void *answer)
{
        static const char *const names[] = {"Accepted", "Faulted", "Occupied", "Rejected", "Unavailable"};
        const struct reserve_now_req *m = request;
        const struct answer_status *a = answer;
        const struct bb_reservation r = {.id = m->reservation_id,
                                         .station_id = bb_str_dup(station_id(st)),
                                         .connector_id = m->connector_id,
                                         .token_uid = m->id_tag,
                                         .parent_uid = m->parent_id_tag,
                                         .expires_ms = m->expiry_date,
                                         .state = a->status == 0 ? BB_RESERVATION_ACTIVE : BB_RESERVATION_REFUSED,
                                         .answer = bb_cstr(names[a->status])};

        return BB_HAS(charging, reservation_told) ? charging->reservation_told(&r) : BB_OK;
}

/* §5.1: "Rejected" is that the station has none by this id. */
static BB_AWAIT bb_err cancel_keep(struct station *st, const void *request, const void *answer)
{
        const struct cancel_reservation_req *m = request;
        const struct answer_status *a = answer;

        if (!BB_HAS(charging, reservation_gone))
                return BB_OK;
        return charging->reservation_gone(bb_str_dup(station_id(st)), m->reservation_id,
                                          a->status == 0 ? BB_STR("Accepted") : BB_STR("Rejected"));
}

static BB_AWAIT bb_err set_profile_keep(struct station *st, const void *request, const void *answer)
{
        const struct answer_status *a = answer;

        return a->status == 0 ? profile_set_keep(bb_str_dup(station_id(st)), request) : BB_OK;
}

static BB_AWAIT bb_err clear_profile_keep(struct station *st, const void *request, const void *answer)
{
        (void)answer;
        return profile_clear_keep(bb_str_dup(station_id(st)), request);
}

static const struct {
        const char *action;
        bb_err (*keep)(struct station *, const void *request, const void *answer);
} keepers[] = {
        {"CancelReservation", cancel_keep},
        {"ChangeConfiguration", configuration_change_keep},
        {"ClearChargingProfile", clear_profile_keep},
        {"GetConfiguration", configuration_read_keep},
        {"GetLocalListVersion", list_keep},
        {"ReserveNow", reserve_keep},
        {"SendLocalList", list_keep},
        {"SetChargingProfile", set_profile_keep},
};

BB_AWAIT void keep_answer(struct station *st, const struct command *command, bb_str text,
                          const struct bb_command_result *result)
{
        struct bb_fault fault;
        void *request, *answer;
        bb_err err;
        size_t i = 0;

        while (i < BB_COUNT(keepers) && strcmp(keepers[i].action, command->action) != 0)
                i++;
        if (i == BB_COUNT(keepers) || result->outcome != BB_COMMAND_ANSWERED)
                return;
        request = bb_alloc(command->request->struct_size);
        answer = bb_alloc(command->answer->struct_size);
        if (bb_shape_decode_text(command->request, text, request, &fault) < 0 ||
            bb_shape_decode(command->answer, result->answer, answer, &fault) < 0)
                return;
        err = keepers[i].keep(st, request, answer);
        if (err < 0 && err != BB_E_CANCELED)
                bb_log(BB_WARN, "ocpp.keep", "what a station's answer means could not be kept",
                       bb_kv_str("station", station_id(st)), bb_kv_cstr("action", command->action), bb_kv_err(err));
}
