/* SPDX-License-Identifier: Apache-2.0
 *
 * What each command brings about besides its answer, in the domain's words: the domain follows it from there. The
 * functions that the table of commands names, one an action.
 */
#include "commands.h"

#include "effects.h"
#include "shapes.h"
#include "shapes_security.h"
#include "transfer.h"

enum { SECOND_MS = 1000, MINUTE_MS_ = 60 * SECOND_MS, HOUR_MS = 60 * MINUTE_MS_ };

/* OCPP 1.6 §7.7: any status but Unavailable, which operative connectors show. */
#define IN_SERVICE                                                                                                     \
        (1u << BB_CONNECTOR_AVAILABLE | 1u << BB_CONNECTOR_PREPARING | 1u << BB_CONNECTOR_CHARGING |                   \
         1u << BB_CONNECTOR_SUSPENDED_EVSE | 1u << BB_CONNECTOR_SUSPENDED_EV | 1u << BB_CONNECTOR_FINISHING |          \
         1u << BB_CONNECTOR_RESERVED | 1u << BB_CONNECTOR_FAULTED)

void effect_add(struct effect_list *list, struct bb_effect effect)
{
        if (list->count < EFFECTS_MAX)
                list->items[list->count++] = effect;
}

void effect_add_message(struct effect_list *list, const char *action, int64_t connector_id)
{
        list->timeout_ms = MINUTE_MS_;
        effect_add(list, (struct bb_effect){.kind = BB_EFFECT_NOTE,
                                            .connector_id = connector_id,
                                            .note = BB_STR(NOTE_MESSAGE),
                                            .value = bb_cstr(action),
                                            .text = bb_print("the station sent %s", action),
                                            .waiting = bb_print("the station to send %s", action)});
}

static void add_progress(struct effect_list *list, const char *note, const char *value, const char *waiting)
{
        effect_add(list, (struct bb_effect){.kind = BB_EFFECT_NOTE,
                                            .connector_id = BB_CONNECTOR_ANY,
                                            .note = bb_cstr(note),
                                            .value = bb_cstr(value),
                                            .text = bb_print("the station reported %s", value),
                                            .waiting = bb_cstr(waiting)});
}

static void add_new_firmware(struct effect_list *list)
{
        effect_add(list, (struct bb_effect){.kind = BB_EFFECT_NEW_FIRMWARE,
                                            .text = BB_STR("the station booted with another firmware version"),
                                            .waiting = BB_STR("the station to boot with another firmware version")});
}

/* §5.11: the station waits for the cable if it is not there yet, as long as its ConnectionTimeOut says. */
void effects_remote_start(const void *request, const void *answer, struct effect_list *list)
{
        const struct remote_start_req *m = request;
        int64_t connector = BB_PRESENT(m, REMOTE_START_CONNECTOR_ID) ? m->connector_id : BB_CONNECTOR_ANY;

        (void)answer;
        list->timeout_ms = 5 * MINUTE_MS_;
        effect_add(list, (struct bb_effect){.kind = BB_EFFECT_CONNECTOR,
                                            .flags = BB_EFFECT_OPTIONAL,
                                            .connector_id = connector,
                                            .statuses = 1u << BB_CONNECTOR_PREPARING,
                                            .text = BB_STR("the car is plugged in"),
                                            .waiting = BB_STR("the driver to plug in")});
        effect_add(list, (struct bb_effect){.kind = BB_EFFECT_SESSION_STARTED,
                                            .connector_id = connector,
                                            .token_uid = m->id_tag,
                                            .text = BB_STR("the transaction started"),
                                            .waiting = BB_STR("the station to start the transaction")});
}

void effects_remote_stop(const void *request, const void *answer, struct effect_list *list)
{
        const struct remote_stop_req *m = request;

        (void)answer;
        list->timeout_ms = 2 * MINUTE_MS_;
        effect_add(list, (struct bb_effect){.kind = BB_EFFECT_SESSION_ENDED,
                                            .transaction_id = m->transaction_id,
                                            .text = BB_STR("the transaction ended"),
                                            .waiting = BB_STR("the station to end the transaction")});
}

