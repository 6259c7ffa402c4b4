/* SPDX-License-Identifier: Apache-2.0
 *
 * Versions of documents: listed, read, saved, taken out of use. The row of the document decides who was first: two who
 * save the same version at once meet there.
 */
#include "versioned.h"
#include <busbar/rt.h>

static bb_str tag_of(int64_t version)
{
        return version > 0 ? bb_print("v%lld", (long long)version) : BB_NONE;
}

static struct bb_stmt stmt_of(const char *sql, const struct bb_param *params, size_t count, int32_t flags)
{
        return (struct bb_stmt){.sql = sql, .params = params, .param_count = count, .flags = flags};
}
#define STMT(sql_, flags_, ...)                                                                                        \
        stmt_of(sql_, (const struct bb_param[]){__VA_ARGS__}, BB_COUNT(((const struct bb_param[]){__VA_ARGS__})),      \
                flags_)

/* --- reading --- */

static bb_err take_row(const struct versioned_kind *kind, const bb_rows *rows, size_t row, struct versioned *ret,
                       void *ret_terms)
{
        struct bb_fault fault;

        *ret = (struct versioned){.id = bb_row_str(rows, row, 0),
                                  .version = bb_row_int(rows, row, 2, 0),
                                  .created_ms = bb_row_time(rows, row, 3, 0),
                                  .updated_ms = bb_row_time(rows, row, 4, 0)};
        if (bb_shape_decode_text(kind->terms, bb_row_str(rows, row, 1), ret_terms, &fault) == BB_OK)
                return BB_OK;
        bb_log(BB_ERROR, "billing.versioned", "what was saved cannot be read", bb_kv_str("kind", bb_cstr(kind->noun)),
               bb_kv_str("id", ret->id), bb_kv_str("path", fault.path), bb_kv_str("fault", fault.text));
        return BB_E_INTERNAL;
}

BB_AWAIT bb_err versioned_load(const struct versioned_kind *kind, bb_str id, int64_t version, struct versioned *ret,
                               void *ret_terms)
{
        const struct bb_stmt stmt = STMT(kind->load, 0, BB_TEXT(id), BB_INT(version));
        bb_rows *rows;

        TRY(bb_db_run(&stmt, 1, &rows));
        return bb_rows_count(rows) > 0 ? take_row(kind, rows, 0, ret, ret_terms) : BB_E_NOT_FOUND;
}

BB_AWAIT bb_err versioned_list(const struct versioned_kind *kind, bb_request *req, bb_response *res)
{
        bb_json *items = bb_json_new_array();
        void *terms = bb_alloc(kind->size);
        struct versioned document;
        size_t limit, count;
        bb_str after;
        bb_rows *rows;

        TRY(bb_page(req, res, &limit, &after));
        const struct bb_stmt stmt = STMT(kind->list, 0, BB_TEXT(after), BB_INT((int64_t)limit));
        TRY(bb_db_run(&stmt, 1, &rows));
        count = bb_rows_count(rows);
        for (size_t i = 0; i < count; i++) {
                TRY(take_row(kind, rows, i, &document, terms));
                bb_json_append(items, kind->show(&document, terms));
        }
        bb_response_page(res, items, count == limit ? document.id : BB_NONE);
        return BB_OK;
}

static BB_AWAIT bb_err answer(const struct versioned_kind *kind, bb_request *req, bb_response *res, int64_t version)
{
        void *terms = bb_alloc(kind->size);
        struct versioned document;

        TRY(versioned_load(kind, bb_request_param(req, "id"), version, &document, terms));
        TRY(bb_etag(req, res, tag_of(document.version)));
        bb_response_json(res, kind->show(&document, terms));
        return BB_OK;
}

BB_AWAIT bb_err versioned_read(const struct versioned_kind *kind, bb_request *req, bb_response *res)
{
        return answer(kind, req, res, 0);
}

/* --- saving --- */

bb_err versioned_check_id(const struct versioned_kind *kind, bb_response *res, bb_str id, bb_str own)
{
        if (id.len < 1 || id.len > 36)
                return bb_problem(res, BB_E_INVALID, 422, "bad-id",
                                  bb_print("The id of a %s has 1 to 36 characters.", kind->noun));
        if (own.ptr == NULL || bb_str_eq(own, id))
                return BB_OK;
        bb_problem_field(res, BB_STR("/id"), BB_STR("is not the id in the path"));
        return bb_problem(res, BB_E_INVALID, 422, "validation-failed", BB_STR("Two ids."));
}

