/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands without transfers, for tests that are about something else.
 */
#ifndef TESTS_UNIT_OCPP16_NO_TRANSFERS_H
#define TESTS_UNIT_OCPP16_NO_TRANSFERS_H

#include "../../plugins/ocpp16/transfer.h"

bb_json *transfer_draft(bb_str action, const bb_json *payload)
{
        (void)action;
        return (bb_json *)(uintptr_t)payload;
}

bb_err transfer_begin(struct station *st, const struct command *command, bb_str *text, struct transfer_order *ret_order,
                      struct bb_command_result *ret)
{
        (void)st, (void)command, (void)text, (void)ret;
        *ret_order = (struct transfer_order){.id = BB_NONE};
        return BB_OK;
}

void transfer_ordered(const struct transfer_order *order, const struct bb_command_result *r)
{
        (void)order, (void)r;
}

#endif
