/* SPDX-License-Identifier: Apache-2.0
 *
 * /v1/reports: list, read, save, remove.
 */
#include "export.h"

static bb_str tag_of(int64_t version)
{
        return version > 0 ? bb_print("v%lld", (long long)version) : BB_NONE;
}

/* GET /v1/reports */
BB_AWAIT bb_err reports_list(bb_request *req, bb_response *res)
{
        bb_json *items = bb_json_new_array();
        size_t limit, count;
        struct terms terms;
        bb_rows *rows;
        bb_str after;

        TRY(bb_page(req, res, &limit, &after));
        TRY(bb_db_query(&rows,
                        "select " REPORT_COLUMNS " from export.report r where ($1::text is null or r.report_id > $1)"
                        " order by r.report_id limit $2",
                        BB_TEXT(after), BB_INT((int64_t)limit)));
        count = bb_rows_count(rows);
        for (size_t i = 0; i < count; i++) {
                TRY(report_row(rows, i, &terms));
                bb_json_append(items, bb_shape_encode(&Report, &terms));
        }
        bb_response_page(res, items, count == limit ? bb_row_str(rows, count - 1, 0) : BB_NONE);
        return BB_OK;
}

/* GET /v1/reports/{id} */
BB_AWAIT bb_err report_read(bb_request *req, bb_response *res)
{
        struct terms terms;

        TRY(report_load(bb_request_param(req, "id"), &terms));
        TRY(bb_etag(req, res, tag_of(terms.version)));
        bb_response_shape(res, &Report, &terms);
        return BB_OK;
}

static int32_t is_id(bb_str id)
{
        for (size_t i = 0; i < id.len; i++) {
                char c = id.ptr[i];

                if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                      c == '_' || c == '.'))
                        return 0;
        }
        return id.len >= 1 && id.len <= 64;
}

/* All that is wrong with a report at once. Its columns are those that are usual today for who saves it, when he chose
 * none: it is made for others. *ret_next_ms: when it is due first; 0: never. */
static bb_err check(bb_request *req, bb_response *res, const struct export_state *state, struct terms *terms,
                    int64_t *ret_next_ms)
{
        struct remarks remarks = {.count = 0};
        struct choice choice = {.dataset = terms->dataset, .who = req};
        struct clockwork clockwork;
        struct timetable timetable;
        struct export_order order = {.report = BB_NONE};
        struct plan plan;

        *ret_next_ms = 0;
        choice_of(&terms->columns, terms->filters, &choice, &remarks);
        if (plan_make(state->tenant, &choice, &plan, &remarks) == BB_OK)
                order_of(state->tenant, terms, &choice, &plan, &order, &remarks);
        if (terms->schedule != NULL && timetable_of(terms->schedule, &timetable, &remarks) == BB_OK) {
                TRY(clockwork_of(state->tenant, terms, &clockwork));
                *ret_next_ms = timetable_next(&timetable, &clockwork, bb_now_ms());
        }
        TRY(remarks_answer(res, &remarks));
        terms->columns = order.columns;
        return plan_allowed(req, res, &plan);
}

/* Two who save the same version at once meet at the row. */
static BB_AWAIT bb_err save(bb_request *req, bb_str id, int64_t before, bb_str document, int64_t next_ms)
{
        const struct bb_stmt stmts[] = {
                {.sql = "insert into export.report (report_id, version, document, next_at) values ($1, $2, $3, $4)"
                        " on conflict (tenant_id, report_id) do update set version = $2, document = $3, next_at = $4,"
                        " updated_at = now() where report.version = $2 - 1",
                 .params = (const struct bb_param[]){BB_TEXT(id), BB_INT(before + 1), BB_TEXT(document),
                                                     BB_TIME_OR_NULL(next_ms != 0, next_ms)},
                 .param_count = 4,
                 .flags = BB_STMT_MUST_HIT},
                bb_audit_stmt(bb_request_actor(req), "report.save", id, document),
        };
        bb_err err = bb_db_run(stmts, BB_COUNT(stmts), NULL);

        return err == BB_E_NOT_FOUND || err == BB_E_EXISTS ? BB_E_CONFLICT : err;
}

/* PUT /v1/reports/{id} */
BB_AWAIT bb_err report_write(bb_request *req, bb_response *res)
{
        struct export_state *state = bb_request_state(req);
        bb_str id = bb_request_param(req, "id");
        struct terms terms, before = {.version = 0};
        int64_t next_ms;
        bb_err err;

        TRY(bb_request_decode(req, &Report, &terms, res));
        if (!is_id(id))
                return bb_problem(res, BB_E_INVALID, 422, "bad-report-id",
                                  BB_STR("A report's id has 1 to 64 letters, digits, dots, - and _."));
        TRY(check(req, res, state, &terms, &next_ms));
        err = report_load(id, &before);
        if (err < 0 && err != BB_E_NOT_FOUND)
                return err;
        TRY(bb_etag(req, res, tag_of(before.version)));
        TRY(save(req, id, before.version, bb_shape_encode_text(&Report, &terms), next_ms));
        TRY(report_load(id, &terms));
        TRY(bb_etag(req, res, tag_of(terms.version)));
        bb_response_status(res, before.version == 0 ? 201 : 200);
        bb_response_shape(res, &Report, &terms);
        return BB_OK;
}

/* DELETE /v1/reports/{id} */
BB_AWAIT bb_err report_remove(bb_request *req, bb_response *res)
{
        bb_str id = bb_request_param(req, "id");
        struct terms terms;

        TRY(report_load(id, &terms));
        TRY(bb_etag(req, res, tag_of(terms.version)));
        const struct bb_stmt stmts[] = {
                {.sql = "delete from export.report where report_id = $1 and version = $2",
                 .params = (const struct bb_param[]){BB_TEXT(id), BB_INT(terms.version)},
                 .param_count = 2,
                 .flags = BB_STMT_MUST_HIT},
                bb_audit_stmt(bb_request_actor(req), "report.delete", id, BB_NONE),
        };
        TRY(bb_db_run(stmts, BB_COUNT(stmts), NULL));
        bb_response_status(res, 204);
        return BB_OK;
}
