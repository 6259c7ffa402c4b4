/* SPDX-License-Identifier: Apache-2.0
 *
 * /v1/api-keys: list, create, revoke.
 */
#include "identity.h"

struct api_key {
        uint64_t present;
        bb_str id, name, secret;
        struct bb_array scopes; /* of bb_str */
        int64_t created_ms, expires_ms, last_used_ms, revoked_ms;
        bb_str last_used_from;
};

#define FIELD(member) .offset = offsetof(struct api_key, member)
#define KEY_FIELDS                                                                                                     \
        {.name = "id", .type = BB_T_STR, .flags = BB_REQUIRED, FIELD(id), .about = "The visible part of the key."},    \
                {.name = "name", .type = BB_T_STR, .flags = BB_REQUIRED, FIELD(name)},                                 \
                {.name = "scopes", .type = BB_T_ARRAY, .flags = BB_REQUIRED, .item = BB_T_STR, FIELD(scopes)},         \
                {.name = "created_at", .type = BB_T_TIME, .flags = BB_REQUIRED, FIELD(created_ms)},                    \
                {.name = "expires_at", .type = BB_T_TIME, FIELD(expires_ms)},                                          \
                {.name = "last_used_at", .type = BB_T_TIME, FIELD(last_used_ms)},                                      \
                {.name = "last_used_from", .type = BB_T_STR, FIELD(last_used_from)},                                   \
        {                                                                                                              \
                .name = "revoked_at", .type = BB_T_TIME, FIELD(revoked_ms)                                             \
        }
enum { K_ID, K_NAME, K_SCOPES, K_CREATED, K_EXPIRES, K_LAST_USED, K_LAST_USED_FROM, K_REVOKED };

static const struct bb_field key_fields[] = {KEY_FIELDS};
BB_SHAPE(ApiKey, api_key, 0, "A key that a machine or a script uses.", key_fields);

static const struct bb_field created_fields[] = {
        KEY_FIELDS,
        {.name = "key",
         .type = BB_T_STR,
         .flags = BB_REQUIRED,
         FIELD(secret),
         .about = "The whole key. Shown only now."},
};
BB_SHAPE(CreatedApiKey, api_key, 0, "A new key with its secret.", created_fields);

static const struct bb_field new_fields[] = {
        {.name = "name", .type = BB_T_STR, .flags = BB_REQUIRED, FIELD(name), .min = 1, .max = 100},
        {.name = "scopes",
         .type = BB_T_ARRAY,
         .flags = BB_REQUIRED,
         .item = BB_T_STR,
         FIELD(scopes),
         .min = 1,
         .max = 60,
         .about = "Of the form area:verb, area:* or *, in lower-case letters, digits and underscores; none that the "
                  "caller lacks."},
        {.name = "expires_at", .type = BB_T_TIME, FIELD(expires_ms), .about = "In the future; absent: never."},
};
BB_SHAPE(NewApiKey, api_key, 0, "What a new key is to be.", new_fields);
enum { NEW_EXPIRES = 2 };

static void set_time(struct api_key *key, int index, int64_t *member, const bb_rows *rows, size_t row, size_t column)
{
        *member = bb_row_time(rows, row, column, 0);
        if (!bb_row_is_null(rows, row, column))
                key->present |= 1ull << index;
}

/* Scopes are stored as JSON would have them: the query turns the array into text joined by blanks. */
static struct bb_array scopes_of(bb_str joined)
{
        bb_str *items = BB_NEW_ARRAY(bb_str, 64);
        size_t count = 0, from = 0;

        for (size_t i = 0; i <= joined.len && count < 64; i++) {
                if (i < joined.len && joined.ptr[i] != ' ')
                        continue;
                if (i > from)
                        items[count++] = (bb_str){.ptr = joined.ptr + from, .len = i - from};
                from = i + 1;
        }
        return (struct bb_array){.items = items, .count = count};
}

