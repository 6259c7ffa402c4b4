/* SPDX-License-Identifier: Apache-2.0
 *
 * The actions that the central system may call, each with the shapes of its request and its answer.
 */
#ifndef OCPP16_COMMANDS_H
#define OCPP16_COMMANDS_H

#include <busbar/station_driver.h>

#include "effects.h"
#include "station.h"

struct command {
        const char *action;
        const struct bb_shape *request, *answer;
        int32_t timeout_s; /* 0: the tenant's option */
        int32_t priority;  /* BB_PRIORITY_… */
        int32_t masks;     /* the answer may hold an AuthorizationKey */
        /* What the shape cannot say: BB_NONE when fine, otherwise what is wrong, and where. NULL: nothing more to
         * check. */
        bb_str (*check)(const void *message, bb_str *ret_path);
        effects_of *effects; /* what an accepted one brings about besides its answer; NULL: nothing */
};

/* NULL: OCPP 1.6 has no such action in this direction. */
const struct command *command_find(bb_str action);
/* Checks the request. BB_COMMAND_ANSWERED stands for "fine": *ret_text is what to send, members in the specification's
 * order. Otherwise *ret is the outcome, BB_COMMAND_UNKNOWN or BB_COMMAND_INVALID. */
int32_t command_prepare(bb_str action, const bb_json *payload, const struct command **ret_command, bb_str *ret_text,
                        struct bb_command_result *ret);
/* The time for its answer. */
int64_t command_timeout_ms(const struct ocpp_tenant *, const struct command *);
/* Checks an answer and hides secrets in it. */
void command_take_answer(const struct command *, bb_str station, const bb_json *payload, struct bb_command_result *ret);
/* Sends a prepared command to a station of this node, and waits for what becomes of it. Of `order` count the priority,
 * the times and the operation. */
BB_AWAIT bb_err command_run(struct station *, const struct command *, bb_str text, const struct bb_command *order,
                            struct bb_command_result *ret);

/* effects.c: the plan of an answered command. */
bb_err effects_plan(const struct command *, const bb_json *payload, const bb_json *answer, struct bb_effect_plan *ret);

#endif
