/* SPDX-License-Identifier: Apache-2.0
 *
 * How much a car draws: alternating current is flat with a short rise and a taper near full, direct current follows the
 * state of charge. No OCPP, no clock.
 */
#ifndef SIM_CURVE_H
#define SIM_CURVE_H

struct curve {
        double battery_wh, soc, target_soc; /* soc: 0 to 1 */
        double most_w;                      /* what car, cable and station agree on */
        double volts;                       /* of a phase, or of the battery when empty */
        double elapsed_s, power_w;
        double rate; /* the story's speed: a battery is smaller by it, so that power and energy still fit the clock */
        int phases, is_dc;
};

/* Wh drawn in `seconds` of the clock. */
double curve_advance(struct curve *, double seconds);
int curve_is_full(const struct curve *);
double curve_volts(const struct curve *);
double curve_amperes(const struct curve *); /* of each phase */

#endif
