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
void testkit_http_forget(void);
void testkit_http_reset(void);

/* What testkit_event and testkit_job call. */
bb_err testkit_subscribe(bb_plugin_ref *who, const char *topic, bb_err (*handle)(const struct bb_event *, void *));
bb_err testkit_job_type(bb_plugin_ref *who, const char *type,
                        bb_err (*work)(bb_job *, bb_str, void *, bb_str *, bb_str *));
bb_err testkit_job_progress(bb_job *job, int64_t done, int64_t total);
bb_str testkit_job_id(const bb_job *job);
void testkit_work_reset(void);

#endif
