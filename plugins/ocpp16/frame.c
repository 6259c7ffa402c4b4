/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading and writing frames. What a station sends is answered whenever its id can be read, so that it does not wait
 * for its time-out; what cannot be answered is the caller's to log and to count.
 */
#include "frame.h"

static int32_t is_blank(char c)
{
        return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t skip_blanks(bb_str text, size_t at)
{
        while (at < text.len && is_blank(text.ptr[at]))
                at++;
        return at;
}

/* The string that begins at `at` (a quote); BB_NONE when it has no end or an escape. */
static bb_str peek_string(bb_str text, size_t at)
{
        size_t end = at + 1;

        while (end < text.len && text.ptr[end] != '"' && text.ptr[end] != '\\')
                end++;
        if (end >= text.len || text.ptr[end] != '"')
                return BB_NONE;
        return (bb_str){.ptr = text.ptr + at + 1, .len = end - at - 1};
}

int32_t frame_peek(bb_str text, bb_str *ret_id)
{
        size_t at = skip_blanks(text, 0);
        int32_t type;

        *ret_id = BB_NONE;
        if (at >= text.len || text.ptr[at] != '[')
                return 0;
        at = skip_blanks(text, at + 1);
        if (at >= text.len || text.ptr[at] < '2' || text.ptr[at] > '4')
                return 0;
        type = text.ptr[at] - '0';
        at = skip_blanks(text, at + 1);
        if (at >= text.len || text.ptr[at] != ',')
                return 0;
        at = skip_blanks(text, at + 1);
        if (at < text.len && text.ptr[at] == '"')
                *ret_id = peek_string(text, at);
        return type;
}

const char *frame_fault_code(int32_t fault_kind)
{
        /* "Occurence" is how OCPP-J 1.6 spells it. */
        static const char *const codes[] = {
                [BB_FAULT_NONE] = "GenericError",
                [BB_FAULT_SYNTAX] = "FormationViolation",
                [BB_FAULT_MISSING] = "OccurenceConstraintViolation",
                [BB_FAULT_TYPE] = "TypeConstraintViolation",
                [BB_FAULT_VALUE] = "PropertyConstraintViolation",
                [BB_FAULT_UNKNOWN] = "FormationViolation",
        };

        if (fault_kind < 0 || (size_t)fault_kind >= BB_COUNT(codes))
                return codes[BB_FAULT_NONE];
        return codes[fault_kind];
}

static bb_err fault(struct frame_fault *ret, const char *code, bb_str id, bb_str text)
{
        *ret = (struct frame_fault){.code = code, .path = BB_STR(""), .text = text};
        if (id.ptr != NULL && id.len <= FRAME_ECHO_BYTES)
                ret->id = id;
        return BB_E_PROTOCOL;
}

static size_t count_chars(bb_str s)
{
        size_t n = 0;

        for (size_t i = 0; i < s.len; i++)
                n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
        return n;
}

static bb_err parse_call(const bb_json *array, size_t id_chars, struct frame *ret, struct frame_fault *ret_fault)
{
        size_t count = bb_json_count(array);

        if (count_chars(ret->id) > id_chars)
                return fault(ret_fault, "FormationViolation", ret->id,
                             BB_STR("the message id is longer than 36 characters"));
        if (count < 3)
                return fault(ret_fault, "ProtocolError", ret->id, BB_STR("the CALL has no action"));
        if (count > 4)
                return fault(ret_fault, "FormationViolation", ret->id, BB_STR("a CALL has four elements"));
        ret->action = bb_json_str(bb_json_at(array, 2));
        if (ret->action.ptr == NULL)
                return fault(ret_fault, "FormationViolation", ret->id, BB_STR("the action must be a string"));
        if (count < 4)
                return fault(ret_fault, "ProtocolError", ret->id, BB_STR("the CALL has no payload"));
        /* Some firmware writes null for an empty payload; the shape says what is missing then. */
        ret->payload = bb_json_at(array, 3);
        if (bb_json_kind(ret->payload) == BB_J_NULL)
                ret->payload = bb_json_new_object();
        if (bb_json_kind(ret->payload) != BB_J_OBJECT)
                return fault(ret_fault, "FormationViolation", ret->id, BB_STR("the payload must be an object"));
        return BB_OK;
}

static bb_err parse_result(const bb_json *array, struct frame *ret, struct frame_fault *ret_fault)
{
        if (bb_json_count(array) != 3)
                return fault(ret_fault, "FormationViolation", BB_NONE, BB_STR("a CALLRESULT has three elements"));
        ret->payload = bb_json_at(array, 2);
        if (bb_json_kind(ret->payload) == BB_J_NULL)
                ret->payload = bb_json_new_object();
        return BB_OK;
}

/* Code, description and details: stations leave out the last ones, so only the code is insisted on. */
static bb_err parse_error(const bb_json *array, struct frame *ret, struct frame_fault *ret_fault)
{
        size_t count = bb_json_count(array);

        if (count < 3 || count > 5)
                return fault(ret_fault, "FormationViolation", BB_NONE, BB_STR("a CALLERROR has five elements"));
        ret->error_code = bb_json_str(bb_json_at(array, 2));
        if (ret->error_code.ptr == NULL)
                return fault(ret_fault, "FormationViolation", BB_NONE, BB_STR("the error code must be a string"));
        if (count > 3)
                ret->error_text = bb_json_str(bb_json_at(array, 3));
        if (count > 4)
                ret->payload = bb_json_at(array, 4);
        return BB_OK;
}

static int32_t is_plain(bb_str s)
{
        for (size_t i = 0; i < s.len; i++) {
                if (s.ptr[i] < ' ' || s.ptr[i] > '~')
                        return 0;
        }
        return 1;
}

/* Not even JSON: if it begins like a CALL, its sender is told. The id was not checked to be UTF-8, so it must be plain.
 */
static bb_err parse_wreck(bb_str text, const struct bb_fault *why, struct frame_fault *ret_fault)
{
        bb_str id;
        int32_t type = frame_peek(text, &id);

        return fault(ret_fault, "FormationViolation", type == FRAME_CALL && is_plain(id) ? id : BB_NONE,
                     bb_print("the frame is not JSON: %.*s", BB_FMT(why->text)));
}

/* Takes a string and the comma behind it from `text` at `*at`. */
static bb_str split_string(bb_str text, size_t *at)
{
        size_t start = skip_blanks(text, *at), comma;
        bb_str s = BB_NONE;

        if (start < text.len && text.ptr[start] == '"')
                s = peek_string(text, start);
        if (s.ptr == NULL || !is_plain(s))
                return BB_NONE;
        comma = skip_blanks(text, start + s.len + 2);
        if (comma >= text.len || text.ptr[comma] != ',')
                return BB_NONE;
        *at = comma + 1;
        return s;
}

int32_t frame_split(bb_str text, struct frame *ret, bb_str *ret_payload)
{
        size_t at = skip_blanks(text, 0), end = text.len;

        *ret = (struct frame){.type = FRAME_CALL};
        if (at >= end || text.ptr[at] != '[')
                return 0;
        at = skip_blanks(text, at + 1);
        if (at >= end || text.ptr[at] != '0' + FRAME_CALL)
                return 0;
        at = skip_blanks(text, at + 1);
        if (at >= end || text.ptr[at++] != ',')
                return 0;
        ret->id = split_string(text, &at);
        ret->action = ret->id.ptr != NULL ? split_string(text, &at) : BB_NONE;
        while (end > at && is_blank(text.ptr[end - 1]))
                end--;
        if (ret->action.ptr == NULL || ret->id.len > FRAME_ID_CHARS || end <= at || text.ptr[end - 1] != ']')
                return 0;
        *ret_payload = (bb_str){.ptr = text.ptr + at, .len = end - 1 - at};
        return 1;
}

static bb_err parse(bb_str text, size_t id_chars, struct frame *ret, struct frame_fault *ret_fault)
{
        struct bb_fault why = {.kind = BB_FAULT_NONE};
        bb_json *array = NULL;

        *ret = (struct frame){.type = 0};
        if (bb_json_parse(text, &array, &why) < 0)
                return parse_wreck(text, &why, ret_fault);
        if (bb_json_kind(array) != BB_J_ARRAY || bb_json_count(array) == 0)
                return fault(ret_fault, "FormationViolation", BB_NONE, BB_STR("the frame is not an array"));
        if (bb_json_kind(bb_json_at(array, 0)) != BB_J_INT)
                return fault(ret_fault, "FormationViolation", BB_NONE, BB_STR("the message type must be 2, 3 or 4"));
        ret->id = bb_json_str(bb_json_at(array, 1));
        if (ret->id.ptr == NULL)
                return fault(ret_fault, "FormationViolation", BB_NONE, BB_STR("the message id must be a string"));
        switch (bb_json_int(bb_json_at(array, 0), 0)) {
        case FRAME_CALL:
                ret->type = FRAME_CALL;
                return parse_call(array, id_chars, ret, ret_fault);
        case FRAME_RESULT:
                ret->type = FRAME_RESULT;
                return parse_result(array, ret, ret_fault);
        case FRAME_ERROR:
                ret->type = FRAME_ERROR;
                return parse_error(array, ret, ret_fault);
        default: /* §4.1.1: a message of another type is ignored */
                return fault(ret_fault, "FormationViolation", BB_NONE, BB_STR("the message type must be 2, 3 or 4"));
        }
}

bb_err frame_parse(bb_str text, struct frame *ret, struct frame_fault *ret_fault)
{
        return parse(text, FRAME_ID_CHARS, ret, ret_fault);
}

bb_err frame_parse_long_id(bb_str text, struct frame *ret, struct frame_fault *ret_fault)
{
        return parse(text, FRAME_LONG_ID_CHARS, ret, ret_fault);
}

/* As a JSON string with its quotes. Ids are nearly always plain, so they seldom cost a detour. */
static bb_str quoted(bb_str s)
{
        for (size_t i = 0; i < s.len; i++) {
                if (s.ptr[i] < ' ' || s.ptr[i] > '~' || s.ptr[i] == '"' || s.ptr[i] == '\\')
                        return bb_json_text(bb_json_new_str(s));
        }
        return bb_print("\"%.*s\"", BB_FMT(s));
}

bb_str frame_call(bb_str id, const char *action, bb_str payload)
{
        return bb_print("[2,%.*s,\"%s\",%.*s]", BB_FMT(quoted(id)), action, BB_FMT(payload));
}

bb_str frame_result(bb_str id, bb_str payload)
{
        return bb_print("[3,%.*s,%.*s]", BB_FMT(quoted(id)), BB_FMT(payload));
}

/* The first 255 characters, never half of one. */
static bb_str shortened(bb_str s)
{
        size_t chars = 0;

        for (size_t i = 0; i < s.len; i++) {
                if (((unsigned char)s.ptr[i] & 0xc0) == 0x80)
                        continue;
                if (++chars > FRAME_TEXT_CHARS)
                        return (bb_str){.ptr = s.ptr, .len = i};
        }
        return s;
}

bb_str frame_error(const struct frame_fault *f)
{
        bb_str text = f->path.len > 0 ? bb_print("%.*s: %.*s", BB_FMT(f->path), BB_FMT(f->text)) : f->text;
        bb_json *details = bb_json_new_object();

        if (f->path.len > 0)
                bb_json_set_str(details, "path", f->path);
        return bb_print("[4,%.*s,\"%s\",%.*s,%.*s]", BB_FMT(quoted(f->id)), f->code, BB_FMT(quoted(shortened(text))),
                        BB_FMT(bb_json_text(details)));
}
