/* SPDX-License-Identifier: Apache-2.0
 *
 * Durable events: writing them, who listens to which, and the cursors. Delivery is in event_deliver.c.
 */
#include "base/str.h"
#include "db/work.h"
#include <busbar/log.h>
#include <busbar/rt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct list subscriptions = {.next = &subscriptions, .prev = &subscriptions};

/* Parameters that live as long as the memory of the running task. */
struct bb_stmt lasting_stmt(const char *sql, const struct bb_param *params, size_t count, int32_t flags)
{
        struct bb_param *copy = arena_alloc(arena_current, sizeof(*copy) * (count + 1));

        memcpy(copy, params, sizeof(*copy) * count);
        return (struct bb_stmt){.sql = sql, .params = copy, .param_count = count, .flags = flags};
}

struct bb_stmt event_stmt(bb_str topic, bb_str key, bb_str payload_json)
{
        const struct bb_param params[] = {BB_UUID(bb_uuid()), BB_TEXT(topic), BB_TEXT(key), BB_JSONB(payload_json)};

        return lasting_stmt("insert into core.event (id, topic, key, payload) values ($1, $2, $3, $4)", params,
                            BB_COUNT(params), BB_STMT_EVENT);
}

struct bb_stmt event_list_stmt(const struct bb_new_event *events, size_t count)
{
        bb_str *columns = arena_alloc(arena_current, sizeof(*columns) * (4 * count + 1));
        bb_str *ids = columns, *topics = ids + count, *keys = topics + count, *payloads = keys + count;

        for (size_t i = 0; i < count; i++) {
                ids[i] = bb_uuid();
                topics[i] = bb_cstr(events[i].topic);
                keys[i] = events[i].key;
                payloads[i] = events[i].payload;
        }
        const struct bb_param params[] = {BB_TEXT_ARRAY(ids, count), BB_TEXT_ARRAY(topics, count),
                                          BB_TEXT_ARRAY(keys, count), BB_TEXT_ARRAY(payloads, count)};

        return lasting_stmt("insert into core.event (id, topic, key, payload)"
                            " select e.id::uuid, e.topic, e.key, e.payload::jsonb"
                            " from unnest($1::text[], $2::text[], $3::text[], $4::text[])"
                            " with ordinality as e (id, topic, key, payload, n) order by e.n",
                            params, BB_COUNT(params), BB_STMT_EVENT);
}

int topic_matches(const char *pattern, bb_str topic)
{
        size_t len = strlen(pattern);

        if (len >= 2 && strcmp(pattern + len - 2, ".*") == 0)
                return str_starts(topic, (bb_str){.ptr = pattern, .len = len - 1});
        return bb_str_is(topic, pattern);
}

bb_err event_subscribe(bb_plugin_ref *who, const char *topic, bb_err (*handle)(const struct bb_event *, void *))
{
        const char *plugin = db_world.plugin_name != NULL ? db_world.plugin_name(who) : NULL;
        struct subscription *s;

        if (who == NULL || plugin == NULL || topic == NULL || topic[0] == '\0' || handle == NULL)
                return BB_E_INVALID;
        s = heap_new(sizeof(*s));
        *s = (struct subscription){.who = who, .plugin = strdup(plugin), .topic = strdup(topic), .handle = handle};
        list_append(&subscriptions, &s->link);
        return BB_OK;
}

static struct subscriber *subscriber_of(struct work *w, const bb_plugin_ref *who)
{
        LIST_EACH (item, &w->subscribers) {
                struct subscriber *s = LIST_OF(struct subscriber, link, item);

                if (s->who == who)
                        return s;
        }
        return NULL;
}

/* "session.*" for LIKE: what is special there is escaped. */
static bb_str like_pattern(const char *topic)
{
        size_t len = strlen(topic);
        char *out = heap_new(len * 2 + 1), *p = out;

        for (size_t i = 0; i < len; i++) {
                if (topic[i] == '*' && i + 1 == len && i > 0 && topic[i - 1] == '.') {
                        *p++ = '%';
                        continue;
                }
                if (strchr("\\%_", topic[i]) != NULL)
                        *p++ = '\\';
                *p++ = topic[i];
        }
        return (bb_str){.ptr = out, .len = (size_t)(p - out)};
}

