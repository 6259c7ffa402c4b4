/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /v1/stations/{id}/rotate-password: a new random password, sent as AuthorizationKey (Security Whitepaper use case
 * A01). It is in nobody's hands but the station's: no answer, log line or journal has it, and here its MAC is kept.
 */
#include "certificate.h"
#include "security.h"
#include "shapes.h"

enum { FORM_HEX = 0, FORM_TEXT = 1, KEY_BYTES = 20 /* A00.FR.205: 16 to 20 */ };

static const char *const form_names[] = {"hex", "text", NULL};

struct rotation {
        uint64_t present;
        int32_t form;
        int32_t replace;
};
static const struct bb_field rotation_fields[] = {
        ENUM_FIELD(rotation, form, "form", form_names, .fallback = "hex",
                   .about = "hex: 40 hexadecimal digits, as the Security Whitepaper has it; text: 20 characters, for "
                            "stations that use the value as it is and take no 40."),
        FIELD(rotation, replace, "replace", BB_T_BOOL,
              .about = "Although the station has not used the one that it was sent before. Should it have that one "
                       "after all, it is locked out."),
};
BB_SHAPE(KeyRotation, rotation, 0, "How a station's password is changed.", rotation_fields);

struct rotated {
        uint64_t present;
        bb_str status;
        int32_t password_changing;
};
static const struct bb_field rotated_fields[] = {
        FIELD(rotated, status, "status", BB_T_STR, .flags = BB_REQUIRED,
              .about = "What the station answered: Accepted or RebootRequired; unknown: nothing in time."),
        FIELD(rotated, password_changing, "password_changing", BB_T_BOOL, .flags = BB_REQUIRED,
              .about = "Both passwords are right until the station has connected with the new one."),
};
BB_SHAPE(KeyRotated, rotated, 0, "What became of a new password.", rotated_fields);

static bb_str new_password(int32_t form)
{
        static const char characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        uint8_t random[KEY_BYTES];
        char *text;

        bb_random(random, sizeof(random));
        if (form == FORM_HEX)
                return bb_hex((bb_str){.ptr = (const char *)random, .len = sizeof(random)});
        text = bb_alloc(sizeof(random) + 1);
        for (size_t i = 0; i < sizeof(random); i++)
                text[i] = characters[random[i] & 63];
        return (bb_str){.ptr = text, .len = sizeof(random)};
}

static BB_AWAIT bb_err send_password(bb_request *req, bb_str password, struct bb_command_result *ret)
{
        bb_json *payload = bb_json_new_object();

        bb_json_set_str(payload, "key", BB_STR("AuthorizationKey"));
        bb_json_set_str(payload, "value", password);
        return charging->command(bb_request_actor(req), bb_request_param(req, "id"), BB_STR("ChangeConfiguration"),
                                 payload, 0, ret);
}

static int32_t station_took_it(const struct bb_command_result *result, bb_str status)
{
        return result->outcome == BB_COMMAND_ANSWERED &&
               (bb_str_is(status, "Accepted") || bb_str_is(status, "RebootRequired"));
}

/* A01.FR.04: it keeps the old one. */
static BB_AWAIT bb_err not_taken(bb_request *req, bb_response *res, const struct bb_command_result *result,
                                 bb_str status)
{
        bb_str id = bb_request_param(req, "id");

        TRY(charging->password_next(bb_request_actor(req), id, BB_STR(""), 1));
        if (result->outcome == BB_COMMAND_OFFLINE)
                return bb_problem(res, BB_E_OFFLINE, 409, "station-offline", BB_STR("The station is not connected."));
        if (result->outcome == BB_COMMAND_BUSY)
                return bb_problem(res, BB_E_BUSY, 503, "station-busy",
                                  BB_STR("Too many commands wait for this station."));
        return bb_problem(res, BB_E_REJECTED, 409, "station-refused",
                          bb_print("The station did not take the new password (%.*s); the old one stays.",
                                   BB_FMT(status.ptr != NULL ? status : result->error_code)));
}

BB_AWAIT bb_err key_rotate(bb_request *req, bb_response *res)
{
        struct bb_command_result result = {.size = sizeof(result), .outcome = BB_COMMAND_OFFLINE};
        bb_str id = bb_request_param(req, "id"), password, status;
        struct rotation m = {.form = FORM_HEX};
        struct rotated out = {.password_changing = 1, .status = BB_STR("unknown")};
        bb_err err;

        if (bb_request_body(req).len > 0)
                TRY(bb_request_decode(req, &KeyRotation, &m, res));
        password = new_password(m.form);
        /* Before it is sent: the station may come back with it before we have heard its answer. */
        err = charging->password_next(bb_request_actor(req), id, password, m.replace);
        if (err == BB_E_EXISTS)
                return bb_problem(res, err, 409, "password-changing",
                                  BB_STR("The station was sent a password that it has not used yet. With \"replace\" "
                                         "that one counts no more."));
        TRY(err);
        TRY(send_password(req, password, &result));
        status = bb_json_str(bb_json_get(result.answer, "status"));
        if (result.outcome != BB_COMMAND_TIMEOUT && !station_took_it(&result, status))
                return not_taken(req, res, &result, status);
        if (result.outcome == BB_COMMAND_ANSWERED)
                out.status = status;
        security_raise(bb_request_state(req), id, SECURITY_RECONFIGURED,
                       BB_STR("the station was sent a new AuthorizationKey"));
        bb_response_shape(res, &KeyRotated, &out);
        return BB_OK;
}
