/* SPDX-License-Identifier: Apache-2.0
 *
 * Cars come, charge and go. Each connector walks through its phases by itself, whether the station is connected or not;
 * what happens while it is offline is told later by the outbox.
 */
#include "base/time.h"
#include "sim.h"
#include <stdlib.h>

#define DC_PERCENT 20
#define SAMPLE_LEAST_MS 500

static int64_t sample_ms(const struct station *st)
{
        int64_t ms = (int64_t)((double)key_number(st, "MeterValueSampleInterval") * 1000 / options.rate);

        return ms < SAMPLE_LEAST_MS ? SAMPLE_LEAST_MS : ms;
}

/* --- telling --- */

void story_report_status(struct station *st, int32_t connector)
{
        struct buf payload = {0};

        message_status(&payload, st, connector);
        if (connector > 0)
                st->connectors[connector - 1].shown = message_status_text(&st->connectors[connector - 1]);
        outbox_put(st, STATUS_NOTIFICATION, connector, NULL, &payload);
}

void story_set_phase(struct station *st, struct connector *c, enum phase phase)
{
        c->phase = (uint8_t)phase;
        if (c->shown == NULL || strcmp(c->shown, message_status_text(c)) != 0)
                story_report_status(st, c->number);
}

static void advance(struct connector *c, int64_t now)
{
        if (c->tx != NULL && now > c->sampled_at)
                c->register_wh += curve_advance(&c->curve, (double)(now - c->sampled_at) / 1000);
        c->sampled_at = now;
}

int story_sample(struct station *st, struct connector *c, const char *context)
{
        struct buf payload = {0};

        advance(c, time_mono_ms());
        message_meter(&payload, st, c, context, time_now_ms());
        outbox_put(st, METER_VALUES, c->number, c->tx, &payload);
        return 1;
}

/* --- cars --- */

static void choose_ac(struct station *st, struct curve *c)
{
        static const struct {
                double watts;
                int phases;
        } cars[] = {{3680, 1}, {7360, 1}, {11040, 3}, {11040, 3}, {11040, 3}, {22080, 3}};
        size_t i = (size_t)chance_between(st, 0, BB_COUNT(cars) - 1);

        c->most_w = cars[i].watts;
        c->phases = cars[i].phases;
        c->volts = 230;
        c->battery_wh = (double)chance_between(st, 38000, 82000);
        c->soc = 0.15 + 0.5 * chance_unit(st);
        c->target_soc = 0.8 + 0.2 * chance_unit(st);
}

static void choose_dc(struct station *st, struct curve *c)
{
        static const double watts[] = {50000, 75000, 100000, 150000};
        double car = watts[chance_between(st, 0, 3)], station = watts[st->index % 4];

        c->most_w = car < station ? car : station;
        c->phases = 1;
        c->volts = 340;
        c->battery_wh = (double)chance_between(st, 52000, 95000);
        c->soc = 0.08 + 0.3 * chance_unit(st);
        c->target_soc = 0.7 + 0.2 * chance_unit(st);
}

static void new_car(struct station *st, struct connector *c, int64_t now)
{
        c->curve = (struct curve){.is_dc = st->is_dc, .rate = options.rate};
        if (st->is_dc)
                choose_dc(st, &c->curve);
        else
                choose_ac(st, &c->curve);
        c->leave_at = now + (st->is_dc ? story_ms(st, 900, 3000) : story_ms(st, 1200, 7200));
}

/* Nobody is at two places at once, as far as there are cards enough. */
static int tag_in_use(bb_str tag)
{
        for (int64_t i = 0; i < options.stations; i++)
                for (int j = 0; j < stations[i].connector_count; j++)
                        if (stations[i].connectors[j].tx != NULL && bb_str_is(tag, stations[i].connectors[j].tag))
                                return 1;
        return 0;
}

static void choose_tag(struct station *st, struct connector *c)
{
        bb_str tag = options.tags[chance(st) % options.tag_count];

        if (options.stations <= 200)
                for (int tries = 0; tries < 10 && tag_in_use(tag); tries++)
                        tag = options.tags[chance(st) % options.tag_count];
        if (st->profile == PROFILE_MISBEHAVING && chance_percent(st, 20))
                tag = BB_STR("NOBODYKNOWSTHISONE");
        memcpy(c->tag, tag.ptr, tag.len);
        c->tag[tag.len] = '\0';
}