void effects_reset(const void *request, const void *answer, struct effect_list *list)
{
        (void)request, (void)answer;
        list->timeout_ms = 10 * MINUTE_MS_;
        effect_add(list, (struct bb_effect){.kind = BB_EFFECT_DISCONNECTED,
                                            .flags = BB_EFFECT_OPTIONAL,
                                            .text = BB_STR("the station disconnected"),
                                            .waiting = BB_STR("the station to disconnect and restart")});
        effect_add(list, (struct bb_effect){.kind = BB_EFFECT_BOOTED,
                                            .text = BB_STR("the station booted"),
                                            .waiting = BB_STR("the station to boot")});
}

/* §5.2: connector 0 is the station with all its connectors; Scheduled: when the transaction is over. */
void effects_availability(const void *request, const void *answer, struct effect_list *list)
{
        enum { INOPERATIVE = 0, SCHEDULED = 2 };
        const struct change_availability_req *m = request;
        int32_t scheduled = ((const struct answer_status *)answer)->status == SCHEDULED;
        int32_t off = m->type == INOPERATIVE;

        list->timeout_ms = scheduled ? 24 * HOUR_MS : MINUTE_MS_;
        if (scheduled)
                list->remark = BB_STR("The station does it when the running transaction has ended.");
        effect_add(list,
                   (struct bb_effect){.kind = BB_EFFECT_CONNECTOR,
                                      .connector_id = m->connector_id,
                                      .statuses = off ? 1u << BB_CONNECTOR_UNAVAILABLE : IN_SERVICE,
                                      .text = off ? BB_STR("out of service") : BB_STR("in service"),
                                      .waiting = bb_print("%s to report that it is %s",
                                                          m->connector_id == 0 ? "every connector" : "the connector",
                                                          off ? "Unavailable" : "no longer Unavailable")});
}

void effects_trigger(const void *request, const void *answer, struct effect_list *list)
{
        enum { CONNECTOR_ID = 1 };
        const struct trigger_message_req *m = request;

        (void)answer;
        effect_add_message(list, trigger_request_names[m->requested_message],
                           BB_PRESENT(m, CONNECTOR_ID) && m->connector_id > 0 ? m->connector_id : BB_CONNECTOR_ANY);
}

/* §5.13: connector 0 reserves one of them, without saying which; nothing shows it. */
void effects_reserve(const void *request, const void *answer, struct effect_list *list)
{
        const struct reserve_now_req *m = request;

        (void)answer;
        if (m->connector_id == 0)
                return;
        list->timeout_ms = MINUTE_MS_;
        effect_add(list, (struct bb_effect){.kind = BB_EFFECT_CONNECTOR,
                                            .connector_id = m->connector_id,
                                            .statuses = 1u << BB_CONNECTOR_RESERVED,
                                            .text = BB_STR("the connector is reserved"),
                                            .waiting = BB_STR("the connector to report that it is Reserved")});
}

/* §6.26: no file name, no file. */
void effects_diagnostics(const void *request, const void *answer, struct effect_list *list)
{
        (void)request;
        if (((const struct get_diagnostics_conf *)answer)->file_name.len == 0) {
                list->remark = BB_STR("The station has nothing to upload.");
                return;
        }
        list->timeout_ms = 30 * MINUTE_MS_;
        add_progress(list, NOTE_DIAGNOSTICS, "Uploaded", "the station to report that the file is Uploaded");
}

