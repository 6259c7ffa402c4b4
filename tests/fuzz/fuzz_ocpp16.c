/* SPDX-License-Identifier: Apache-2.0
 *
 * Whatever a station sends: the frame, and the payload by the shape of its action, as inbound.c reads them, mended at
 * each level when it does not fit; an answer by the shapes of commands. What is answered must itself be a frame. With
 * FUZZ_MAIN it is a program that replays the files named on its command line.
 */
#include "../../plugins/ocpp16/frame.c"
#include "../../plugins/ocpp16/repair.c"
#include "../../plugins/ocpp16/repair_value.c"
#include "../../plugins/ocpp16/shapes_answer.c"
#include "../../plugins/ocpp16/shapes_command.c"
#include "../../plugins/ocpp16/shapes_meter.c"
#include "../../plugins/ocpp16/shapes_security.c"
#include "../../plugins/ocpp16/shapes_station.c"
#include "base/arena.h"
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
        const char *action;
        const struct bb_shape *shape;
} actions[] = {
        {"Heartbeat", &EmptyMessage},
        {"MeterValues", &MeterValuesRequest},
        {"StatusNotification", &StatusNotificationRequest},
        {"Authorize", &AuthorizeRequest},
        {"StartTransaction", &StartTransactionRequest},
        {"StopTransaction", &StopTransactionRequest},
        {"BootNotification", &BootNotificationRequest},
        {"DataTransfer", &DataTransferRequest},
        {"DiagnosticsStatusNotification", &DiagnosticsStatusRequest},
        {"FirmwareStatusNotification", &FirmwareStatusRequest},
        {"LogStatusNotification", &LogStatusRequest},
        {"SecurityEventNotification", &SecurityEventRequest},
        {"SignCertificate", &SignCertificateRequest},
        {"SignedFirmwareStatusNotification", &SignedFirmwareStatusRequest},
        {"RemoteStartTransaction", &RemoteStartTransactionRequest},
        {"SetChargingProfile", &SetChargingProfileRequest},
        {"SendLocalList", &SendLocalListRequest},
        {"GetConfiguration", &GetConfigurationRequest},
        {"GetLog", &GetLogRequest},
        {"SignedUpdateFirmware", &SignedUpdateFirmwareRequest},
        {"DeleteCertificate", &DeleteCertificateRequest},
};

static const struct bb_shape *const answers[] = {
        &AcceptedRejectedAnswer,
        &GetConfigurationAnswer,
        &GetCompositeScheduleAnswer,
        &DataTransferAnswer,
        &GetDiagnosticsAnswer,
        &EmptyAnswer,
        &ChangeAvailabilityAnswer,
        &ChangeConfigurationAnswer,
        &UnlockConnectorAnswer,
        &ClearChargingProfileAnswer,
        &SetChargingProfileAnswer,
        &ReserveNowAnswer,
        &SendLocalListAnswer,
        &GetLocalListVersionAnswer,
        &GetInstalledCertificateIdsAnswer,
        &GetLogAnswer,
        &SignedUpdateFirmwareAnswer,
        &DeleteCertificateAnswer,
};

static void must(int what)
{
        if (!what)
                abort();
}

/* What we send must be read by a strict reader. */
static void check_sent(bb_str text, int32_t type, bb_str id)
{
        struct frame frame;
        struct frame_fault fault;

        must(frame_parse(text, &frame, &fault) == BB_OK);
        must(frame.type == type && bb_str_eq(frame.id, id));
}

static void answer_fault(const struct frame_fault *fault)
{
        must(fault->code != NULL && fault->text.ptr != NULL);
        if (fault->id.ptr != NULL)
                check_sent(frame_error(fault), FRAME_ERROR, fault->id);
}

/* What a level takes the next one takes, too. */
static void mend(const struct bb_shape *shape, const bb_json *payload)
{
        int32_t taken = 0;

        for (int32_t level = LEVEL_STRICT; level <= LEVEL_REPAIR; level++) {
                struct repair repair = {.level = level, .zone = BB_STR("Europe/Berlin")};
                struct bb_fault why = {.kind = BB_FAULT_NONE};
                bb_err err = repair_decode(&repair, shape, payload, bb_alloc(shape->struct_size), &why);

                must(err == BB_OK || (!taken && why.text.ptr != NULL));
                taken = err == BB_OK;
        }
}

static void read_call(const struct frame *frame)
{
        for (size_t i = 0; i < BB_COUNT(actions); i++) {
                void *message = bb_alloc(actions[i].shape->struct_size);
                struct bb_fault why = {.kind = BB_FAULT_NONE};

                if (!bb_str_is(frame->action, actions[i].action))
                        continue;
                mend(actions[i].shape, frame->payload);
                if (bb_shape_decode(actions[i].shape, frame->payload, message, &why) == BB_OK)
                        check_sent(frame_result(frame->id, bb_shape_encode_text(actions[i].shape, message)),
                                   FRAME_RESULT, frame->id);
                else
                        answer_fault(&(struct frame_fault){.code = frame_fault_code(why.kind),
                                                           .id = frame->id,
                                                           .path = why.path,
                                                           .text = why.text});
        }
}

static void read_answer(const struct frame *frame)
{
        for (size_t i = 0; i < BB_COUNT(answers); i++) {
                void *message = bb_alloc(answers[i]->struct_size);
                struct bb_fault why = {.kind = BB_FAULT_NONE};

                if (bb_shape_decode(answers[i], frame->payload, message, &why) < 0)
                        must(why.text.ptr != NULL);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct arena *arena;
        bb_str text = {.ptr = (const char *)data, .len = size};
        struct frame frame;
        struct frame_fault fault;
        bb_str id;

        if (arena == NULL)
                arena = arena_new("fuzz");
        arena_current = arena;
        frame_peek(text, &id);
        if (frame_parse(text, &frame, &fault) < 0)
                answer_fault(&fault);
        else if (frame.type == FRAME_CALL)
                read_call(&frame);
        else if (frame.payload != NULL)
                read_answer(&frame);
        arena_reset(arena);
        return 0;
}

#ifdef FUZZ_MAIN
int main(int argc, char **argv)
{
        static uint8_t data[1 << 20];

        for (int i = 1; i < argc; i++) {
                FILE *file = fopen(argv[i], "rb");

                if (file == NULL) {
                        perror(argv[i]);
                        return 1;
                }
                LLVMFuzzerTestOneInput(data, fread(data, 1, sizeof(data), file));
                fclose(file);
        }
        return 0;
}
#endif