/* --- the walk --- */

static void go_away(struct station *st, struct connector *c, int64_t now)
{
        int unavailable = c->leave_service || st->out_of_service;

        c->plugged = c->remote = 0;
        c->due = unavailable ? NEVER : now + story_ms(st, 60, 900);
        story_set_phase(st, c, unavailable ? PHASE_UNAVAILABLE : PHASE_AVAILABLE);
}

static void authorize(struct station *st, struct connector *c, int64_t now)
{
        struct buf payload = {0};

        c->due = now + options.timeout_s * 1000 + 5000;
        story_set_phase(st, c, PHASE_AUTHORIZING);
        message_authorize(&payload, c->tag);
        outbox_put(st, AUTHORIZE, c->number, NULL, &payload);
}

static void prepare(struct station *st, struct connector *c, int64_t now)
{
        c->plugged = 1;
        c->due = now + story_ms(st, 3, 15);
        story_set_phase(st, c, PHASE_PREPARING);
}

static void arrive(struct station *st, struct connector *c, int64_t now)
{
        choose_tag(st, c);
        c->plugged = (uint8_t)chance_percent(st, 50); /* the cable first, or the card */
        if (st->link == LINK_UP && st->boot == BOOT_ACCEPTED)
                authorize(st, c, now);
        else if (key_is_true(st, "LocalAuthorizeOffline"))
                prepare(st, c, now);
        else
                go_away(st, c, now);
}

static void start(struct station *st, struct connector *c, int64_t now)
{
        struct buf payload = {0};

        c->tx = heap_new(sizeof(*c->tx));
        c->tx->connector = c->number;
        memcpy(c->tx->tag, c->tag, sizeof(c->tag));
        transaction_hold(c->tx);
        new_car(st, c, now);
        c->sampled_at = now;
        c->sample_due = now + sample_ms(st);
        c->due = c->sample_due < c->leave_at ? c->sample_due : c->leave_at;
        message_start(&payload, c, time_now_ms());
        outbox_put(st, START_TRANSACTION, c->number, c->tx, &payload);
        story_set_phase(st, c, PHASE_CHARGING);
}

void story_stop(struct station *st, struct connector *c, const char *reason)
{
        struct buf payload = {0};
        int64_t now = time_mono_ms();

        advance(c, now);
        c->stop_reason = reason;
        message_stop(&payload, st, c, time_now_ms());
        outbox_put(st, STOP_TRANSACTION, c->number, c->tx, &payload);
        transaction_drop(c->tx);
        c->tx = NULL;
        c->due = now + story_ms(st, 5, 60);
        story_set_phase(st, c, PHASE_FINISHING);
}

static void charge(struct station *st, struct connector *c, int64_t now)
{
        advance(c, now);
        if (now >= c->leave_at) {
                story_stop(st, c, chance_percent(st, 60) ? "EVDisconnected" : "Local");
                return;
        }
        if (now >= c->sample_due) {
                story_sample(st, c, "Sample.Periodic");
                c->sample_due = now + sample_ms(st);
        }
        if (c->phase == PHASE_CHARGING && curve_is_full(&c->curve))
                story_set_phase(st, c, PHASE_SUSPENDED);
        c->due = c->sample_due < c->leave_at ? c->sample_due : c->leave_at;
}

static void step(struct station *st, struct connector *c, int64_t now)
{
        static void (*const steps[])(struct station *, struct connector *, int64_t) = {
                [PHASE_AVAILABLE] = arrive, [PHASE_AUTHORIZING] = go_away, [PHASE_PREPARING] = start,
                [PHASE_CHARGING] = charge,  [PHASE_SUSPENDED] = charge,    [PHASE_FINISHING] = go_away,
        };

        if (c->phase == PHASE_UNAVAILABLE || (c->phase == PHASE_AVAILABLE && st->resetting))
                c->due = NEVER;
        else
                steps[c->phase](st, c, now);
}

void story_on_timer(struct station *st, int64_t now)
{
        for (int i = 0; i < st->connector_count; i++)
                if (now >= st->connectors[i].due)
                        step(st, &st->connectors[i], now);
}

int64_t story_due(const struct station *st)
{
        int64_t due = NEVER;

        for (int i = 0; i < st->connector_count; i++)
                if (st->connectors[i].due < due)
                        due = st->connectors[i].due;
        return due;
}

