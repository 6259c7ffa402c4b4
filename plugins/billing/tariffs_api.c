/* SPDX-License-Identifier: Apache-2.0
 *
 * /v1/tariffs: list, read, save, take out of use, try.
 */
#include "billing.h"
#include "versioned.h"

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

static bb_json *show(const struct versioned *saved, const void *terms)
{
        const struct ocpi_tariff *t = terms;
        struct ocpi_remarks remarks = {.count = 0};
        struct tariff_out out = {.present = ~0ull,
                                 .id = saved->id,
                                 .version = saved->version,
                                 .created_ms = saved->created_ms,
                                 .updated_ms = saved->updated_ms};
        struct tariff compiled;

        (void)ocpi_tariff_compile(t, OCPI_2_3_0, &compiled, &remarks); /* it could be computed when it was saved */
        out.tariff = bb_shape_encode(&OcpiTariff, t);
        out.remarks = (struct bb_array){.items = remarks.items, .count = remarks.count};
        return bb_shape_encode(&Tariff, &out);
}

static const struct versioned_kind tariffs = {
        .noun = "tariff",
        .terms = &OcpiTariff,
        .size = sizeof(struct ocpi_tariff),
        .saved = "tariff.save",
        .ended = "tariff.retire",
        .list = "select t.tariff_id, v.document, v.version, t.created_at, t.updated_at from billing.tariff t"
                " join billing.tariff_version v on v.tariff_id = t.tariff_id and v.version = t.version"
                " where not t.retired and ($1::text is null or t.tariff_id > $1) order by t.tariff_id limit $2",
        .load = "select t.tariff_id, v.document, v.version, t.created_at, t.updated_at from billing.tariff t"
                " join billing.tariff_version v on v.tariff_id = t.tariff_id"
                " and v.version = case when $2 = 0 then t.version else $2 end"
                " where t.tariff_id = $1 and ($2 <> 0 or not t.retired)",
        .find = "select version, retired from billing.tariff where tariff_id = $1",
        .put = "insert into billing.tariff (tariff_id, version) values ($1, $2)"
               " on conflict (tenant_id, tariff_id) do update set version = $2, retired = false, updated_at = now()"
               " where tariff.version = $2 - 1",
        .keep = "insert into billing.tariff_version (tariff_id, version, document) values ($1, $2, $3)"
                " on conflict (tenant_id, tariff_id, version) do nothing",
        .end = "update billing.tariff set retired = true, updated_at = now()"
               " where tariff_id = $1 and version = $2 and not retired",
        .show = show,
};

BB_AWAIT bb_err tariff_load(bb_str id, int64_t version, struct stored_tariff *ret)
{
        struct versioned saved;

        TRY(versioned_load(&tariffs, id, version, &saved, &ret->tariff));
        ret->tariff.id = saved.id;
        ret->version = saved.version;
        return BB_OK;
}

BB_AWAIT bb_err tariffs_list(bb_request *req, bb_response *res)
{
        return versioned_list(&tariffs, req, res);
}

BB_AWAIT bb_err tariff_read(bb_request *req, bb_response *res)
{
        return versioned_read(&tariffs, req, res);
}

BB_AWAIT bb_err tariff_write(bb_request *req, bb_response *res)
{
        bb_str id = bb_request_param(req, "id");
        struct ocpi_remarks remarks = {.count = 0};
        struct ocpi_tariff tariff;
        struct tariff compiled;

        TRY(bb_request_decode(req, &OcpiTariff, &tariff, res));
        TRY(versioned_check_id(&tariffs, res, id, tariff.id));
        TRY(tariff_of_request(res, &tariff, OCPI_2_3_0, BB_NONE, &compiled, &remarks));
        tariff.id = id;
        return versioned_write(&tariffs, req, res, &tariff);
}

/* Sessions would go on by its last version, and nobody could see it any more. */
BB_AWAIT bb_err tariff_remove(bb_request *req, bb_response *res)
{
        const struct billing_options *options = bb_request_state(req);
        bb_str id = bb_request_param(req, "id");
        bb_rows *rows;

        if (bb_str_eq(id, options->default_tariff))
                return bb_problem(res, BB_E_CONFLICT, 409, "tariff-in-use",
                                  BB_STR("It is this tenant's default_tariff, for sessions under no contract."));
        TRY(bb_db_query(&rows,
                        "select c.contract_id from billing.contract c join billing.contract_version v"
                        " on v.contract_id = c.contract_id and v.version = c.version"
                        " where not c.retired and v.document::jsonb->>'tariff_id' = $1 order by c.contract_id limit 1",
                        BB_TEXT(id)));
        if (bb_rows_count(rows) > 0)
                return bb_problem(res, BB_E_CONFLICT, 409, "tariff-in-use",
                                  bb_print("The contract %.*s goes by it.", BB_FMT(bb_row_str(rows, 0, 0))));
        return versioned_remove(&tariffs, req, res);
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
