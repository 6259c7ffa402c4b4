/* SPDX-License-Identifier: Apache-2.0
 *
 * What every room needs to know of a tenant. Made, changed and freed by mod/tenant.c alone.
 */
#ifndef CORE_BASE_TENANT_H
#define CORE_BASE_TENANT_H

#include <busbar/types.h>

#define TENANT_MAGIC 0x54454e41u

struct bb_tenant {
        uint32_t magic;
        int32_t stopping; /* no new tasks and requests */
        bb_str id, name;  /* NUL-terminated, live as long as the tenant */
        void *mod;        /* mod's own part */
};

#define CHECK_TENANT(t)                                                                                                \
        do {                                                                                                           \
                if ((t) == NULL || (t)->magic != TENANT_MAGIC)                                                         \
                        return BB_E_INVALID;                                                                           \
        } while (0)

#endif
