/* SPDX-License-Identifier: Apache-2.0
 *
 * TZif files: the 64-bit block of version 2 and later, and the footer's rule for the years after it (RFC 8536 §3).
 */
#include "rt/zone.h"
#include "base/arena.h"
#include "base/map.h"
#include "base/str.h"
#include "rt/zone_rule.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MOST (256 * 1024)
#define FOLDER "/usr/share/zoneinfo"

struct bb_zone {
        size_t count;     /* of transitions */
        int64_t *times;   /* seconds, rising */
        int32_t *offsets; /* from each transition on */
        int32_t first;    /* before the first */
        int32_t has_rule; /* after the last */
        struct zone_rule rule;
};

static struct map *zones;

struct block {
        size_t isutc, isstd, leap, times, types, chars;
};

static uint32_t big32(const char *p)
{
        const unsigned char *u = (const unsigned char *)p;

        return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

static int64_t big64(const char *p)
{
        return (int64_t)((uint64_t)big32(p) << 32 | big32(p + 4));
}

/* Takes a header (§3.1) off the front. */
static bb_err header(bb_str *bytes, struct block *ret)
{
        const char *p = bytes->ptr;

        if (bytes->len < 44 || memcmp(p, "TZif", 4) != 0 || p[4] < '2')
                return BB_E_INVALID;
        *ret = (struct block){big32(p + 20), big32(p + 24), big32(p + 28), big32(p + 32), big32(p + 36), big32(p + 40)};
        if (ret->times > FILE_MOST || ret->types > 256 || ret->chars > FILE_MOST || ret->leap > FILE_MOST ||
            ret->isstd > 256 || ret->isutc > 256)
                return BB_E_INVALID;
        *bytes = str_sub(*bytes, 44, bytes->len);
        return BB_OK;
}

static size_t block_size(const struct block *b, size_t time_size)
{
        return b->times * (time_size + 1) + b->types * 6 + b->chars + b->leap * (time_size + 4) + b->isstd + b->isutc;
}

static bb_err read_block(bb_str bytes, const struct block *b, bb_zone *zone)
{
        const char *times = bytes.ptr, *indices = times + b->times * 8, *types = indices + b->times;

        if (b->types == 0)
                return BB_E_INVALID;
        zone->times = heap_new(sizeof(*zone->times) * (b->times + 1));
        zone->offsets = heap_new(sizeof(*zone->offsets) * (b->times + 1));
        zone->first = (int32_t)big32(types);
        for (size_t i = 0; i < b->times; i++) {
                unsigned char type = (unsigned char)indices[i];

                if (type >= b->types)
                        return BB_E_INVALID;
                zone->times[i] = big64(times + i * 8);
                zone->offsets[i] = (int32_t)big32(types + (size_t)type * 6);
                if (i > 0 && zone->times[i] <= zone->times[i - 1])
                        return BB_E_INVALID;
        }
        zone->count = b->times;
        return BB_OK;
}

/* "\n<rule>\n" behind the block (§3.3); an empty rule says nothing about later years. */
static bb_err read_footer(bb_str bytes, bb_zone *zone)
{
        ptrdiff_t end;

        if (bytes.len < 2 || bytes.ptr[0] != '\n')
                return BB_E_INVALID;
        bytes = str_sub(bytes, 1, bytes.len);
        end = str_find(bytes, '\n');
        if (end < 0)
                return BB_E_INVALID;
        zone->has_rule = end > 0;
        return end > 0 ? zone_rule_parse(str_sub(bytes, 0, (size_t)end), &zone->rule) : BB_OK;
}

static bb_err parse_into(bb_str bytes, bb_zone *zone)
{
        struct block b;

        TRY(header(&bytes, &b)); /* the 32-bit block is passed over */
        if (bytes.len < block_size(&b, 4))
                return BB_E_INVALID;
        bytes = str_sub(bytes, block_size(&b, 4), bytes.len);
        TRY(header(&bytes, &b));
        if (bytes.len < block_size(&b, 8))
                return BB_E_INVALID;
        TRY(read_block(bytes, &b, zone));
        return read_footer(str_sub(bytes, block_size(&b, 8), bytes.len), zone);
}

bb_err zone_parse(bb_str bytes, bb_zone **ret)
{
        bb_zone *zone = heap_new(sizeof(*zone));
        bb_err err = parse_into(bytes, zone);

        if (err < 0) {
                zone_free(zone);
                return err;
        }
        *ret = zone;
        return BB_OK;
}

void zone_free(bb_zone *zone)
{
        if (zone == NULL)
                return;
        free(zone->times);
        free(zone->offsets);
        free(zone);
}

/* "Europe/Berlin": words of letters, digits, _ + -, with single slashes between; never a way out of the folder. */
static int name_fits(bb_str name)
{
        if (name.len == 0 || name.len > 64 || name.ptr[0] == '/' || name.ptr[name.len - 1] == '/')
                return 0;
        for (size_t i = 0; i < name.len; i++) {
                char c = name.ptr[i];
                int letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

                if (!letter && c != '_' && c != '+' && c != '-' && !(c == '/' && name.ptr[i - 1] != '/'))
                        return 0;
        }
        return 1;
}

static bb_err read_file(bb_str name, bb_zone **ret)
{
        char *bytes = NULL;
        struct stat st;
        bb_err err = BB_E_NOT_FOUND;
        int fd = open(bb_print(FOLDER "/%.*s", BB_FMT(name)).ptr, O_RDONLY | O_CLOEXEC);

        if (fd < 0)
                return BB_E_NOT_FOUND;
        if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 && st.st_size <= FILE_MOST) {
                bytes = heap_new((size_t)st.st_size);
                if (read(fd, bytes, (size_t)st.st_size) == st.st_size)
                        err = zone_parse((bb_str){.ptr = bytes, .len = (size_t)st.st_size}, ret);
        }
        free(bytes);
        (void)close(fd);
        return err;
}

bb_err zone_open(bb_str name, const bb_zone **ret)
{
        bb_zone *zone;

        if (!name_fits(name))
                return BB_E_NOT_FOUND;
        if (zones == NULL)
                zones = map_new();
        zone = map_get(zones, name);
        if (zone == NULL) {
                TRY(read_file(name, &zone));
                map_set(zones, name, zone);
        }
        *ret = zone;
        return BB_OK;
}

void zone_close_all(void)
{
        bb_str name;
        void *zone;

        if (zones == NULL)
                return;
        for (size_t at = 0; map_next(zones, &at, &name, &zone);)
                zone_free(zone);
        map_free(zones);
        zones = NULL;
}

int32_t zone_offset(const bb_zone *zone, int64_t at_ms)
{
        int64_t at = at_ms >= 0 ? at_ms / 1000 : -((999 - at_ms) / 1000);
        size_t low = 0, high = zone->count;

        while (low < high) { /* the first transition after `at` */
                size_t middle = low + (high - low) / 2;

                if (zone->times[middle] <= at)
                        low = middle + 1;
                else
                        high = middle;
        }
        if (low == zone->count && zone->has_rule)
                return zone_rule_offset(&zone->rule, at);
        return low == 0 ? zone->first : zone->offsets[low - 1];
}
