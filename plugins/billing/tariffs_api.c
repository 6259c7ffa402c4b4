/* SPDX-License-Identifier: Apache-2.0
 *
 * /v1/tariffs: list, read, save, take out of use, try.
 */
#include "billing.h"

struct tariff_out {
        uint64_t present;
        bb_str id;
        int64_t version, created_ms, updated_ms;
        bb_json *tariff;
        struct bb_array remarks; /* of struct ocpi_remark */
};
enum { T_ID, T_VERSION, T_CREATED, T_UPDATED, T_TARIFF, T_REMARKS };
static const struct bb_field tariff_fields[] = {
        [T_ID] = FIELD(tariff_out, id, "id", BB_T_STR, .flags = BB_REQUIRED),
        [T_VERSION] = FIELD(tariff_out, version, "version", BB_T_INT, .flags = BB_REQUIRED),
        [T_CREATED] = FIELD(tariff_out, created_ms, "created_at", BB_T_TIME, .flags = BB_REQUIRED),
        [T_UPDATED] = FIELD(tariff_out, updated_ms, "updated_at", BB_T_TIME, .flags = BB_REQUIRED),
        [T_TARIFF] = FIELD(tariff_out, tariff, "tariff", BB_T_JSON, .flags = BB_REQUIRED,
                           .about = "As OCPI 2.3.0 writes it."),
        [T_REMARKS] = FIELD(tariff_out, remarks, "remarks", BB_T_ARRAY, .flags = BB_REQUIRED, .shape = &TariffRemark,
                            .about = "What is odd about it."),
};
BB_SHAPE(Tariff, tariff_out, 0, "A tariff in its latest version.", tariff_fields);

struct tried {
        uint64_t present;
        int32_t computable;
        struct bb_array remarks;
};
static const struct bb_field tried_fields[] = {
        FIELD(tried, computable, "computable", BB_T_BOOL, .flags = BB_REQUIRED),
        FIELD(tried, remarks, "remarks", BB_T_ARRAY, .flags = BB_REQUIRED, .shape = &TariffRemark),
};
BB_SHAPE(TariffTried, tried, 0, "What can be said of a tariff.", tried_fields);

static struct tariff_out out_of(const struct stored_tariff *s)
{
        struct ocpi_remarks remarks = {.count = 0};
        struct tariff compiled;

        (void)ocpi_tariff_compile(&s->tariff, OCPI_2_3_0, &compiled,
                                  &remarks); /* it could be computed when it was saved */
        return (struct tariff_out){.present = ~0ull,
                                   .id = s->tariff.id,
                                   .version = s->version,
                                   .created_ms = s->created_ms,
                                   .updated_ms = s->updated_ms,
                                   .tariff = bb_shape_encode(&OcpiTariff, &s->tariff),
                                   .remarks = {.items = remarks.items, .count = remarks.count}};
}

static bb_str tag_of(int64_t version)
{
        return version > 0 ? bb_print("v%lld", (long long)version) : BB_NONE;
}

BB_AWAIT bb_err tariffs_list(bb_request *req, bb_response *res)
{
        bb_json *items = bb_json_new_array();
        size_t limit, count;
        bb_str after, last = BB_NONE;
        bb_rows *rows;

        TRY(bb_page(req, res, &limit, &after));
        TRY(bb_db_query(
                &rows,
                "select tariff_id from billing.tariff where not retired and ($1::text is null or tariff_id > $1)"
                " order by tariff_id limit $2",
                BB_TEXT(after), BB_INT((int64_t)limit)));
        count = bb_rows_count(rows);
        for (size_t i = 0; i < count; i++) {
                struct stored_tariff stored;
                struct tariff_out out;
                bb_err err;

                last = bb_row_str(rows, i, 0);
                err = tariff_load(last, 0, &stored);
                if (err == BB_E_NOT_FOUND) /* taken out of use a moment ago */
                        continue;
                TRY(err);
                out = out_of(&stored);
                bb_json_append(items, bb_shape_encode(&Tariff, &out));
        }
        bb_response_page(res, items, count == limit ? last : BB_NONE);
        return BB_OK;
}

BB_AWAIT bb_err tariff_read(bb_request *req, bb_response *res)
{
        struct stored_tariff stored;
        struct tariff_out out;

        TRY(tariff_load(bb_request_param(req, "id"), 0, &stored));
        TRY(bb_etag(req, res, tag_of(stored.version)));
        out = out_of(&stored);
        bb_response_shape(res, &Tariff, &out);
        return BB_OK;
}

static bb_err check_id(bb_response *res, bb_str id, const struct ocpi_tariff *t)
{
        if (id.len < 1 || id.len > 36)
                return bb_problem(res, BB_E_INVALID, 422, "bad-tariff-id",
                                  BB_STR("A tariff's id has 1 to 36 characters (OCPI CiString(36))."));
        if (t->id.ptr == NULL || bb_str_eq(t->id, id))
                return BB_OK;
        bb_problem_field(res, BB_STR("/id"), BB_STR("is not the id in the path"));
        return bb_problem(res, BB_E_INVALID, 422, "validation-failed", BB_STR("Two ids."));
}

