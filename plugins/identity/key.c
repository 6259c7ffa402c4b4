/* SPDX-License-Identifier: Apache-2.0
 *
 * The form of an API key, and the check of one that a request brings. Keys are random, so a keyed HMAC is enough.
 */
#include "identity.h"

static int32_t all_alphanumeric(bb_str s)
{
        for (size_t i = 0; i < s.len; i++) {
                char c = s.ptr[i];

                if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
                        return 0;
        }
        return 1;
}

bb_err key_split(bb_str text, struct key_text *ret)
{
        const size_t prefix = sizeof(KEY_PREFIX) - 1;

        if (text.len != prefix + KEY_ID_CHARS + 1 + KEY_SECRET_CHARS || memcmp(text.ptr, KEY_PREFIX, prefix) != 0 ||
            text.ptr[prefix + KEY_ID_CHARS] != '_')
                return BB_E_UNAUTHORIZED;
        ret->id = (bb_str){.ptr = text.ptr + prefix, .len = KEY_ID_CHARS};
        ret->secret = (bb_str){.ptr = text.ptr + prefix + KEY_ID_CHARS + 1, .len = KEY_SECRET_CHARS};
        return all_alphanumeric(ret->id) && all_alphanumeric(ret->secret) ? BB_OK : BB_E_UNAUTHORIZED;
}

bb_err key_mac(const struct key_text *key, uint8_t ret[BB_MAC_BYTES])
{
        return bb_mac("api-key", bb_print("%.*s:%.*s", BB_FMT(key->id), BB_FMT(key->secret)), ret);
}

bb_str key_random(struct key_text *ret)
{
        uint8_t bytes[KEY_ID_CHARS / 2 + KEY_SECRET_CHARS / 2];
        bb_str hex;

        bb_random(bytes, sizeof(bytes));
        hex = bb_hex((bb_str){.ptr = (const char *)bytes, .len = sizeof(bytes)});
        ret->id = (bb_str){.ptr = hex.ptr, .len = KEY_ID_CHARS};
        ret->secret = (bb_str){.ptr = hex.ptr + KEY_ID_CHARS, .len = KEY_SECRET_CHARS};
        return bb_print(KEY_PREFIX "%.*s_%.*s", BB_FMT(ret->id), BB_FMT(ret->secret));
}

static bb_str bearer(bb_str authorization)
{
        static const char scheme[] = "bearer ";

        if (authorization.len <= sizeof(scheme) - 1)
                return BB_NONE;
        for (size_t i = 0; i < sizeof(scheme) - 1; i++) {
                if ((authorization.ptr[i] | 0x20) != scheme[i])
                        return BB_NONE;
        }
        return (bb_str){.ptr = authorization.ptr + sizeof(scheme) - 1, .len = authorization.len - sizeof(scheme) + 1};
}

/* "{a,b}" of a text[] whose elements scope_valid() has checked: no quotes, no escapes. */
static size_t split_scopes(bb_str array, bb_str *ret, size_t room)
{
        size_t count = 0, from = 1;

        for (size_t i = 1; i < array.len && count < room; i++) {
                if (array.ptr[i] != ',' && array.ptr[i] != '}')
                        continue;
                if (i > from)
                        ret[count++] = (bb_str){.ptr = array.ptr + from, .len = i - from};
                from = i + 1;
        }
        return count;
}

static BB_AWAIT void note_use(bb_str id, bb_str remote)
{
        /* Once a minute is enough to see that a key is alive; a failure costs nothing but that. */
        bb_err err =
                bb_db_query(NULL,
                            "update identity.api_key set last_used_at = now(), last_used_from = $2 "
                            "where id = $1 and (last_used_at is null or last_used_at < now() - interval '1 minute')",
                            BB_TEXT(id), BB_TEXT(remote));

        if (err < 0)
                bb_log(BB_WARN, "identity.last_used", NULL, bb_kv_str("key_id", id), bb_kv_err(err));
}

BB_AWAIT bb_err key_authenticate(bb_str authorization, bb_str remote, struct bb_principal *ret, bb_str *ret_why)
{
        struct key_text key;
        uint8_t mac[BB_MAC_BYTES];
        bb_rows *rows;
        bb_str token = bearer(authorization), stored;
        bb_str *scopes;

        *ret_why = BB_STR("An API key is needed: Authorization: Bearer bb_live_…");
        if (token.ptr == NULL)
                return BB_E_UNAUTHORIZED;
        *ret_why = BB_STR("The API key is unknown, expired or revoked.");
        TRY(key_split(token, &key));
        TRY(key_mac(&key, mac));
        TRY(bb_db_query(&rows,
                        "select mac, scopes, last_used_at < now() - interval '1 minute' from identity.api_key "
                        "where id = $1 and revoked_at is null and (expires_at is null or expires_at > now())",
                        BB_TEXT(key.id)));
        if (bb_rows_count(rows) == 0)
                return BB_E_UNAUTHORIZED;
        stored = bb_row_bytes(rows, 0, 0);
        if (stored.len != sizeof(mac) || !bb_equal_secret(stored.ptr, mac, sizeof(mac)))
                return BB_E_UNAUTHORIZED;
        scopes = BB_NEW_ARRAY(bb_str, 64);
        *ret = (struct bb_principal){.size = sizeof(*ret),
                                     .actor = bb_print("key:%.*s", BB_FMT(key.id)),
                                     .scopes = scopes,
                                     .scope_count = split_scopes(bb_row_str(rows, 0, 1), scopes, 64)};
        if (bb_row_int(rows, 0, 2, 1))
                note_use(key.id, remote);
        return BB_OK;
}

const char *key_bootstrap_fault(bb_str text)
{
        struct key_text key;

        if (key_split(text, &key) == BB_OK)
                return NULL;
        return "bootstrap_key must be bb_live_, 12 letters or digits, _, and 40 letters or digits";
}

/* A key that was revoked stays so: the file cannot bring it back, and whoever relies on it should hear why. */
static BB_AWAIT bb_err warn_if_revoked(bb_str id)
{
        bb_rows *rows;

        TRY(bb_db_query(&rows, "select 1 from identity.api_key where id = $1 and revoked_at is not null", BB_TEXT(id)));
        if (bb_rows_count(rows) > 0)
                bb_log(BB_WARN, "identity.bootstrap_key",
                       "the bootstrap_key of the configuration was revoked and lets nobody in: take it out, or put "
                       "another one there",
                       bb_kv_str("key_id", id));
        return BB_OK;
}

BB_AWAIT bb_err key_bootstrap(bb_str text)
{
        struct key_text key;
        uint8_t mac[BB_MAC_BYTES];

        TRY(key_split(text, &key));
        TRY(key_mac(&key, mac));
        TRY(bb_db_query(NULL,
                        "insert into identity.api_key (id, name, mac, scopes) values ($1, 'bootstrap', $2, '{*}') "
                        "on conflict (tenant_id, id) do update set mac = excluded.mac "
                        "where identity.api_key.mac <> excluded.mac",
                        BB_TEXT(key.id), BB_BYTES(((bb_str){.ptr = (const char *)mac, .len = sizeof(mac)}))));
        return warn_if_revoked(key.id);
}
