/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract "auth/1", provided by the plugin that knows people and machines (identity). The router asks it for every
 * route that has a permission.
 */
#ifndef BUSBAR_AUTH_H
#define BUSBAR_AUTH_H

#include <busbar/http.h>
#include <busbar/types.h>

struct bb_principal {
        uint32_t size;
        uint32_t reserved;
        bb_str actor;         /* "key:3f2a…", "user:…" for audit entries */
        const bb_str *scopes; /* "stations:read", "stations:*", "*" */
        size_t scope_count;
};

struct bb_auth_ops {
        uint32_t size;
        uint32_t reserved;
        /* Who sends this request? BB_E_UNAUTHORIZED with a sentence for the caller when nobody we know. `authorization`
         * is the header's value, BB_NONE when absent. In a task of the tenant. */
        BB_AWAIT bb_err (*authenticate)(bb_str authorization, bb_str remote, struct bb_principal *ret, bb_str *ret_why);
};

#endif