/* §5.19: the station fetches it at retrieveDate or later, and restarts when it likes. */
void effects_firmware(const void *request, const void *answer, struct effect_list *list)
{
        const struct update_firmware_req *m = request;
        int64_t ahead_ms = m->retrieve_date - bb_now_ms();

        (void)answer;
        list->timeout_ms = 2LL * HOUR_MS + (ahead_ms > 0 ? ahead_ms : 0);
        add_progress(list, NOTE_FIRMWARE, "Installed", "the station to report that the firmware is Installed");
        add_new_firmware(list);
}

/* The same of the Security Whitepaper's (edition 3 §4.2, §4.3, §4.5). */
void effects_extended_trigger(const void *request, const void *answer, struct effect_list *list)
{
        enum { CONNECTOR_ID = 1 };
        const struct extended_trigger_req *m = request;
        const char *action = extended_trigger_names[m->requested_message];

        (void)answer;
        if (strcmp(action, "SignChargePointCertificate") == 0)
                action = "SignCertificate";
        effect_add_message(list, action,
                           BB_PRESENT(m, CONNECTOR_ID) && m->connector_id > 0 ? m->connector_id : BB_CONNECTOR_ANY);
}

void effects_log(const void *request, const void *answer, struct effect_list *list)
{
        (void)request, (void)answer;
        list->timeout_ms = 30 * MINUTE_MS_;
        add_progress(list, NOTE_LOG, "Uploaded", "the station to report that the file is Uploaded");
}

void effects_signed_firmware(const void *request, const void *answer, struct effect_list *list)
{
        const struct signed_update_req *m = request;
        int64_t ahead_ms = m->firmware.retrieve_at - bb_now_ms();

        (void)answer;
        list->timeout_ms = 2LL * HOUR_MS + (ahead_ms > 0 ? ahead_ms : 0);
        add_progress(list, NOTE_SIGNED_FIRMWARE, "Installed", "the station to report that the firmware is Installed");
        add_new_firmware(list);
}

/* §5.3. Some keys cannot be read; confirm() knows. */
void effects_configuration(const void *request, const void *answer, struct effect_list *list)
{
        enum { REBOOT_REQUIRED = 2 };

        (void)request;
        list->timeout_ms = MINUTE_MS_;
        if (((const struct answer_status *)answer)->status == REBOOT_REQUIRED) {
                list->remark = BB_STR("RebootRequired: it takes effect when the station has restarted.");
                return;
        }
        effect_add(list, (struct bb_effect){.kind = BB_EFFECT_CONFIRMED,
                                            .text = BB_STR("the station has the value"),
                                            .waiting = BB_STR("the value to be read back")});
}

/* The words with which stations say yes; an answer without a status says yes by being there. */
static int32_t says_yes(bb_str status)
{
        static const char *const words[] = {"Accepted", "Scheduled", "RebootRequired", "Unlocked", "AcceptedCanceled"};

        for (size_t i = 0; i < BB_COUNT(words); i++) {
                if (bb_str_is(status, words[i]))
                        return 1;
        }
        return status.ptr == NULL;
}

bb_err effects_plan(const struct command *command, const bb_json *payload, const bb_json *answer,
                    struct bb_effect_plan *ret)
{
        struct effect_list list = {.items = BB_NEW_ARRAY(struct bb_effect, EFFECTS_MAX)};
        struct bb_fault fault = {.kind = BB_FAULT_NONE};
        void *request = bb_alloc(command->request->struct_size), *said = bb_alloc(command->answer->struct_size);

        payload = transfer_draft(bb_cstr(command->action), payload);
        TRY(bb_shape_decode(command->request, payload, request, &fault));
        TRY(bb_shape_decode(command->answer, answer, said, &fault));
        ret->answer = bb_json_str(bb_json_get(answer, "status"));
        ret->accepted = says_yes(ret->answer);
        if (ret->accepted && command->effects != NULL)
                command->effects(request, said, &list);
        ret->remark = list.remark;
        ret->timeout_ms = list.timeout_ms;
        ret->effects = list.items;
        ret->effect_count = list.count;
        return BB_OK;
}