/* The key before a page, by which the next one begins. */
static BB_AWAIT bb_err check_cursor(bb_str after, bb_response *res)
{
        bb_rows *rows;

        if (after.ptr == NULL)
                return BB_OK;
        TRY(bb_db_query(&rows, "select 1 from identity.api_key where id = $1", BB_TEXT(after)));
        if (bb_rows_count(rows) > 0)
                return BB_OK;
        return bb_problem(res, BB_E_INVALID, 400, "bad-cursor",
                          BB_STR("The query parameter cursor is not one that this list gave out."));
}

static struct api_key key_of(const bb_rows *rows, size_t row)
{
        struct api_key key = {.id = bb_row_str(rows, row, 0),
                              .name = bb_row_str(rows, row, 1),
                              .scopes = scopes_of(bb_row_str(rows, row, 2)),
                              .last_used_from = bb_row_str(rows, row, 6)};

        set_time(&key, K_CREATED, &key.created_ms, rows, row, 3);
        set_time(&key, K_EXPIRES, &key.expires_ms, rows, row, 4);
        set_time(&key, K_LAST_USED, &key.last_used_ms, rows, row, 5);
        set_time(&key, K_REVOKED, &key.revoked_ms, rows, row, 7);
        return key;
}

/* GET /v1/api-keys */
BB_AWAIT bb_err keys_list(bb_request *req, bb_response *res)
{
        bb_rows *rows;
        bb_json *items = bb_json_new_array();
        size_t count, limit;
        bb_str after;

        TRY(bb_page(req, res, &limit, &after));
        TRY(check_cursor(after, res));
        TRY(bb_db_query(&rows,
                        "select id, name, array_to_string(scopes, ' '), created_at, expires_at, last_used_at, "
                        "last_used_from, revoked_at from identity.api_key k "
                        "where $1::text is null or (created_at, id) < "
                        "(select c.created_at, c.id from identity.api_key c where c.id = $1) "
                        "order by created_at desc, id desc limit $2",
                        BB_TEXT(after), BB_INT((int64_t)limit)));
        count = bb_rows_count(rows);
        for (size_t i = 0; i < count; i++) {
                struct api_key key = key_of(rows, i);

                bb_json_append(items, bb_shape_encode(&ApiKey, &key));
        }
        bb_response_page(res, items, count == limit ? bb_row_str(rows, count - 1, 0) : BB_NONE);
        return BB_OK;
}

static bb_err check_scopes(bb_request *req, const struct bb_array *scopes, bb_response *res)
{
        const bb_str *scope = scopes->items;

        for (size_t i = 0; i < scopes->count; i++) {
                if (!scope_valid(scope[i])) {
                        bb_problem_field(res, bb_print("/scopes/%zu", i),
                                         BB_STR("must be area:verb, area:* or *; area and verb are of lower-case "
                                                "letters, digits and underscores"));
                        return bb_problem(res, BB_E_INVALID, 422, "validation-failed",
                                          BB_STR("A scope has another form."));
                }
                if (!bb_request_allowed(req, bb_str_c(scope[i]))) {
                        bb_problem_field(res, bb_print("/scopes/%zu", i), BB_STR("the caller's own key lacks it"));
                        return bb_problem(res, BB_E_DENIED, 403, "scope-beyond-own",
                                          BB_STR("A key cannot give what it does not have."));
                }
        }
        return BB_OK;
}

static bb_err check_new(bb_request *req, const struct api_key *key, bb_response *res)
{
        /* What an Idempotency-Key repeats is stored for a day, and this answer holds a secret that is stored nowhere.
         */
        if (bb_request_header(req, "idempotency-key").ptr != NULL)
                return bb_problem(res, BB_E_INVALID, 400, "idempotency-not-supported",
                                  BB_STR("A new key's answer is kept nowhere, so it cannot be repeated: leave "
                                         "Idempotency-Key out."));
        TRY(check_scopes(req, &key->scopes, res));
        if (!BB_PRESENT(key, NEW_EXPIRES) || key->expires_ms > bb_now_ms())
                return BB_OK;
        bb_problem_field(res, BB_STR("/expires_at"), BB_STR("must be in the future"));
        return bb_problem(res, BB_E_INVALID, 422, "validation-failed", BB_STR("The key would have expired already."));
}

