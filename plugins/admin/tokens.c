/* SPDX-License-Identifier: Apache-2.0
 *
 * /v1/tokens: cards, app users and remote identities that may charge.
 */
#include "admin.h"

static const char *const kinds[] = {"rfid", "app", "remote", "ad_hoc", "roaming", NULL}; /* BB_TOKEN_… */
static const char *const states[] = {"accepted", "blocked", NULL};

#define AT(member) .offset = offsetof(struct bb_token, member)
/* OCPP 1.6 §7.28: an idTag has at most 20 characters. */
#define WRITABLE(status_flags)                                                                                         \
        {.name = "status", .type = BB_T_ENUM, .flags = (status_flags), AT(status), .values = states},                  \
                {.name = "kind",                                                                                       \
                 .type = BB_T_ENUM,                                                                                    \
                 AT(kind),                                                                                             \
                 .values = kinds,                                                                                      \
                 .about = "Of a new one: roaming when it has a partner, rfid otherwise."},                             \
                {.name = "parent_uid", .type = BB_T_STR, .flags = BB_NULLABLE, AT(parent_uid), .max = 20},             \
                {.name = "label", .type = BB_T_STR, .flags = BB_NULLABLE, AT(label), .max = 100},                      \
                {.name = "contract_id", .type = BB_T_STR, .flags = BB_NULLABLE, AT(contract_id), .max = 36},           \
                {.name = "partner",                                                                                    \
                 .type = BB_T_STR,                                                                                     \
                 .flags = BB_NULLABLE,                                                                                 \
                 AT(partner),                                                                                          \
                 .max = 36,                                                                                            \
                 .about = "The roaming partner that issued it, as DE*ABC."},                                           \
                {.name = "expires_at", .type = BB_T_TIME, .flags = BB_NULLABLE, AT(expires_ms)},                       \
        {                                                                                                              \
                .name = "max_open_sessions", .type = BB_T_INT32, .flags = BB_NULLABLE, AT(max_open_sessions),          \
                .min = 0, .max = 1000, .about = "0: no limit. Beyond it a start is answered with ConcurrentTx."        \
        }

#define READABLE                                                                                                       \
        {.name = "uid", .type = BB_T_STR, .flags = BB_READONLY, AT(uid)},                                              \
                {.name = "created_at", .type = BB_T_TIME, .flags = BB_READONLY, AT(created_ms)},                       \
        {                                                                                                              \
                .name = "updated_at", .type = BB_T_TIME, .flags = BB_READONLY, AT(updated_ms)                          \
        }

enum { TOKEN_KIND = 1 };
static const struct bb_field fields[] = {WRITABLE(BB_REQUIRED), READABLE};
BB_SHAPE(Token, bb_token, 0, "An identity that may charge; uid is OCPP's idTag.", fields);

static const struct bb_field change_fields[] = {WRITABLE(0), READABLE};
BB_SHAPE(TokenChange, bb_token, 0, "Members left out stay as they are; null removes one.", change_fields);
#undef AT

BB_AWAIT bb_err tokens_list(bb_request *req, bb_response *res)
{
        struct page page;
        struct bb_token *items;
        size_t count;

        TRY(page_of(req, res, &page));
        TRY(charging->token_list(bb_request_query(req, "q"), page.after, page.limit, &items, &count));
        page_send(res, &Token, items, count, &page, count > 0 ? items[count - 1].uid : BB_NONE);
        return BB_OK;
}

BB_AWAIT bb_err token_read(bb_request *req, bb_response *res)
{
        struct bb_token token;

        TRY(charging->token_get(bb_request_param(req, "uid"), &token));
        return object_send(req, res, &Token, &token, token.version);
}

BB_AWAIT bb_err token_write(bb_request *req, bb_response *res)
{
        bb_str uid = bb_request_param(req, "uid");
        struct bb_token before = {.version = 0}, token;
        int64_t if_version;
        int32_t created;
        bb_err err;

        if (uid.len < 1 || uid.len > 20)
                return bb_problem(res, BB_E_INVALID, 422, "bad-token-uid",
                                  BB_STR("A token's uid has 1 to 20 characters (OCPP 1.6 idTag)."));
        err = charging->token_get(uid, &before);
        if (err < 0 && err != BB_E_NOT_FOUND)
                return err;
        TRY(version_wanted(req, res, err == BB_OK, before.version, &if_version));
        TRY(body_over(req, res, &TokenChange, err == BB_OK ? &before : NULL, &token));
        token.uid = uid;
        if (!BB_PRESENT(&token, TOKEN_KIND) && token.partner.len > 0)
                token.kind = BB_TOKEN_ROAMING;
        TRY(charging->token_put(bb_request_actor(req), &token, if_version, &created));
        TRY(charging->token_get(uid, &token));
        changed_send(req, res, &Token, &token, token.version, created,
                     bb_print("/v1/tokens/%.*s", BB_FMT(path_segment(uid))));
        return BB_OK;
}

BB_AWAIT bb_err token_remove(bb_request *req, bb_response *res)
{
        bb_str uid = bb_request_param(req, "uid");
        struct bb_token before;
        int64_t if_version;

        TRY(charging->token_get(uid, &before));
        TRY(version_wanted(req, res, 1, before.version, &if_version));
        TRY(charging->token_delete(bb_request_actor(req), uid, if_version));
        bb_response_status(res, 204);
        return BB_OK;
}