/* The latest version, in use or not; 0: there is none. */
static BB_AWAIT bb_err find(const struct versioned_kind *kind, bb_str id, int64_t *ret_version, int32_t *ret_ended)
{
        const struct bb_stmt stmt = STMT(kind->find, 0, BB_TEXT(id));
        bb_rows *rows;

        TRY(bb_db_run(&stmt, 1, &rows));
        *ret_version = bb_rows_count(rows) > 0 ? bb_row_int(rows, 0, 0, 0) : 0;
        *ret_ended = bb_rows_count(rows) > 0 && bb_row_int(rows, 0, 1, 0);
        return BB_OK;
}

/* One at a time saves documents of a kind in a tenant: what `saving` looks at holds until the commit. */
static BB_AWAIT bb_err save_in(bb_tx *tx, const struct versioned_kind *kind, bb_request *req, bb_response *res,
                               int64_t version, const void *terms)
{
        bb_str id = bb_request_param(req, "id"), tenant = bb_tenant_id(bb_task_tenant());
        bb_str lock = bb_print("billing.%s/%.*s", kind->noun, BB_FMT(tenant));
        bb_rows *rows[4];
        const struct bb_stmt stmts[] = {
                STMT("select pg_advisory_xact_lock(hashtextextended($1, 0))", 0, BB_TEXT(lock)),
                STMT(kind->put, 0, BB_TEXT(id), BB_INT(version)),
                STMT(kind->keep, 0, BB_TEXT(id), BB_INT(version), BB_TEXT(bb_shape_encode_text(kind->terms, terms))),
                bb_audit_stmt(bb_request_actor(req), kind->saved, id,
                              bb_print("{\"version\":%lld}", (long long)version)),
        };

        TRY(bb_tx_run(tx, stmts, BB_COUNT(stmts), rows));
        if (bb_rows_affected(rows[1]) == 0 || bb_rows_affected(rows[2]) == 0)
                return bb_problem(res, BB_E_CONFLICT, 409, "changed-meanwhile",
                                  bb_print("Somebody else has just saved this %s.", kind->noun));
        if (kind->saving != NULL)
                TRY(kind->saving(tx, res, id, terms));
        return bb_tx_commit(tx);
}

static BB_AWAIT bb_err save(const struct versioned_kind *kind, bb_request *req, bb_response *res, int64_t version,
                            const void *terms)
{
        bb_tx *tx;
        bb_err err;

        TRY(bb_tx_begin(&tx));
        err = save_in(tx, kind, req, res, version, terms);
        if (err < 0)
                bb_tx_rollback(tx);
        return err;
}

BB_AWAIT bb_err versioned_write(const struct versioned_kind *kind, bb_request *req, bb_response *res, const void *terms)
{
        int64_t before;
        int32_t ended;

        TRY(find(kind, bb_request_param(req, "id"), &before, &ended));
        TRY(bb_etag(req, res, tag_of(ended ? 0 : before)));
        TRY(save(kind, req, res, before + 1, terms));
        bb_response_status(res, before == 0 || ended ? 201 : 200);
        return answer(kind, req, res, before + 1);
}

BB_AWAIT bb_err versioned_remove(const struct versioned_kind *kind, bb_request *req, bb_response *res)
{
        bb_str id = bb_request_param(req, "id");
        int64_t version;
        int32_t ended;

        TRY(find(kind, id, &version, &ended));
        if (version == 0 || ended)
                return BB_E_NOT_FOUND;
        TRY(bb_etag(req, res, tag_of(version)));
        const struct bb_stmt stmts[] = {
                STMT(kind->end, BB_STMT_MUST_HIT, BB_TEXT(id), BB_INT(version)),
                bb_audit_stmt(bb_request_actor(req), kind->ended, id, BB_NONE),
        };
        TRY(bb_db_run(stmts, BB_COUNT(stmts), NULL));
        bb_response_status(res, 204);
        return BB_OK;
}