/* POST /v1/api-keys */
BB_AWAIT bb_err keys_create(bb_request *req, bb_response *res)
{
        struct api_key key;
        struct key_text text;
        uint8_t mac[BB_MAC_BYTES];

        TRY(bb_request_decode(req, &NewApiKey, &key, res));
        TRY(check_new(req, &key, res));
        int32_t expires = (int32_t)BB_PRESENT(&key, NEW_EXPIRES);

        key.secret = key_random(&text);
        key.id = text.id;
        key.created_ms = bb_now_ms();
        TRY(key_mac(&text, mac));
        struct bb_stmt stmts[] = {
                BB_STMT("insert into identity.api_key (id, name, mac, scopes, created_at, expires_at) "
                        "values ($1, $2, $3, $4, $5, $6)",
                        BB_TEXT(key.id), BB_TEXT(key.name),
                        BB_BYTES(((bb_str){.ptr = (const char *)mac, .len = sizeof(mac)})),
                        BB_TEXT_ARRAY(key.scopes.items, key.scopes.count), BB_TIME(key.created_ms),
                        BB_TIME_OR_NULL(expires, key.expires_ms)),
                bb_audit_stmt(bb_request_actor(req), "api_key.create", key.id, BB_NONE),
        };
        TRY(bb_db_run(stmts, BB_COUNT(stmts), NULL));
        key.present = expires ? 1u << K_EXPIRES : 0;
        bb_response_status(res, 201);
        bb_response_header(res, "Location",
                           bb_print("%.*s/v1/api-keys/%.*s", BB_FMT(bb_request_base_url(req)), BB_FMT(key.id)));
        bb_response_shape(res, &CreatedApiKey, &key);
        return BB_OK;
}

/* Whoever may revoke a key could have made it. */
static BB_AWAIT bb_err check_revocable(bb_request *req, bb_str id, bb_response *res)
{
        bb_rows *rows;
        struct bb_array scopes;

        TRY(bb_db_query(&rows, "select array_to_string(scopes, ' ') from identity.api_key where id = $1", BB_TEXT(id)));
        if (bb_rows_count(rows) == 0)
                return BB_E_NOT_FOUND;
        scopes = scopes_of(bb_row_str(rows, 0, 0));
        for (size_t i = 0; i < scopes.count; i++) {
                if (!bb_request_allowed(req, bb_str_c(((const bb_str *)scopes.items)[i])))
                        return bb_problem(res, BB_E_DENIED, 403, "scope-beyond-own",
                                          BB_STR("A key cannot revoke one that has scopes which it lacks itself."));
        }
        return BB_OK;
}

#define USABLE_FULL_KEY "'*' = any(scopes) and revoked_at is null and (expires_at is null or expires_at > now())"

/* DELETE /v1/api-keys/{id} */
BB_AWAIT bb_err keys_revoke(bb_request *req, bb_response *res)
{
        bb_str id = bb_request_param(req, "id");
        bb_err err;
        struct bb_stmt stmts[] = {
                /* Two that revoke each other's key at once take turns. */
                BB_STMT("select id from identity.api_key where " USABLE_FULL_KEY " order by id for update"),
                BB_STMT("update identity.api_key set revoked_at = coalesce(revoked_at, now()) where id = $1 and "
                        "(not (" USABLE_FULL_KEY ") or exists (select 1 from (select * from identity.api_key "
                        "where id <> $1) other where " USABLE_FULL_KEY "))",
                        BB_TEXT(id)),
                bb_audit_stmt(bb_request_actor(req), "api_key.revoke", id, BB_NONE),
        };

        TRY(check_revocable(req, id, res));
        stmts[1].flags |= BB_STMT_MUST_HIT;
        err = bb_db_run(stmts, BB_COUNT(stmts), NULL);
        if (err == BB_E_NOT_FOUND) /* it exists, and rows are never removed */
                return bb_problem(res, BB_E_CONFLICT, 409, "last-full-key",
                                  BB_STR("This is the last key with all scopes. Make another one first."));
        TRY(err);
        bb_response_status(res, 204);
        return BB_OK;
}
