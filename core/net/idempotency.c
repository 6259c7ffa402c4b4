/* SPDX-License-Identifier: Apache-2.0
 *
 * Idempotency-Key: a POST that is sent again gets the first answer again, and nothing happens twice. Where the answers
 * are kept is the world's business.
 */
#include "base/arena.h"
#include "base/str.h"
#include "net/request.h"
#include <openssl/evp.h>

static bb_str actor_of(const struct bb_request *req)
{
        return req->principal.actor.ptr != NULL ? req->principal.actor : BB_STR("anonymous");
}

static bb_str route_of(const struct bb_request *req)
{
        return bb_print("%s %s", req->route->method, req->route->path);
}

static int is_key(bb_str key)
{
        if (key.len < 1 || key.len > 255)
                return 0;
        for (size_t i = 0; i < key.len; i++)
                if (key.ptr[i] < ' ' || key.ptr[i] > '~')
                        return 0;
        return 1;
}

/* Of what makes two requests the same one. Each part is preceded by its length, so that none can pass for another. */
static bb_err digest(const struct bb_request *req, uint8_t ret[32])
{
        const bb_str parts[] = {req->wire->method, req->path, req->raw_query, req->wire->body};
        EVP_MD_CTX *sha = EVP_MD_CTX_new();
        int ok = sha != NULL && EVP_DigestInit_ex(sha, EVP_sha256(), NULL);

        for (size_t i = 0; ok && i < BB_COUNT(parts); i++) {
                uint64_t len = parts[i].len;

                ok = EVP_DigestUpdate(sha, &len, sizeof(len)) && EVP_DigestUpdate(sha, parts[i].ptr, parts[i].len);
        }
        ok = ok && EVP_DigestFinal_ex(sha, ret, NULL);
        EVP_MD_CTX_free(sha);
        return ok ? BB_OK : BB_E_INTERNAL;
}

static bb_err replay(struct bb_request *req, int32_t status, bb_str headers_json, bb_str body)
{
        struct bb_response *res = &req->response;
        bb_json *headers, *value;
        bb_str name;

        if (headers_json.len > 0 && bb_json_parse(headers_json, &headers, NULL) == BB_OK)
                for (size_t i = 0; bb_json_member(headers, i, &name, &value) == BB_OK; i++)
                        response_set_header(res, bb_str_c(name), bb_json_str(value));
        response_set_header(res, "Idempotency-Replayed", BB_STR("true"));
        res->status = status;
        res->body = body.len > 0 ? body : BB_NONE;
        req->answered = 1;
        return BB_OK;
}

BB_AWAIT bb_err idempotency_begin(struct bb_request *req)
{
        bb_str key = request_header(req, "idempotency-key"), headers = BB_NONE, body = BB_NONE;
        struct bb_response *res = &req->response;
        uint8_t sum[32];
        int32_t status = 0;
        bb_err err;

        if (!(req->route->flags & BB_ROUTE_IDEMPOTENT) || key.ptr == NULL || router_world.idempotency_begin == NULL)
                return BB_OK;
        if (!is_key(key))
                return problem_set(res, BB_E_INVALID, 400, "invalid-idempotency-key",
                                   BB_STR("Idempotency-Key must be 1 to 255 printable ASCII characters."));
        TRY(digest(req, sum));
        err = router_world.idempotency_begin(actor_of(req), route_of(req), key, sum, &status, &headers, &body);
        if (err == BB_E_EXISTS)
                return replay(req, status, headers, body);
        if (err == BB_E_BUSY)
                return problem_set(res, BB_E_CONFLICT, 409, "idempotency-in-flight",
                                   BB_STR("The first request with this Idempotency-Key is still being worked on."));
        if (err == BB_E_CONFLICT)
                return problem_set(res, BB_E_CONFLICT, 422, "idempotency-key-reused",
                                   BB_STR("This Idempotency-Key came with another request before."));
        TRY(err);
        req->idempotency_key = key;
        return BB_OK;
}

static bb_str headers_text(const struct bb_response *res)
{
        bb_json *all = bb_json_new_object();

        for (size_t i = 0; i < res->header_count; i++)
                bb_json_set_str(all, bb_str_c(res->headers[i].name), res->headers[i].value);
        if (res->content_type != NULL)
                bb_json_set_str(all, "Content-Type", bb_cstr(res->content_type));
        return bb_json_text(all);
}

/* Before the answer leaves: who has read it will get the same one again. */
BB_AWAIT void idempotency_end(struct bb_request *req)
{
        struct bb_response *res = &req->response;
        int is_final = !res->streaming && res->status >= 200 && res->status < 500;
        bb_err err;

        if (req->idempotency_key.ptr == NULL)
                return;
        err = router_world.idempotency_end(actor_of(req), route_of(req), req->idempotency_key,
                                           is_final ? res->status : 0, is_final ? headers_text(res) : BB_NONE,
                                           is_final ? res->body : BB_NONE);
        if (err < 0) /* what the handler did stands, so its answer is still the truth */
                bb_log(BB_WARN, "http.idempotency_lost", "an answer could not be kept for its Idempotency-Key",
                       bb_kv_err(err), bb_kv_cstr("route", req->route->path), bb_kv_cstr("trace_id", req->trace));
}
