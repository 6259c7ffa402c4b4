/* SPDX-License-Identifier: Apache-2.0
 *
 * A CALL that a station sends again on the same connection gets the same answer, byte for byte, and is not done again.
 * The same one: message id, action and payload are equal. An id that comes with other content is a new message; what is
 * sent again on another connection, or much later, is recognised by the database's keys.
 */
#ifndef OCPP16_REPEAT_H
#define OCPP16_REPEAT_H

#include "station.h"

enum {
        REPEAT_RECENT = 0, /* one of the latest: its content tells two of them apart */
        REPEAT_LATEST = 1, /* the latest only: A, B, A are three messages, and some firmware has one id for all */
        REPEAT_NEVER = 2   /* served anew: nothing is done for it, and its answer grows old */
};

enum {
        REPEAT_NEW = 0,    /* to be served */
        REPEAT_ANSWER = 1, /* *ret_answer is the payload that was answered */
        REPEAT_DROP = 2    /* it came before its answer had left, so that answer is for both */
};

/* On the loop: one more message was put in the line. */
void repeat_arrived(struct station *);
/* The next message of the line, `text` as it came, is served now. */
int32_t repeat_find(struct station *, bb_str text, int32_t mode, bb_str *ret_answer);
/* It was answered with this payload. */
void repeat_keep(struct station *, bb_str text, int32_t mode, bb_str answer);
/* Frees what is too old to be sent again, so that an idle station holds nothing. */
void repeat_forget_old(struct station *, int64_t now_mono_ms);
void repeat_free(struct station *);

#endif
