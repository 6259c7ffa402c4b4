/* SPDX-License-Identifier: Apache-2.0
 *
 * The bus of one process. A subject is looked up as it is, then with each shorter beginning and ">" behind it, so the
 * cost depends on the words in the subject and not on the number of subscriptions. Each delivery is a task of its
 * subscriber; they start in the order in which the messages came.
 */
#include "mod/bus_local.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "base/tenant.h"
#include "rt/slots.h"
#include "rt/task.h"
#include <busbar/log.h>
#include <stdlib.h>

#define SUBJECT_MOST 255
#define DATA_MOST ((size_t)1024 * 1024)

/* All subscriptions to one subject or pattern. */
struct topic {
        struct list subscriptions;
        bb_str pattern;
};

struct subscription {
        uint64_t id; /* what callers hold: a stale one finds nothing */
        struct list node, all;
        struct topic *topic;
        bb_plugin_ref *who;
        bb_tenant *tenant;
        void (*handle)(bb_str, bb_str, bb_str *, void *);
        void *arg;
};

/* Shared by its deliveries and, for a request, the one who asks. */
struct message {
        size_t holders;
        bb_str subject, data;
        /* of a request */
        struct task *asker; /* NULL: publish, or the asker has gone */
        size_t outstanding, handled;
        int32_t answered;
        bb_str reply; /* in the asker's memory */
};

struct delivery {
        struct message *message;
        uint64_t subscription;
};

static struct map *topics;
static struct slots slots;
static struct list subscriptions = {&subscriptions, &subscriptions};

/* --- subjects --- */

static int word_char(char c)
{
        return c > ' ' && c < 127 && c != '*' && c != '>';
}

/* Words of visible ASCII with dots between; a pattern may be ">" or end in ".>". */
static bb_err subject_check(bb_str subject, int is_pattern)
{
        size_t word = 0;

        if (is_pattern && bb_str_is(subject, ">"))
                return BB_OK;
        if (is_pattern && subject.len > 2 && memcmp(subject.ptr + subject.len - 2, ".>", 2) == 0)
                subject.len -= 2;
        if (subject.len == 0 || subject.len > SUBJECT_MOST)
                return BB_E_INVALID;
        for (size_t i = 0; i < subject.len; i++) {
                if (subject.ptr[i] == '.' && word > 0)
                        word = 0;
                else if (word_char(subject.ptr[i]) && subject.ptr[i] != '.')
                        word++;
                else
                        return BB_E_INVALID;
        }
        return word > 0 ? BB_OK : BB_E_INVALID;
}

/* --- messages --- */

static struct message *message_new(bb_str subject, bb_str data)
{
        struct message *m = heap_new(sizeof(*m));

        m->holders = 1;
        m->subject = heap_str(subject);
        m->data = heap_str(data);
        return m;
}

static void message_drop(struct message *m)
{
        if (--m->holders > 0)
                return;
        free((void *)(uintptr_t)m->subject.ptr);
        free((void *)(uintptr_t)m->data.ptr);
        free(m);
}

static void answer(struct message *m, bb_str reply)
{
        if (reply.ptr == NULL || m->answered || m->asker == NULL)
                return;
        m->answered = 1;
        m->reply = arena_str(task_arena(m->asker), reply);
        task_wake(m->asker);
}

static void delivery_over(void *arg)
{
        struct delivery *d = arg;
        struct message *m = d->message;

        if (--m->outstanding == 0 && m->asker != NULL)
                task_wake(m->asker);
        message_drop(m);
        free(d);
}

static void delivery_run(void *arg)
{
        struct delivery *d = arg;
        struct message *m = d->message;
        struct subscription *s = slots_get(&slots, d->subscription);
        bb_str reply = BB_NONE;

        task_at_end(delivery_over, d);
        if (s == NULL) /* it was ended meanwhile */
                return;
        m->handled++;
        s->handle(m->subject, m->data, &reply, s->arg);
        answer(m, reply);
}

static bb_err deliver_to(struct subscription *s, struct message *m)
{
        struct delivery *d = heap_new(sizeof(*d));
        struct bb_task_spec spec = {.size = sizeof(spec),
                                    .flags = TASK_WITHOUT_TENANT,
                                    .name = "bus.message",
                                    .tenant = s->tenant,
                                    .run = delivery_run,
                                    .arg = d};
        bb_err err;

        *d = (struct delivery){.message = m, .subscription = s->id};
        err = task_spawn(s->who, &spec, NULL);
        if (err < 0) {
                free(d);
                return err;
        }
        m->holders++;
        m->outstanding++;
        return BB_OK;
}

/* A subscriber whose tenant stops is as good as none; any other failure is told, after the rest got theirs. */
static bb_err deliver_topic(bb_str pattern, struct message *m)
{
        struct topic *topic = map_get(topics, pattern);
        bb_err first = BB_OK;

        if (topic == NULL)
                return BB_OK;
        LIST_EACH (item, &topic->subscriptions) {
                bb_err err = deliver_to(LIST_OF(struct subscription, node, item), m);

                if (err < 0 && err != BB_E_CANCELED && first == BB_OK)
                        first = err;
        }
        return first;
}

