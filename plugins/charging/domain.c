/* SPDX-License-Identifier: Apache-2.0
 *
 * The few things that every file of the plugin uses.
 */
#include "domain.h"

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
