/* SPDX-License-Identifier: Apache-2.0
 *
 * Repairs of single values. Each gives a value that fits its field, or nothing; none looks at its surroundings.
 */
#include "repair_value.h"
#include "shapes.h"

#include <busbar/rt.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

static const double exact = 9007199254740992.0; /* 2^53 */

static int32_t is_whole(double v) /* at most `exact` */
{
        return (double)(int64_t)v == v;
}

static size_t count_chars_of(bb_str s)
{
        size_t n = 0;

        for (size_t i = 0; i < s.len; i++)
                n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
        return n;
}

static int32_t is_space(char c)
{
        return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bb_str stripped(bb_str s)
{
        while (s.len > 0 && is_space(s.ptr[0])) {
                s.ptr++;
                s.len--;
        }
        while (s.len > 0 && is_space(s.ptr[s.len - 1]))
                s.len--;
        return s;
}

/* --- does it fit --- */

static int32_t text_fits(const struct bb_field *f, const bb_json *v)
{
        bb_str s = bb_json_str(v);

        return s.ptr != NULL && (f->max <= 0 || count_chars_of(s) <= (size_t)f->max);
}

static int32_t in_range(const struct bb_field *f, double v)
{
        if (f->min == 0 && f->max == 0)
                return 1;
        return v >= (double)f->min && (f->max < f->min || v <= (double)f->max);
}

static int32_t int_fits(const struct bb_field *f, const bb_json *v)
{
        double real = bb_json_real(v, NAN);

        if (bb_json_kind(v) == BB_J_INT)
                return in_range(f, real);
        return bb_json_kind(v) == BB_J_REAL && fabs(real) <= exact && is_whole(real) && in_range(f, real);
}

static int32_t time_fits(const bb_json *v)
{
        bb_str s = bb_json_str(v);
        int64_t ms;

        return s.ptr != NULL && bb_time_parse(s, &ms) == BB_OK;
}

static int32_t is_listed(const struct bb_field *f, bb_str s)
{
        for (size_t i = 0; s.ptr != NULL && f->values[i] != NULL; i++) {
                if (bb_str_is(s, f->values[i]))
                        return 1;
        }
        return 0;
}

int32_t value_fits(const struct bb_field *f, const bb_json *v)
{
        switch (f->type) {
        case BB_T_STR:
                return text_fits(f, v);
        case BB_T_INT:
        case BB_T_INT32:
                return int_fits(f, v);
        case BB_T_TIME:
                return time_fits(v);
        case BB_T_ENUM:
                return is_listed(f, bb_json_str(v));
        default:
                return 1; /* the shape has the last word */
        }
}

int32_t value_is_unlisted(const struct bb_field *f, const bb_json *v)
{
        bb_str s = bb_json_str(v);

        return f->type == BB_T_ENUM && s.len > 0 && !is_listed(f, s);
}

/* --- numbers and texts --- */

bb_json *value_number_as_text(const struct repair *r, const struct bb_field *f, const bb_json *v)
{
        int32_t kind = bb_json_kind(v);

        (void)r;
        if (f->type != BB_T_STR || (kind != BB_J_INT && kind != BB_J_REAL && kind != BB_J_BOOL))
                return NULL;
        return bb_json_new_str(bb_json_text(v));
}

/* "12", " 12 ", "12.0": NAN for anything else, "0x1f" and "inf" among it. */
static double number_in(bb_str text)
{
        char buffer[32], *end;
        bb_str s = stripped(text);
        double v;

        if (s.len == 0 || s.len >= sizeof(buffer))
                return NAN;
        for (size_t i = 0; i < s.len; i++) {
                if (strchr("0123456789+-.eE", s.ptr[i]) == NULL || s.ptr[i] == '\0')
                        return NAN;
        }
        memcpy(buffer, s.ptr, s.len);
        buffer[s.len] = '\0';
        v = strtod(buffer, &end);
        return *end == '\0' && fabs(v) <= exact ? v : NAN;
}

static int32_t takes_int(const struct bb_field *f)
{
        return f->type == BB_T_INT || f->type == BB_T_INT32;
}

bb_json *value_text_as_number(const struct repair *r, const struct bb_field *f, const bb_json *v)
{
        double number = takes_int(f) ? number_in(bb_json_str(v)) : NAN;

        (void)r;
        return !isnan(number) && is_whole(number) ? bb_json_new_int((int64_t)number) : NULL;
}

bb_json *value_rounded(const struct repair *r, const struct bb_field *f, const bb_json *v)
{
        double number = NAN;

        (void)r;
        if (takes_int(f))
                number = bb_json_kind(v) == BB_J_REAL ? bb_json_real(v, NAN) : number_in(bb_json_str(v));
        return !isnan(number) && fabs(number) <= exact
                       ? bb_json_new_int((int64_t)(number < 0 ? number - 0.5 : number + 0.5))
                       : NULL;
}

/* Never through the middle of a character. */
bb_json *value_cut(const struct repair *r, const struct bb_field *f, const bb_json *v)
{
        bb_str s = bb_json_str(v);
        size_t chars = 0;

        (void)r;
        if (f->type != BB_T_STR || s.ptr == NULL || f->max <= 0)
                return NULL;
        for (size_t i = 0; i < s.len; i++) {
                if (((unsigned char)s.ptr[i] & 0xc0) != 0x80 && ++chars > (size_t)f->max)
                        return bb_json_new_str((bb_str){.ptr = s.ptr, .len = i});
        }
        return NULL;
}

/* --- dates --- */

enum { DATE_BYTES = 10 /* 2026-11-22 */, DATE_TIME_LEAST = 16 /* 2026-11-22T09:00 */, DATE_TIME_MOST = 48 };

static int32_t digits(bb_str s, size_t at, size_t count)
{
        for (size_t i = at; i < at + count; i++) {
                if (i >= s.len || s.ptr[i] < '0' || s.ptr[i] > '9')
                        return 0;
        }
        return 1;
}

/* Where the time of day ends: digits, colons and one fraction. 0: it does not begin like a date and a time. */
static size_t time_end(bb_str s, size_t from)
{
        size_t at = from;

        if (!digits(s, 0, 4) || !digits(s, from, 2) || at + 5 > s.len || s.ptr[at + 2] != ':' || !digits(s, at + 3, 2))
                return 0;
        while (at < s.len && (digits(s, at, 1) || s.ptr[at] == ':' || s.ptr[at] == '.' || s.ptr[at] == ','))
                at++;
        return at;
}

/* Splits into date, time of day (with seconds) and what follows; other separators than those of RFC 3339 are fine. */
static int32_t split_date(bb_str text, bb_str *ret_clock, bb_str *ret_zone)
{
        bb_str s = stripped(text);
        size_t from = DATE_BYTES, end;
        bb_str time;
        char *comma;

        if (s.ptr == NULL || s.len < DATE_TIME_LEAST || s.len > DATE_TIME_MOST)
                return 0;
        while (from < s.len && (is_space(s.ptr[from]) || s.ptr[from] == 'T' || s.ptr[from] == 't'))
                from++;
        end = from > DATE_BYTES ? time_end(s, from) : 0;
        if (end == 0)
                return 0;
        time = (bb_str){.ptr = s.ptr + from, .len = end - from};
        *ret_clock = bb_print("%.*s-%.*s-%.*sT%.*s%s", 4, s.ptr, 2, s.ptr + 5, 2, s.ptr + 8, BB_FMT(time),
                              time.len == 5 ? ":00" : "");
        comma = memchr(ret_clock->ptr, ',', ret_clock->len);
        if (comma != NULL)
                *comma = '.';
        *ret_zone = stripped((bb_str){.ptr = s.ptr + end, .len = s.len - end});
        return 1;
}

/* "+02", "+0200", "+2:00", "UTC", "GMT" as RFC 3339 has it; BB_NONE when it is nothing of the kind. */
static bb_str zone_form(bb_str zone)
{
        static const char *const utc[] = {"Z", "UTC", "GMT"};
        char sign = zone.len > 0 ? zone.ptr[0] : '\0';

        for (size_t i = 0; i < BB_COUNT(utc); i++) {
                if (zone.len == strlen(utc[i]) && strncasecmp(zone.ptr, utc[i], zone.len) == 0)
                        return BB_STR("Z");
        }
        if (sign != '+' && sign != '-')
                return BB_NONE;
        if (zone.len == 3 && digits(zone, 1, 2))
                return bb_print("%.*s:00", BB_FMT(zone));
        if (zone.len == 5 && digits(zone, 1, 4))
                return bb_print("%.*s:%.*s", 3, zone.ptr, 2, zone.ptr + 3);
        if (zone.len == 5 && digits(zone, 1, 1) && zone.ptr[2] == ':' && digits(zone, 3, 2))
                return bb_print("%c0%.*s", sign, 4, zone.ptr + 1);
        return zone.len == 6 ? zone : BB_NONE;
}

static bb_json *date_from(bb_str clock, bb_str zone)
{
        bb_json *v = bb_json_new_str(bb_print("%.*s%.*s", BB_FMT(clock), BB_FMT(zone)));

        return time_fits(v) ? v : NULL;
}

bb_json *value_date_form(const struct repair *r, const struct bb_field *f, const bb_json *v)
{
        bb_str clock, zone;

        (void)r;
        if (f->type != BB_T_TIME || !split_date(bb_json_str(v), &clock, &zone))
                return NULL;
        zone = zone_form(zone);
        return zone.ptr != NULL ? date_from(clock, zone) : NULL;
}

/* The zone's offset at that moment. In the hour that the end of summer time repeats, the later one counts. */
static bb_str offset_text(bb_str zone, bb_str clock)
{
        const bb_zone *z;
        int64_t ms;
        int32_t s;

        if (zone.len == 0 || bb_str_is(zone, "UTC") || bb_zone_open(zone, &z) < 0 ||
            bb_time_parse(bb_print("%.*sZ", BB_FMT(clock)), &ms) < 0)
                return BB_STR("Z");
        s = bb_zone_offset(z, ms - (int64_t)bb_zone_offset(z, ms) * 1000);
        return bb_print("%c%02d:%02d", s < 0 ? '-' : '+', abs(s) / 3600, abs(s) / 60 % 60);
}

bb_json *value_date_without_zone(const struct repair *r, const struct bb_field *f, const bb_json *v)
{
        bb_str clock, zone;

        if (f->type != BB_T_TIME || !split_date(bb_json_str(v), &clock, &zone) || zone.len > 0)
                return NULL;
        return date_from(clock, offset_text(r->zone, clock));
}

/* Seconds or milliseconds since 1970, when that is a time of this century. */
bb_json *value_date_as_number(const struct repair *r, const struct bb_field *f, const bb_json *v)
{
        const double first = 946684800, last = 4102444800; /* 2000, 2100 */
        double number = bb_json_str(v).ptr != NULL ? number_in(bb_json_str(v)) : bb_json_real(v, NAN);

        (void)r;
        if (f->type != BB_T_TIME || isnan(number))
                return NULL;
        if (number >= first && number < last)
                return bb_json_new_str(bb_time_text((int64_t)(number * 1000)));
        if (number >= first * 1000 && number < last * 1000)
                return bb_json_new_str(bb_time_text((int64_t)number));
        return NULL;
}

/* --- enumerations --- */

/* What stations write, and what they mean. */
static const struct alias {
        const char *const *values;
        const char *from, *to;
} aliases[] = {
        {unit_names, "C", "Celsius"},
        {unit_names,
         "\xc2\xb0"
         "C",
         "Celsius"},
        {unit_names, "F", "Fahrenheit"},
        {unit_names, "%", "Percent"},
        {unit_names, "Amp", "A"},
        {unit_names, "Amps", "A"},
        {unit_names, "Ampere", "A"},
        {unit_names, "Volt", "V"},
        {unit_names, "Volts", "V"},
        {unit_names, "Watt", "W"},
        {unit_names, "Watts", "W"},
        {unit_names, "Kelvin", "K"},
        {error_code_names, "Error", "OtherError"},
        {error_code_names, "None", "NoError"},
        {error_code_names, "OverCurrent", "OverCurrentFailure"},
        {measurand_names, "State of Charge", "SoC"},
        {stop_reason_names, "Unknown", "Other"},
};

static int32_t same_nocase(bb_str s, const char *name)
{
        return s.len == strlen(name) && strncasecmp(s.ptr, name, s.len) == 0;
}

static const char *spelled_right(const struct bb_field *f, bb_str s)
{
        for (size_t i = 0; f->values[i] != NULL; i++) {
                if (same_nocase(s, f->values[i]))
                        return f->values[i];
        }
        for (size_t i = 0; i < BB_COUNT(aliases); i++) {
                if (aliases[i].values == f->values && same_nocase(s, aliases[i].from))
                        return aliases[i].to;
        }
        return NULL;
}

static bb_json *respelled(const struct bb_field *f, const bb_json *v)
{
        bb_str s = stripped(bb_json_str(v));
        const char *name = s.len > 0 ? spelled_right(f, s) : NULL;

        return name != NULL ? bb_json_new_str(bb_cstr(name)) : NULL;
}

bb_json *value_unit_spelling(const struct repair *r, const struct bb_field *f, const bb_json *v)
{
        (void)r;
        return f->type == BB_T_ENUM && f->values == unit_names ? respelled(f, v) : NULL;
}

bb_json *value_enum_spelling(const struct repair *r, const struct bb_field *f, const bb_json *v)
{
        (void)r;
        return f->type == BB_T_ENUM && f->values != unit_names ? respelled(f, v) : NULL;
}

/* Where the specification itself has a name for "something else". */
bb_json *value_enum_stand_in(const struct repair *r, const struct bb_field *f, const bb_json *v)
{
        (void)r;
        if (!value_is_unlisted(f, v))
                return NULL;
        if (f->values == error_code_names)
                return bb_json_new_str(BB_STR("OtherError"));
        return f->values == stop_reason_names ? bb_json_new_str(BB_STR("Other")) : NULL;
}
