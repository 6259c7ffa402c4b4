/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this plugin share.
 */
#ifndef IDENTITY_H
#define IDENTITY_H

#include <busbar/auth.h>
#include <busbar/plugin.h>

#define KEY_PREFIX "bb_live_"
#define KEY_ID_CHARS 12
#define KEY_SECRET_CHARS 40

struct identity_config {
        uint64_t present;
        bb_str bootstrap_key;
};

struct key_text {
        bb_str id, secret;
};

/* "bb_live_<id>_<secret>" in two; BB_E_UNAUTHORIZED when it has another form. */
bb_err key_split(bb_str text, struct key_text *ret);
/* The keyed HMAC that is stored for a key. */
bb_err key_mac(const struct key_text *, uint8_t ret[BB_MAC_BYTES]);
/* A new random key. */
bb_str key_random(struct key_text *ret);
/* Is this a scope at all: "*", "area:*", "area:verb"? */
int32_t scope_valid(bb_str scope);

BB_AWAIT bb_err key_authenticate(bb_str authorization, bb_str remote, struct bb_principal *ret, bb_str *ret_why);
/* Makes sure that the key in the tenant's file exists, with all scopes. */
BB_AWAIT bb_err key_bootstrap(bb_str text);
const char *key_bootstrap_fault(bb_str text); /* a sentence, or NULL */

BB_AWAIT bb_err keys_list(bb_request *, bb_response *);
BB_AWAIT bb_err keys_create(bb_request *, bb_response *);
BB_AWAIT bb_err keys_revoke(bb_request *, bb_response *);

extern const struct bb_shape ApiKey BB_HIDDEN;
extern const struct bb_shape NewApiKey BB_HIDDEN;
extern const struct bb_shape CreatedApiKey BB_HIDDEN;
extern const struct bb_migration schema_migrations[] BB_HIDDEN;
extern const size_t schema_migration_count BB_HIDDEN;

#endif
