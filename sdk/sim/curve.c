/* SPDX-License-Identifier: Apache-2.0
 *
 * Power over time, from straight pieces. The numbers are those of ordinary cars: 3.7 to 22 kW at a wall box, 50 to 150
 * kW at a fast charger, where most cars hold full power to about half and are down to a tenth when they are full.
 */
#include "curve.h"

#define STEP_S 1.0
#define STEPS_MOST 4000

struct point {
        double soc, share;
};

static const struct point ac_points[] = {{0, 1}, {0.95, 1}, {1, 0.15}};
static const struct point dc_points[] = {{0, 0.7}, {0.1, 1}, {0.55, 1}, {0.8, 0.45}, {1, 0.08}};

static double share_at(const struct point *points, int count, double soc)
{
        for (int i = 1; i < count; i++) {
                const struct point *a = &points[i - 1], *b = &points[i];

                if (soc <= b->soc)
                        return a->share + (b->share - a->share) * (soc - a->soc) / (b->soc - a->soc);
        }
        return points[count - 1].share;
}

static double power(const struct curve *c)
{
        double rise_s = (c->is_dc ? 15 : 8) / c->rate;
        double rise = c->elapsed_s < rise_s ? c->elapsed_s / rise_s : 1;
        double share = c->is_dc ? share_at(dc_points, 5, c->soc) : share_at(ac_points, 3, c->soc);

        return curve_is_full(c) ? 0 : c->most_w * share * rise;
}

int curve_is_full(const struct curve *c)
{
        return c->soc >= c->target_soc;
}

double curve_advance(struct curve *c, double seconds)
{
        double step = seconds / STEPS_MOST > STEP_S / c->rate ? seconds / STEPS_MOST : STEP_S / c->rate, wh = 0;

        while (seconds > 0) {
                double s = seconds < step ? seconds : step, drawn;

                c->elapsed_s += s;
                c->power_w = power(c);
                drawn = c->power_w * s / 3600;
                wh += drawn;
                c->soc += drawn * c->rate / c->battery_wh;
                seconds -= s;
        }
        if (c->soc > 1)
                c->soc = 1;
        c->power_w = power(c);
        return wh;
}

double curve_volts(const struct curve *c)
{
        return c->is_dc ? c->volts + 80 * c->soc : c->volts;
}

double curve_amperes(const struct curve *c)
{
        return c->power_w / curve_volts(c) / (c->is_dc ? 1 : c->phases);
}
