/* SPDX-License-Identifier: Apache-2.0
 *
 * The columns of a sessions file, in order.
 */
#include "export.h"
#include <inttypes.h>
#include <time.h>

static struct cell text(bb_str s)
{
        return (struct cell){.kind = CELL_TEXT, .absent = s.len == 0, .text = s};
}

static struct cell number(int32_t kind, int32_t absent, int64_t num)
{
        return (struct cell){.kind = kind, .absent = absent, .num = num};
}

#define TEXT_OF(name, expr)                                                                                            \
        static struct cell name(const struct bb_session *s)                                                            \
        {                                                                                                              \
                return text(expr);                                                                                     \
        }
#define NUMBER_OF(name, kind, absent, expr)                                                                            \
        static struct cell name(const struct bb_session *s)                                                            \
        {                                                                                                              \
                return number(kind, absent, expr);                                                                     \
        }

static bb_str state_name(int32_t state)
{
        static const char *const names[] = {"open", "ended", "review", "closed"};

        return state >= 0 && (size_t)state < BB_COUNT(names) ? bb_cstr(names[state]) : BB_NONE;
}

static bb_str authorization_name(int32_t status)
{
        static const char *const names[] = {"accepted", "blocked", "expired", "invalid", "concurrent"};

        return status >= 0 && (size_t)status < BB_COUNT(names) ? bb_cstr(names[status]) : BB_NONE;
}

TEXT_OF(session_id, s->id)
TEXT_OF(station, s->station_id)
NUMBER_OF(connector, CELL_INT, 0, s->connector_id)
TEXT_OF(location, s->location_id)
NUMBER_OF(transaction, CELL_INT, 0, s->transaction_id)
TEXT_OF(token, s->token_uid)
TEXT_OF(parent, s->parent_uid)
TEXT_OF(state, state_name(s->state))
TEXT_OF(authorization, authorization_name(s->authorization))
NUMBER_OF(started, CELL_TIME, s->started_ms == 0, s->started_ms)
NUMBER_OF(ended, CELL_TIME, s->ended_ms == 0, s->ended_ms)
NUMBER_OF(duration, CELL_DURATION, s->ended_ms == 0, (s->ended_ms - s->started_ms) / 1000)
NUMBER_OF(energy, CELL_KWH, 0, s->energy_wh)
NUMBER_OF(meter_start, CELL_INT, 0, s->meter_start_wh)
NUMBER_OF(meter_stop, CELL_INT, s->ended_ms == 0, s->meter_stop_wh)
NUMBER_OF(samples, CELL_INT, 0, s->sample_count)
TEXT_OF(stop_reason, s->stop_reason)
TEXT_OF(review, s->review)

const struct column columns[] = {
        {"Session", CELL_TEXT, 38, session_id},
        {"Station", CELL_TEXT, 18, station},
        {"Connector", CELL_INT, 10, connector},
        {"Location", CELL_TEXT, 18, location},
        {"Transaction", CELL_INT, 13, transaction},
        {"Token", CELL_TEXT, 22, token},
        {"Parent token", CELL_TEXT, 16, parent},
        {"State", CELL_TEXT, 9, state},
        {"Authorization", CELL_TEXT, 14, authorization},
        {"Started", CELL_TIME, 20, started},
        {"Ended", CELL_TIME, 20, ended},
        {"Duration", CELL_DURATION, 11, duration},
        {"Energy (kWh)", CELL_KWH, 13, energy},
        {"Meter start (Wh)", CELL_INT, 16, meter_start},
        {"Meter stop (Wh)", CELL_INT, 16, meter_stop},
        {"Samples", CELL_INT, 9, samples},
        {"Stop reason", CELL_TEXT, 16, stop_reason},
        {"Review", CELL_TEXT, 40, review},
};
const size_t column_count = BB_COUNT(columns);

int32_t cell_is_formula(bb_str s)
{
        return s.len > 0 && memchr("=+-@\t\r", s.ptr[0], 6) != NULL;
}

static void time_as_text(int64_t ms, const bb_zone *zone, char *ret, size_t room)
{
        time_t seconds = (time_t)(ms / 1000 - (ms % 1000 < 0) + bb_zone_offset(zone, ms));
        struct tm tm;

        *ret = '\0';
        if (gmtime_r(&seconds, &tm) == NULL)
                return;
        snprintf(ret, room, "%04d-%02d-%02d %02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                 tm.tm_min, tm.tm_sec);
}

void cell_as_text(const struct cell *cell, const bb_zone *zone, char *ret, size_t room)
{
        uint64_t seconds = cell->num < 0 ? -(uint64_t)cell->num : (uint64_t)cell->num;

        if (cell->kind == CELL_TIME)
                time_as_text(cell->num, zone, ret, room);
        else
                snprintf(ret, room, "%s%" PRIu64 ":%02d:%02d", cell->num < 0 ? "-" : "", seconds / 3600,
                         (int)(seconds / 60 % 60), (int)(seconds % 60));
}

void column_title(const struct column *column, const char *zone_name, char *ret, size_t room)
{
        if (column->kind == CELL_TIME)
                snprintf(ret, room, "%s (%s)", column->title, zone_name);
        else
                snprintf(ret, room, "%s", column->title);
}
