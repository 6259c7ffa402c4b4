/* SPDX-License-Identifier: Apache-2.0
 *
 * See repeat.h. A station has one CALL under way (OCPP-J 1.6 §4.1.1), so a few entries are enough. Messages of a
 * connection are served in the order in which they came, which is why counting them tells whether one that is served
 * now was already there when an earlier one was answered.
 */
#include "repeat.h"

#include "ocpp16.h"

#include <stdlib.h>

enum { ENTRIES = 6, KEEP_MS = 150000 /* several time-outs of a station */, MAX_ANSWER_BYTES = 2048 };

struct repeat {
        uint64_t digest;  /* of the whole frame */
        uint32_t length;  /* of it */
        uint32_t arrived; /* how many had arrived when it was answered */
        char *answer;     /* with NUL; NULL: {}, or no entry when length is 0 */
};

struct repeats {
        int64_t last_mono_ms;
        uint32_t newest;
        uint32_t reserved;
        struct repeat entries[ENTRIES];
};

static uint64_t digest_of(const struct station *st, bb_str text)
{
        return station_hash(st->owner->stations.seed, text);
}

void repeat_arrived(struct station *st)
{
        st->arrived++;
}

static struct repeat *find_repeat(struct repeats *r, uint64_t digest, bb_str text, int32_t mode)
{
        for (size_t i = 0; i < ENTRIES; i++) {
                struct repeat *entry = &r->entries[i];

                if (entry->digest != digest || entry->length != text.len)
                        continue;
                if (mode == REPEAT_RECENT || i == r->newest)
                        return entry;
        }
        return NULL;
}

int32_t repeat_find(struct station *st, bb_str text, int32_t mode, bb_str *ret_answer)
{
        struct repeat *entry;

        if (st->repeats == NULL || mode == REPEAT_NEVER)
                return REPEAT_NEW;
        entry = find_repeat(st->repeats, digest_of(st, text), text, mode);
        if (entry == NULL)
                return REPEAT_NEW;
        if ((int32_t)(entry->arrived - st->served) >= 0)
                return REPEAT_DROP;
        *ret_answer = entry->answer != NULL ? bb_cstr(entry->answer) : BB_STR("{}");
        return REPEAT_ANSWER;
}

static void empty_entry(struct repeat *entry)
{
        free(entry->answer);
        *entry = (struct repeat){.answer = NULL};
}

static void *must_have(void *p)
{
        if (p == NULL)
                abort(); /* as the host does when memory is gone */
        return p;
}

void repeat_keep(struct station *st, bb_str text, int32_t mode, bb_str answer)
{
        struct repeat *entry;

        if (mode == REPEAT_NEVER || answer.len > MAX_ANSWER_BYTES || text.len > UINT32_MAX)
                return;
        if (st->repeats == NULL)
                st->repeats = must_have(calloc(1, sizeof(*st->repeats)));
        st->repeats->last_mono_ms = bb_mono_ms();
        st->repeats->newest = (st->repeats->newest + 1) % ENTRIES;
        entry = &st->repeats->entries[st->repeats->newest];
        empty_entry(entry);
        *entry = (struct repeat){.digest = digest_of(st, text), .length = (uint32_t)text.len, .arrived = st->arrived};
        if (!bb_str_is(answer, "{}"))
                entry->answer = must_have(strndup(answer.ptr, answer.len));
}

void repeat_free(struct station *st)
{
        if (st->repeats == NULL)
                return;
        for (size_t i = 0; i < ENTRIES; i++)
                empty_entry(&st->repeats->entries[i]);
        free(st->repeats);
        st->repeats = NULL;
}

void repeat_forget_old(struct station *st, int64_t now_mono_ms)
{
        if (st->repeats != NULL && now_mono_ms - st->repeats->last_mono_ms > KEEP_MS)
                repeat_free(st);
}
