/* SPDX-License-Identifier: Apache-2.0
 *
 * Is a configuration key as a ChangeConfiguration wants it? Nothing is written that is so already: some stations
 * restart at each write, whatever its value.
 */
#ifndef OCPP16_CONFIGURATION_H
#define OCPP16_CONFIGURATION_H

#include "commands.h"

/* Can the key of this command be read? 0 also for every other action. */
int32_t configuration_confirms(const struct command *, const bb_json *payload);
/* The payload of the GetConfiguration that asks for it. */
bb_json *configuration_question(const bb_json *payload);
/* What its answer says. */
void configuration_compare(const bb_json *payload, const struct bb_command_result *, struct bb_confirmation *ret);

#endif
