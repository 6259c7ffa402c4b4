/* SPDX-License-Identifier: Apache-2.0
 *
 * What a station's answer to a command means for what is kept about it, whoever sent the command: an operator by hand,
 * or another part of Busbar.
 */
#ifndef OCPP16_KEEP_H
#define OCPP16_KEEP_H

#include "commands.h"

/* After the answer. `text` is the request's payload. Trouble in keeping it is logged: the station has acted already. */
BB_AWAIT void keep_answer(struct station *, const struct command *, bb_str text, const struct bb_command_result *);

#endif
