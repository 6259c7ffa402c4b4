/* SPDX-License-Identifier: Apache-2.0
 *
 * Seeded randomness (splitmix64), one sequence for each station.
 */
#include "sim.h"

uint64_t chance(struct station *st)
{
        uint64_t z = st->random += 0x9e3779b97f4a7c15u;

        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        return z ^ z >> 31;
}

int64_t chance_between(struct station *st, int64_t low, int64_t high)
{
        return low + (int64_t)(chance(st) % (uint64_t)(high - low + 1));
}

double chance_unit(struct station *st)
{
        return (double)(chance(st) >> 11) / (double)(1ull << 53);
}

int chance_percent(struct station *st, int percent)
{
        return chance_between(st, 0, 99) < percent;
}

int64_t story_ms(struct station *st, int64_t low_s, int64_t high_s)
{
        return (int64_t)((double)chance_between(st, low_s * 1000, high_s * 1000) / options.rate);
}
