/* SPDX-License-Identifier: Apache-2.0
 *
 * The frames of OCPP-J 1.6 §4: CALL, CALLRESULT and CALLERROR, read and written. Knows no action and no station.
 */
#ifndef OCPP16_FRAME_H
#define OCPP16_FRAME_H

#include <busbar/rt.h>
#include <busbar/shape.h>

enum { FRAME_CALL = 2, FRAME_RESULT = 3, FRAME_ERROR = 4 };

#define FRAME_ID_CHARS 36       /* §4.1.4 */
#define FRAME_LONG_ID_CHARS 255 /* what is put up with (validation.c) */
#define FRAME_ECHO_BYTES 255    /* an id longer than this is not repeated in an error */
#define FRAME_TEXT_CHARS 255    /* of an errorDescription, §4.2.3 */

struct frame {
        int32_t type; /* FRAME_… */
        int32_t reserved;
        bb_str id;
        bb_str action;          /* of a CALL */
        const bb_json *payload; /* of a CALL or CALLRESULT; the details of a CALLERROR; NULL: null, or left out */
        bb_str error_code, error_text; /* of a CALLERROR */
};

/* Why a frame is not served. */
struct frame_fault {
        const char *code; /* for the CALLERROR: "FormationViolation" */
        bb_str id;        /* ptr NULL: the frame cannot be answered */
        bb_str path;      /* JSON pointer into the payload, "" for all of it */
        bb_str text;      /* a sentence */
};

/* BB_E_PROTOCOL with the fault when `text` is no frame that can be served. */
bb_err frame_parse(bb_str text, struct frame *ret, struct frame_fault *ret_fault);
/* The same for a CALL whose id has up to FRAME_LONG_ID_CHARS characters. */
bb_err frame_parse_long_id(bb_str text, struct frame *ret, struct frame_fault *ret_fault);
/* Type and id from the first bytes of a frame, without reading the rest; 0 when it does not begin like a frame.
 * The id is absent when it is no string, or one with escapes. Allocates nothing. */
int32_t frame_peek(bb_str text, bb_str *ret_id);

/* A CALL whose frame is written plainly, as nearly all are: its id and action, and the payload as it stands there,
 * which nobody has read yet. 0 says nothing of the frame: frame_parse has to look. Allocates nothing. */
int32_t frame_split(bb_str text, struct frame *ret, bb_str *ret_payload);

/* `payload` is JSON text. */
bb_str frame_call(bb_str id, const char *action, bb_str payload);
bb_str frame_result(bb_str id, bb_str payload);
bb_str frame_error(const struct frame_fault *);

/* OCPP-J's code for what a shape found wrong, §4.2.3 table 7. */
const char *frame_fault_code(int32_t fault_kind);

#endif
