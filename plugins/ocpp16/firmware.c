/* SPDX-License-Identifier: Apache-2.0
 *
 * Firmware as operators keep it: uploaded once, sent to many stations.
 */
#include "page.h"
#include "receive.h"
#include "shapes_security.h"
#include "transfer.h"

const struct bb_query_param firmware_query[] = {
        {.name = "name",
         .type = BB_T_STR,
         .about = "The name of the file, as stations see it; otherwise that of the form's file."},
        {.name = "version", .type = BB_T_STR},
        {.name = "vendor", .type = BB_T_STR, .about = "Only for stations that say this in their BootNotification."},
        {.name = "model", .type = BB_T_STR, .about = "The same."},
};
_Static_assert(BB_COUNT(firmware_query) == FIRMWARE_QUERIES, "the route names the number");

struct firmware_view {
        uint64_t present;
        bb_str id, name, version, vendor, model, sha256, created_by;
        int64_t bytes, created_ms;
        int32_t is_signed;
        int32_t reserved;
};
static const struct bb_field firmware_fields[] = {
        FIELD(firmware_view, id, "id", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(firmware_view, name, "name", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(firmware_view, version, "version", BB_T_STR),
        FIELD(firmware_view, vendor, "vendor", BB_T_STR),
        FIELD(firmware_view, model, "model", BB_T_STR),
        FIELD(firmware_view, bytes, "bytes", BB_T_INT, .flags = BB_REQUIRED),
        FIELD(firmware_view, sha256, "sha256", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(firmware_view, is_signed, "signed", BB_T_BOOL, .flags = BB_REQUIRED,
              .about = "It has a signature, for SignedUpdateFirmware."),
        FIELD(firmware_view, created_ms, "created_at", BB_T_TIME, .flags = BB_REQUIRED),
        FIELD(firmware_view, created_by, "created_by", BB_T_STR, .flags = BB_REQUIRED),
};
BB_SHAPE(Firmware, firmware_view, 0, "A firmware file for stations.", firmware_fields);

struct firmware_signature {
        uint64_t present;
        bb_str signature, signing_certificate;
};
static const struct bb_field signature_fields[] = {
        TEXT_FIELD(firmware_signature, signature, "signature", SIGNATURE_CHARS, .flags = BB_REQUIRED, .min = 1,
                   .about = "base64, over the file (Security Whitepaper §6.7)."),
        TEXT_FIELD(firmware_signature, signing_certificate, "signing_certificate", PEM_CHARS, .flags = BB_REQUIRED,
                   .min = 1, .about = "PEM."),
};
BB_SHAPE(FirmwareSignature, firmware_signature, 0, "What a station checks a firmware by.", signature_fields);

static bb_json *view_of(const bb_rows *rows, size_t i)
{
        const struct firmware_view v = {.id = bb_row_str(rows, i, 0),
                                        .name = bb_row_str(rows, i, 1),
                                        .version = bb_row_str(rows, i, 2),
                                        .vendor = bb_row_str(rows, i, 3),
                                        .model = bb_row_str(rows, i, 4),
                                        .bytes = bb_row_int(rows, i, 5, 0),
                                        .sha256 = bb_row_str(rows, i, 6),
                                        .is_signed = (int32_t)bb_row_int(rows, i, 7, 0),
                                        .created_ms = bb_row_time(rows, i, 8, 0),
                                        .created_by = bb_row_str(rows, i, 9)};

        return bb_shape_encode(&Firmware, &v);
}

static BB_AWAIT bb_err read_rows(bb_str id, bb_str before, size_t limit, bb_rows **ret)
{
        return bb_db_query(ret,
                           "select id::text, name, version, vendor, model, bytes, encode(sha256, 'hex'),"
                           " signature is not null, created_at, created_by, file from ocpp16.firmware"
                           " where ($1::text is null or id = $1::uuid) and ($2::text is null or id < $2::uuid)"
                           " order by id desc limit $3",
                           BB_TEXT(id), BB_TEXT(before), BB_INT((int64_t)limit));
}

static BB_AWAIT bb_err find_one(bb_request *req, bb_rows **ret)
{
        bb_str id = bb_request_param(req, "id");

        if (!is_uuid(id))
                return BB_E_NOT_FOUND;
        TRY(read_rows(id, BB_NONE, 1, ret));
        return bb_rows_count(*ret) == 1 ? BB_OK : BB_E_NOT_FOUND;
}

BB_AWAIT bb_err firmware_list(bb_request *req, bb_response *res)
{
        bb_json *items = bb_json_new_array();
        size_t limit, count;
        bb_rows *rows;
        bb_str after;

        TRY(page_by_uuid(req, res, &limit, &after));
        TRY(read_rows(BB_NONE, after, limit, &rows));
        count = bb_rows_count(rows);
        for (size_t i = 0; i < count; i++)
                bb_json_append(items, view_of(rows, i));
        bb_response_page(res, items, count == limit ? bb_row_str(rows, count - 1, 0) : BB_NONE);
        return BB_OK;
}

BB_AWAIT bb_err firmware_read(bb_request *req, bb_response *res)
{
        bb_rows *rows;

        TRY(find_one(req, &rows));
        bb_response_json(res, view_of(rows, 0));
        return BB_OK;
}

BB_AWAIT bb_err firmware_file(bb_request *req, bb_response *res)
{
        struct ocpp_tenant *owner = bb_request_state(req);
        bb_rows *rows;

        if (owner == NULL)
                return BB_E_NOT_FOUND;
        TRY(find_one(req, &rows));
        return bb_response_file(res, bb_str_c(stored_path(owner->tenant, bb_row_str(rows, 0, 10))),
                                "application/octet-stream", bb_row_str(rows, 0, 1));
}

/* It is a segment of a URL that stations of all kinds have to understand. */
static int32_t is_plain_name(bb_str name)
{
        for (size_t i = 0; i < name.len; i++) {
                char c = name.ptr[i];

                if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      (c != '\0' && strchr("._-", c) != NULL)))
                        return 0;
        }
        return name.len > 0 && name.len <= 100 && name.ptr[0] != '.';
}

static BB_AWAIT bb_err store(bb_request *req, const struct received *r, bb_str id, bb_str name)
{
        bb_json *details = bb_json_new_object();

        bb_json_set_str(details, "name", name);
        bb_json_set_int(details, "bytes", r->bytes);
        const struct bb_stmt stmts[] = {
                BB_STMT("insert into ocpp16.firmware (id, file, name, version, vendor, model, bytes, sha256, "
                        "created_by)"
                        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                        BB_UUID(id), BB_TEXT(r->file), BB_TEXT(name), BB_TEXT(bb_request_query(req, "version")),
                        BB_TEXT(bb_request_query(req, "vendor")), BB_TEXT(bb_request_query(req, "model")),
                        BB_INT(r->bytes),
                        BB_BYTES(((bb_str){.ptr = (const char *)r->sha256, .len = sizeof(r->sha256)})),
                        BB_TEXT(bb_request_actor(req))),
                bb_audit_stmt(bb_request_actor(req), "firmware.upload", id, bb_json_text(details)),
        };

        return bb_db_run(stmts, BB_COUNT(stmts), NULL);
}

static bb_err check_name(bb_response *res, bb_str name)
{
        if (is_plain_name(name))
                return BB_OK;
        return bb_problem(
                res, BB_E_INVALID, 400, "invalid-query",
                BB_STR("The query parameter name is needed: 1 to 100 letters, digits and \"._-\", the first no "
                       "dot."));
}

BB_AWAIT bb_err firmware_upload(bb_request *req, bb_response *res)
{
        struct ocpp_tenant *owner = bb_request_state(req);
        bb_str name = bb_request_query(req, "name"), id = bb_uuid();
        struct received r;
        bb_rows *rows;
        bb_err err;

        if (owner == NULL)
                return BB_E_NOT_FOUND;
        if (name.ptr != NULL) /* before the file is read */
                TRY(check_name(res, name));
        TRY(receive_file(req, res, owner->tenant, owner->options->firmware_max_mb * (1LL << 20), &r));
        if (name.ptr == NULL)
                name = r.name;
        err = check_name(res, name);
        if (err == BB_OK && r.bytes == 0)
                err = bb_problem(res, BB_E_INVALID, 400, "empty-file", BB_STR("The file is empty."));
        if (err == BB_OK)
                err = store(req, &r, id, name);
        if (err < 0) {
                stored_remove(owner->tenant, r.file);
                return err;
        }
        TRY(read_rows(id, BB_NONE, 1, &rows));
        bb_response_status(res, 201);
        bb_response_header(res, "Location",
                           bb_print("%.*s/v1/firmware/%.*s", BB_FMT(bb_request_base_url(req)), BB_FMT(id)));
        bb_response_json(res, view_of(rows, 0));
        return BB_OK;
}

BB_AWAIT bb_err firmware_sign(bb_request *req, bb_response *res)
{
        struct firmware_signature body;
        bb_rows *rows;

        TRY(bb_request_decode(req, &FirmwareSignature, &body, res));
        TRY(find_one(req, &rows));
        const struct bb_stmt stmts[] = {
                BB_STMT("update ocpp16.firmware set signature = $2, signing_certificate = $3 where id = $1",
                        BB_UUID(bb_request_param(req, "id")), BB_TEXT(body.signature),
                        BB_TEXT(body.signing_certificate)),
                bb_audit_stmt(bb_request_actor(req), "firmware.sign", bb_request_param(req, "id"), BB_NONE),
        };
        TRY(bb_db_run(stmts, BB_COUNT(stmts), NULL));
        return firmware_read(req, res);
}

BB_AWAIT bb_err firmware_remove(bb_request *req, bb_response *res)
{
        struct ocpp_tenant *owner = bb_request_state(req);
        bb_str id = bb_request_param(req, "id");
        bb_rows *rows;
        bb_err err;

        if (owner == NULL)
                return BB_E_NOT_FOUND;
        TRY(find_one(req, &rows));
        const struct bb_stmt stmts[] = {
                {.sql = "update ocpp16.transfer set firmware_id = null where firmware_id = $1 and not exists"
                        " (select from ocpp16.transfer where firmware_id = $1 and completed_at is null"
                        " and expires_at > now() and state in ('requested', 'accepted', 'transferring', 'failed'))",
                 .params = (const struct bb_param[]){BB_UUID(id)},
                 .param_count = 1},
                {.sql = "delete from ocpp16.firmware where id = $1 and not exists"
                        " (select from ocpp16.transfer where firmware_id = $1)",
                 .params = (const struct bb_param[]){BB_UUID(id)},
                 .param_count = 1,
                 .flags = BB_STMT_MUST_HIT},
                bb_audit_stmt(bb_request_actor(req), "firmware.remove", id, BB_NONE),
        };
        err = bb_db_run(stmts, BB_COUNT(stmts), NULL);
        if (err == BB_E_NOT_FOUND)
                return bb_problem(res, BB_E_CONFLICT, 409, "firmware-in-use",
                                  BB_STR("Stations are still to fetch it: wait, or cancel their transfers."));
        TRY(err);
        stored_remove(owner->tenant, bb_row_str(rows, 0, 10));
        return BB_OK;
}
