/* SPDX-License-Identifier: Apache-2.0
 *
 * The few things that every file of the plugin uses.
 */
#include "domain.h"
#include <stdlib.h>

struct charging *charging_state(void)
{
        bb_tenant *tenant = bb_task_tenant();

        return tenant != NULL ? bb_tenant_state(tenant) : NULL;
}

int64_t time_clamp(int64_t ms)
{
        if (ms < TIME_MIN_MS)
                return TIME_MIN_MS;
        return ms > TIME_MAX_MS ? TIME_MAX_MS : ms;
}

bb_str time_or_none(int64_t ms)
{
        return ms != 0 ? bb_time_text(time_clamp(ms)) : BB_NONE;
}

struct bb_stmt stmt_kept(const struct bb_stmt *s)
{
        struct bb_param *params = BB_NEW_ARRAY(struct bb_param, s->param_count + 1);
        struct bb_stmt kept = *s;

        memcpy(params, s->params, s->param_count * sizeof(*params));
        kept.params = params;
        return kept;
}

bb_str report_text(bb_str s, size_t max)
{
        bb_str clipped = text_clip(s, max), copy;
        char *p;

        if (text_storable(clipped))
                return clipped;
        copy = bb_str_dup(clipped);
        p = (char *)(uintptr_t)copy.ptr;
        for (size_t i = 0; i < copy.len; i++) {
                if (p[i] == '\0' || (unsigned char)p[i] >= 0x80)
                        p[i] = '?';
        }
        return copy;
}

static int by_station(const void *a, const void *b)
{
        const struct report *const *x = a, *const *y = b;
        bb_str s = (*x)->who->station_id, t = (*y)->who->station_id;
        int order = memcmp(s.ptr, t.ptr, s.len < t.len ? s.len : t.len);

        if (order == 0)
                order = (s.len > t.len) - (s.len < t.len);
        return order != 0 ? order : ((*x)->place > (*y)->place) - ((*x)->place < (*y)->place);
}

BB_AWAIT bb_err group_rounds(struct charging *c, void *const *gathered, size_t count,
                             bb_err (*round)(struct charging *, struct report *const *, size_t))
{
        struct report **left = BB_NEW_ARRAY(struct report *, count + 1);
        struct report **now = BB_NEW_ARRAY(struct report *, count + 1);

        for (size_t i = 0; i < count; i++) {
                left[i] = gathered[i];
                left[i]->place = i;
        }
        qsort(left, count, sizeof(*left), by_station);
        while (count > 0) {
                size_t n = 0, later = 0;

                for (size_t i = 0; i < count; i++) {
                        if (n > 0 && bb_str_eq(now[n - 1]->who->station_id, left[i]->who->station_id))
                                left[later++] = left[i];
                        else
                                now[n++] = left[i];
                }
                TRY(round(c, now, n));
                count = later;
        }
        return BB_OK;
}