static void subscriber_add(struct work *w, const struct subscription *from)
{
        struct subscriber *s = subscriber_of(w, from->who);

        if (s != NULL && s->running)
                return;
        if (s == NULL) {
                s = heap_new(sizeof(*s));
                s->work = w;
                s->who = from->who;
                s->plugin = strdup(from->plugin);
                snprintf(s->seen_xid, sizeof(s->seen_xid), "0");
                list_append(&w->subscribers, &s->link);
        }
        s->patterns = heap_grow(s->patterns, sizeof(bb_str) * (s->pattern_count + 1));
        s->patterns[s->pattern_count++] = like_pattern(from->topic);
}

/* Nothing that was written before a plugin first listens concerns it. */
static BB_AWAIT bb_err make_cursor(const struct subscriber *s)
{
        return bb_db_query(NULL,
                           "insert into core.event_cursor (plugin, xid, seq)"
                           " values ($1, pg_snapshot_xmin(pg_current_snapshot()), 0) on conflict (tenant_id, plugin)"
                           " do update set seen_at = now()",
                           BB_CTEXT(s->plugin));
}

/* What this node held before it was started anew is nobody's now. */
static BB_AWAIT bb_err take_back(void)
{
        return bb_db_query(NULL,
                           "update core.event_cursor set lease_until = '-infinity'"
                           " where split_part(owner, '/', 1) = $1 and owner <> $2",
                           BB_CTEXT(pool.config.node), BB_CTEXT(work_owner));
}

static void subscriber_free(struct subscriber *s)
{
        for (size_t i = 0; i < s->pattern_count; i++)
                free((void *)(uintptr_t)s->patterns[i].ptr);
        list_remove(&s->link);
        free(s->patterns);
        free(s->plugin);
        free(s);
}

/* Those whose plugin was stopped are made anew, when it is there again. */
static void drop_ended(struct work *w)
{
        LIST_EACH_SAFE (item, save, &w->subscribers) {
                struct subscriber *s = LIST_OF(struct subscriber, link, item);

                if (!s->running)
                        subscriber_free(s);
        }
}

static BB_AWAIT bb_err subscriber_start(struct subscriber *s)
{
        if (s->running)
                return BB_OK;
        TRY(make_cursor(s));
        TRY(work_spawn(s->work, s->who, "db.events", 0, subscriber_run, s, &s->task_id));
        s->running = 1;
        return BB_OK;
}

BB_AWAIT bb_err subscribers_start(struct work *w)
{
        drop_ended(w);
        LIST_EACH (item, &subscriptions) {
                const struct subscription *s = LIST_OF(struct subscription, link, item);

                if (db_world.tenant_has == NULL || db_world.tenant_has(s->who, w->tenant))
                        subscriber_add(w, s);
        }
        if (list_empty(&w->subscribers))
                return BB_OK;
        TRY(take_back());
        LIST_EACH (item, &w->subscribers)
                TRY(subscriber_start(LIST_OF(struct subscriber, link, item)));
        return BB_OK;
}

BB_AWAIT bb_err subscribers_release(void)
{
        return bb_db_query(NULL, "update core.event_cursor set lease_until = '-infinity' where owner = $1",
                           BB_CTEXT(work_owner));
}

/* After their tasks have ended. */
void subscribers_stop(struct work *w)
{
        drop_ended(w);
}

void db_remove_plugin(const bb_plugin_ref *who)
{
        migrations_forget(who);
        months_forget(who);
        LIST_EACH_SAFE (item, save, &subscriptions) {
                struct subscription *s = LIST_OF(struct subscription, link, item);

                if (s->who != who)
                        continue;
                list_remove(&s->link);
                free(s->plugin);
                free(s->topic);
                free(s);
        }
        LIST_EACH_SAFE (item, save, &job_types) {
                struct job_type *t = LIST_OF(struct job_type, link, item);

                if (t->who != who)
                        continue;
                list_remove(&t->link);
                free(t->type);
                free(t);
        }
}