static bb_err deliver(struct message *m)
{
        char pattern[SUBJECT_MOST + 2];
        bb_err first, err;

        if (topics == NULL)
                return BB_OK;
        first = deliver_topic(m->subject, m);
        for (size_t i = m->subject.len; i-- > 0;) {
                if (m->subject.ptr[i] != '.')
                        continue;
                memcpy(pattern, m->subject.ptr, i + 1);
                pattern[i + 1] = '>';
                err = deliver_topic((bb_str){.ptr = pattern, .len = i + 2}, m);
                first = first < 0 ? first : err;
        }
        err = deliver_topic(BB_STR(">"), m);
        return first < 0 ? first : err;
}

static bb_err message_check(bb_str subject, bb_str data)
{
        TRY(subject_check(subject, 0));
        return data.len > DATA_MOST ? BB_E_LIMIT : BB_OK;
}

static bb_err bus_publish(bb_str subject, bb_str data)
{
        struct message *m;
        bb_err err;

        TRY(message_check(subject, data));
        m = message_new(subject, data);
        err = deliver(m);
        message_drop(m);
        return err;
}

static bb_err bus_request(bb_str subject, bb_str data, int64_t timeout_ms, bb_str *ret_reply)
{
        struct message *m;
        bb_err err;

        TRY(message_check(subject, data));
        if (task_current() == NULL)
                return task_park(0); /* says what is wrong */
        m = message_new(subject, data);
        m->asker = task_current();
        err = deliver(m);
        if (m->outstanding == 0)
                err = err < 0 ? err : BB_E_OFFLINE;
        else
                err = task_park(timeout_ms);
        m->asker = NULL;
        if (m->answered) { /* even when the time ran out in the same turn */
                *ret_reply = m->reply;
                err = BB_OK;
        } else if (err == BB_OK) {
                err = m->handled > 0 ? BB_E_TIMEOUT : BB_E_OFFLINE;
        }
        message_drop(m);
        return err;
}

/* --- subscriptions --- */

static struct topic *topic_for(bb_str pattern)
{
        struct topic *topic;

        if (topics == NULL)
                topics = map_new();
        topic = map_get(topics, pattern);
        if (topic != NULL)
                return topic;
        topic = heap_new(sizeof(*topic));
        list_init(&topic->subscriptions);
        topic->pattern = heap_str(pattern);
        map_set(topics, pattern, topic);
        return topic;
}

static bb_err bus_subscribe(bb_plugin_ref *who, bb_tenant *tenant, bb_str subject,
                            void (*handle)(bb_str, bb_str, bb_str *, void *), void *arg, bb_subscription **ret)
{
        struct subscription *s;

        TRY(subject_check(subject, 1));
        if (handle == NULL)
                return BB_E_INVALID;
        if (tenant != NULL)
                CHECK_TENANT(tenant);
        s = heap_new(sizeof(*s));
        s->id = slots_add(&slots, s);
        if (s->id == 0) {
                free(s);
                return BB_E_LIMIT;
        }
        s->who = who;
        s->tenant = tenant;
        s->handle = handle;
        s->arg = arg;
        s->topic = topic_for(subject);
        list_append(&s->topic->subscriptions, &s->node);
        list_append(&subscriptions, &s->all);
        if (ret != NULL)
                *ret = (bb_subscription *)(uintptr_t)s->id;
        return BB_OK;
}

static void subscription_end(struct subscription *s)
{
        struct topic *topic = s->topic;

        slots_remove(&slots, s->id);
        list_remove(&s->node);
        list_remove(&s->all);
        free(s);
        if (!list_empty(&topic->subscriptions))
                return;
        map_remove(topics, topic->pattern);
        free((void *)(uintptr_t)topic->pattern.ptr);
        free(topic);
        if (map_count(topics) > 0)
                return;
        map_free(topics);
        topics = NULL;
        slots_free(&slots);
}

static void bus_unsubscribe(bb_subscription *handle)
{
        struct subscription *s = slots_get(&slots, (uint64_t)(uintptr_t)handle);

        if (s != NULL)
                subscription_end(s);
}

static int in_group(const struct subscription *s, const bb_plugin_ref *who, const bb_tenant *tenant)
{
        return (who == NULL || s->who == who) && (tenant == NULL || s->tenant == tenant);
}

void bus_close_group(const bb_plugin_ref *who, const bb_tenant *tenant)
{
        LIST_EACH_SAFE (item, save, &subscriptions) {
                struct subscription *s = LIST_OF(struct subscription, all, item);

                if (in_group(s, who, tenant))
                        subscription_end(s);
        }
}

size_t bus_group_count(const bb_plugin_ref *who, const bb_tenant *tenant)
{
        size_t count = 0;

        LIST_EACH (item, &subscriptions)
                count += (size_t)in_group(LIST_OF(struct subscription, all, item), who, tenant);
        return count;
}

const struct bb_bus_ops bus_local_ops = {.size = sizeof(bus_local_ops),
                                         .publish = bus_publish,
                                         .subscribe = bus_subscribe,
                                         .unsubscribe = bus_unsubscribe,
                                         .request = bus_request};

const struct bb_bus_ops *bb_bus_ = &bus_local_ops;
