/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages between nodes ("bus/1"): publish, subscribe, request and reply. Subjects are dotted words; ">" at the end of
 * a subscription stands for the rest. Not durable: what must not be lost is a durable event (db.h).
 */
#ifndef BUSBAR_BUS_H
#define BUSBAR_BUS_H

#include <busbar/types.h>

struct bb_subscription;
typedef struct bb_subscription bb_subscription;

struct bb_bus_ops {
        uint32_t size;
        uint32_t reserved;
        bb_err (*publish)(bb_str subject, bb_str data);
        /* `handle` runs in a task in `tenant`. For a request it sets *ret_reply (in the task's memory). The
         * subscription ends with unsubscribe, or when its plugin or tenant stops. */
        bb_err (*subscribe)(bb_plugin_ref *who, bb_tenant *tenant, bb_str subject,
                            void (*handle)(bb_str subject, bb_str data, bb_str *ret_reply, void *arg), void *arg,
                            bb_subscription **ret);
        void (*unsubscribe)(bb_subscription *);
        /* BB_E_OFFLINE: nobody on any node subscribes. BB_E_TIMEOUT: somebody does, but did not answer. */
        BB_AWAIT bb_err (*request)(bb_str subject, bb_str data, int64_t timeout_ms, bb_str *ret_reply);
};

extern const struct bb_bus_ops *bb_bus_ BB_HIDDEN;
extern bb_plugin_ref *bb_self_ BB_HIDDEN;

static inline bb_err bb_bus_publish(bb_str subject, bb_str data)
{
        return bb_bus_->publish(subject, data);
}
static inline bb_err bb_bus_subscribe(bb_tenant *tenant, bb_str subject,
                                      void (*handle)(bb_str, bb_str, bb_str *, void *), void *arg,
                                      bb_subscription **ret)
{
        return bb_bus_->subscribe(bb_self_, tenant, subject, handle, arg, ret);
}
static inline void bb_bus_unsubscribe(bb_subscription *s)
{
        bb_bus_->unsubscribe(s);
}
static inline BB_AWAIT bb_err bb_bus_request(bb_str subject, bb_str data, int64_t timeout_ms, bb_str *ret_reply)
{
        return bb_bus_->request(subject, data, timeout_ms, ret_reply);
}

#endif