/* --- answers --- */

static int tag_accepted(const bb_json *payload)
{
        return bb_str_is(bb_json_str(bb_json_get(bb_json_get(payload, "idTagInfo"), "status")), "Accepted");
}

static void on_authorize(struct station *st, struct call *call, const bb_json *payload)
{
        struct connector *c = &st->connectors[call->connector - 1];

        if (c->phase != PHASE_AUTHORIZING)
                return;
        if (tag_accepted(payload))
                prepare(st, c, time_mono_ms());
        else
                go_away(st, c, time_mono_ms());
}

static void on_start(struct station *st, struct call *call, const bb_json *payload)
{
        struct connector *c = &st->connectors[call->connector - 1];

        if (c->tx == call->tx && !tag_accepted(payload) && key_is_true(st, "StopTransactionOnInvalidId"))
                story_stop(st, c, "DeAuthorized");
}

void story_on_result(struct station *st, struct call *call, const bb_json *payload)
{
        if (call->action == BOOT_NOTIFICATION)
                station_on_boot(st, payload);
        else if (call->action == AUTHORIZE)
                on_authorize(st, call, payload);
        else if (call->action == START_TRANSACTION)
                on_start(st, call, payload);
        station_schedule(st);
}

/* No answer, or an error. */
void story_on_failure(struct station *st, struct call *call)
{
        struct connector *c = call->connector > 0 ? &st->connectors[call->connector - 1] : NULL;

        if (call->action == BOOT_NOTIFICATION && st->link == LINK_UP) {
                station_on_boot(st, NULL);
        } else if (call->action == AUTHORIZE && c->phase == PHASE_AUTHORIZING) {
                /* Half of the drivers wait until the station lets them by itself. */
                if (key_is_true(st, "LocalAuthorizeOffline") && chance_percent(st, 50))
                        prepare(st, c, time_mono_ms());
                else
                        go_away(st, c, time_mono_ms());
        }
}

/* --- from outside --- */

int story_remote_start(struct station *st, int32_t connector, bb_str tag)
{
        for (int i = 0; i < st->connector_count; i++) {
                struct connector *c = &st->connectors[i];

                if ((connector != 0 && connector != c->number) || c->phase != PHASE_AVAILABLE)
                        continue;
                memcpy(c->tag, tag.ptr, tag.len);
                c->tag[tag.len] = '\0';
                c->remote = 1;
                if (key_is_true(st, "AuthorizeRemoteTxRequests"))
                        authorize(st, c, time_mono_ms());
                else
                        prepare(st, c, time_mono_ms());
                station_schedule(st);
                return 1;
        }
        return 0;
}

void story_set_service(struct station *st, struct connector *c, int in_service)
{
        c->leave_service = !in_service;
        if (in_service ? c->phase == PHASE_UNAVAILABLE : c->phase != PHASE_UNAVAILABLE && c->tx == NULL)
                go_away(st, c, time_mono_ms());
        station_schedule(st);
}

int32_t story_charging(const struct station *st)
{
        int32_t count = 0;

        for (int i = 0; i < st->connector_count; i++)
                count += st->connectors[i].tx != NULL;
        return count;
}

/* --- the beginning --- */

void story_begin(struct station *st)
{
        int64_t now = time_mono_ms();

        for (int32_t i = 0; i <= st->connector_count; i++)
                story_report_status(st, i);
        for (int i = 0; i < st->connector_count && st->profile != PROFILE_IDLE; i++)
                if (st->connectors[i].phase == PHASE_AVAILABLE && st->connectors[i].due == NEVER)
                        st->connectors[i].due = now + story_ms(st, 0, 180);
        station_schedule(st);
}

void story_init(struct station *st)
{
        st->is_dc = (uint8_t)chance_percent(st, DC_PERCENT);
        st->connector_count = (uint8_t)(chance_percent(st, 40) ? 2 : 1);
        for (int i = 0; i < CONNECTORS_MOST; i++) {
                struct connector *c = &st->connectors[i];

                c->number = (uint8_t)(i + 1);
                c->phase = PHASE_AVAILABLE;
                c->due = NEVER;
                c->stop_reason = "";
                c->register_wh = (double)chance_between(st, 10000, 9000000);
        }
}