/* The row of the tariff decides who was first: two who save the same version at once meet there. */
static BB_AWAIT bb_err save(bb_request *req, bb_str id, int64_t before, const struct ocpi_tariff *tariff)
{
        bb_str details = bb_print("{\"version\":%lld}", (long long)before + 1);
        const struct bb_stmt stmts[] = {
                {.sql = "insert into billing.tariff (tariff_id, version) values ($1, $2)"
                        " on conflict (tenant_id, tariff_id) do update set version = $2, retired = false, updated_at = "
                        "now()"
                        " where tariff.version = $2 - 1",
                 .params = (const struct bb_param[]){BB_TEXT(id), BB_INT(before + 1)},
                 .param_count = 2,
                 .flags = BB_STMT_MUST_HIT},
                BB_STMT("insert into billing.tariff_version (tariff_id, version, document) values ($1, $2, $3)",
                        BB_TEXT(id), BB_INT(before + 1), BB_TEXT(bb_shape_encode_text(&OcpiTariff, tariff))),
                bb_audit_stmt(bb_request_actor(req), "tariff.save", id, details),
        };
        bb_err err = bb_db_run(stmts, BB_COUNT(stmts), NULL);

        return err == BB_E_NOT_FOUND || err == BB_E_EXISTS ? BB_E_CONFLICT : err;
}

/* The latest version, in use or not; 0: there is none. */
static BB_AWAIT bb_err version_of(bb_str id, int64_t *ret, int32_t *ret_retired)
{
        bb_rows *rows;

        *ret = 0;
        *ret_retired = 0;
        TRY(bb_db_query(&rows, "select version, retired from billing.tariff where tariff_id = $1", BB_TEXT(id)));
        if (bb_rows_count(rows) > 0) {
                *ret = bb_row_int(rows, 0, 0, 0);
                *ret_retired = (int32_t)bb_row_int(rows, 0, 1, 0);
        }
        return BB_OK;
}

BB_AWAIT bb_err tariff_write(bb_request *req, bb_response *res)
{
        bb_str id = bb_request_param(req, "id");
        struct ocpi_remarks remarks = {.count = 0};
        struct stored_tariff stored;
        struct ocpi_tariff tariff;
        struct tariff_out out;
        struct tariff compiled;
        int64_t before;
        int32_t retired;

        TRY(bb_request_decode(req, &OcpiTariff, &tariff, res));
        TRY(check_id(res, id, &tariff));
        TRY(tariff_of_request(res, &tariff, OCPI_2_3_0, BB_NONE, &compiled, &remarks));
        TRY(version_of(id, &before, &retired));
        TRY(bb_etag(req, res, tag_of(retired ? 0 : before)));
        tariff.id = id;
        TRY(save(req, id, before, &tariff));
        TRY(tariff_load(id, before + 1, &stored));
        TRY(bb_etag(req, res, tag_of(stored.version)));
        out = out_of(&stored);
        bb_response_status(res, before == 0 || retired ? 201 : 200);
        bb_response_shape(res, &Tariff, &out);
        return BB_OK;
}

BB_AWAIT bb_err tariff_remove(bb_request *req, bb_response *res)
{
        bb_str id = bb_request_param(req, "id");
        struct stored_tariff stored;

        TRY(tariff_load(id, 0, &stored));
        TRY(bb_etag(req, res, tag_of(stored.version)));
        const struct bb_stmt stmts[] = {
                {.sql = "update billing.tariff set retired = true, updated_at = now()"
                        " where tariff_id = $1 and version = $2 and not retired",
                 .params = (const struct bb_param[]){BB_TEXT(id), BB_INT(stored.version)},
                 .param_count = 2,
                 .flags = BB_STMT_MUST_HIT},
                bb_audit_stmt(bb_request_actor(req), "tariff.retire", id, BB_NONE),
        };
        TRY(bb_db_run(stmts, BB_COUNT(stmts), NULL));
        bb_response_status(res, 204);
        return BB_OK;
}

bb_err tariff_try(bb_request *req, bb_response *res)
{
        struct ocpi_remarks remarks = {.count = 0};
        struct ocpi_tariff tariff;
        struct tariff compiled;
        struct tried tried;

        TRY(bb_request_decode(req, &OcpiTariff, &tariff, res));
        tried.computable = ocpi_tariff_compile(&tariff, OCPI_2_3_0, &compiled, &remarks) == BB_OK;
        tried.present = ~0ull;
        tried.remarks = (struct bb_array){.items = remarks.items, .count = remarks.count};
        bb_response_shape(res, &TariffTried, &tried);
        return BB_OK;
}
