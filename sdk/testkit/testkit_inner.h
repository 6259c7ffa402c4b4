/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the testkit share.
 */
#ifndef TESTKIT_INNER_H
#define TESTKIT_INNER_H

#include "base/buf.h"
#include "testkit.h"

struct bb_plugin_ref {
        void *library;
        struct bb_plugin plugin;
        void *self, *state;
        bb_tenant *tenant;
        void *config;
};
extern struct bb_plugin_ref testkit_plugin;

extern const struct bb_db_ops testkit_db_ops;
extern const struct bb_http_ops testkit_http_ops;
void testkit_db_reset(void);
void testkit_http_reset(void);

#endif
