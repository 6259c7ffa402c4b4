/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line.
 */
#include "base/map.h"
#include "sim.h"
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

#define FILE_MOST ((size_t)256 * 1024 * 1024)

const char *const profile_names[PROFILE_COUNT + 1] = {"normal", "flaky", "retrying", "misbehaving", "idle", NULL};

struct options options = {.prefix = "SIM",
                          .stations = 1,
                          .first_index = 1,
                          .seed = 1,
                          .rate = 1,
                          .ramp = 50,
                          .stats_s = 10,
                          .timeout_s = 30,
                          .share = {[PROFILE_NORMAL] = 1},
                          .bench_action = "mix"};

static struct map *passwords; /* of --password-file: station to bb_str * */

enum kind { TEXT, INTEGER, REAL, FLAG };

static const struct spec {
        const char *name;
        enum kind kind;
        void *target;
        double low, high;
        const char *about;
} specs[] = {
        {"url", TEXT, &options.url, 0, 0, "ws://host:port/path/{station}, or wss://"},
        {"stations", INTEGER, &options.stations, 1, 200000, "how many (1)"},
        {"prefix", TEXT, &options.prefix, 0, 0, "of station ids (SIM): SIM00001, ..."},
        {"first-index", INTEGER, &options.first_index, 0, 1e9, "number of the first one (1)"},
        {"password", TEXT, &options.password, 0, 0, "for HTTP Basic, the same for all"},
        {"password-file", TEXT, &options.password_file, 0, 0, "lines \"station:password\""},
        {"ca", TEXT, &options.ca_file, 0, 0, "PEM file to check the server's certificate with"},
        {"seed", INTEGER, &options.seed, 0, 1e15, "of all randomness (1)"},
        {"profile", TEXT, NULL, 0, 0, "normal=80,flaky=10,retrying=5,misbehaving=5,idle=0 (normal)"},
        {"rate", REAL, &options.rate, 0.01, 1000, "speed of the charging story (1)"},
        {"tag", TEXT, NULL, 0, 0, "idTags to use, separated by commas"},
        {"tags", TEXT, NULL, 0, 0, "file with an idTag on each line"},
        {"duration", INTEGER, &options.duration_s, 1, 1e9, "seconds, then the end (none)"},
        {"ramp", REAL, &options.ramp, 0.1, 100000, "connections a second (50)"},
        {"timeout", INTEGER, &options.timeout_s, 1, 3600, "seconds to wait for an answer (30)"},
        {"drain", INTEGER, &options.drain_s, 0, 3600,
         "seconds at the end until all is acknowledged, links lost or not"},
        {"bench", FLAG, &options.bench, 0, 0, "closed loop: the next message as soon as one is answered"},
        {"bench-action", TEXT, &options.bench_action, 0, 0, "Heartbeat, MeterValues, mix or sessions (mix)"},
        {"bench-every", INTEGER, &options.bench_every_s, 1, 3600, "seconds between two messages of a station, instead"},
        {"journal", TEXT, &options.journal, 0, 0, "file for a line of JSON per acknowledged transaction message"},
        {"replay", TEXT, &options.replay, 0, 0, "file with a trace: says it again, and compares the answers"},
        {"station", TEXT, &options.station, 0, 0, "for --replay: another id than the trace's"},
        {"abandon", FLAG, &options.abandon, 0, 0, "leave transactions open at the end, as a power cut does"},
        {"until-settled", FLAG, &options.until_settled, 0, 0, "end when all have booted and said their status"},
        {"stats", FLAG, &options.stats, 0, 0, "print counts and memory every ten seconds"},
        {"quiet", FLAG, &options.quiet, 0, 0, "print errors only"},
};

static _Noreturn void usage(int status)
{
        fprintf(status == 0 ? stdout : stderr, "usage: busbar-sim --url URL [options]\n");
        for (size_t i = 0; i < BB_COUNT(specs); i++)
                fprintf(status == 0 ? stdout : stderr, "  --%-16s %s\n", specs[i].name, specs[i].about);
        exit(status);
}

__attribute__((format(printf, 1, 2))) static _Noreturn void wrong(const char *format, ...)
{
        va_list args;

        fprintf(stderr, "busbar-sim: ");
        va_start(args, format);
        vfprintf(stderr, format, args);
        va_end(args);
        fprintf(stderr, "\n");
        exit(64);
}

bb_err options_read_file(const char *path, struct buf *ret)
{
        char part[4096];
        size_t n;
        FILE *f = fopen(path, "re");

        if (f == NULL) {
                fprintf(stderr, "busbar-sim: cannot read %s: %s\n", path, strerror(errno));
                return BB_E_IO;
        }
        while ((n = fread(part, 1, sizeof(part), f)) > 0 && ret->len < FILE_MOST)
                buf_add(ret, part, n);
        fclose(f);
        return BB_OK;
}

static struct buf read_file(const char *path)
{
        struct buf text = {0};

        if (options_read_file(path, &text) < 0)
                exit(64);
        return text;
}

static void add_tag(bb_str tag)
{
        tag = str_trim(tag);
        if (tag.len == 0)
                return;
        if (tag.len >= TAG_ROOM)
                wrong("an idTag has at most 20 characters: %.*s", BB_FMT(tag));
        options.tags = heap_grow(options.tags, (options.tag_count + 1) * sizeof(*options.tags));
        options.tags[options.tag_count++] = heap_str(tag);
}

static void add_tags(bb_str list, char separator)
{
        bb_str part;

        while (str_split(&list, separator, &part))
                add_tag(part);
}

static void add_tag_file(const char *path)
{
        struct buf text = read_file(path);

        add_tags(buf_str(&text), '\n');
        buf_free(&text);
}

static void read_passwords(const char *path)
{
        struct buf text = read_file(path);
        bb_str rest = buf_str(&text), line;

        passwords = map_new();
        while (str_split(&rest, '\n', &line)) {
                ptrdiff_t colon = str_find(line, ':');
                bb_str *password;

                if (str_trim(line).len == 0)
                        continue;
                if (colon <= 0)
                        wrong("%s: a line is \"station:password\"", path);
                password = heap_new(sizeof(*password));
                *password = heap_str(str_sub(line, (size_t)colon + 1, line.len));
                password = map_set(passwords, str_sub(line, 0, (size_t)colon), password);
                if (password != NULL)
                        wrong("%s: a station is there twice", path);
        }
        buf_free(&text);
}

static void set_profile(const char *text)
{
        bb_str rest = bb_cstr(text), part;

        memset(options.share, 0, sizeof(options.share));
        while (str_split(&rest, ',', &part)) {
                ptrdiff_t equal = str_find(part, '=');
                bb_str name = equal < 0 ? part : str_sub(part, 0, (size_t)equal);
                int64_t share = 1;
                int known = 0;

                if (equal >= 0 && (str_to_int(str_sub(part, (size_t)equal + 1, part.len), &share) < 0 || share < 0 ||
                                   share > 1000000))
                        wrong("--profile: a share is a number: %.*s", BB_FMT(part));
                for (int i = 0; i < PROFILE_COUNT; i++)
                        if (bb_str_is(name, profile_names[i])) {
                                options.share[i] = (int)share;
                                known = 1;
                        }
                if (!known)
                        wrong("--profile: no profile is called %.*s", BB_FMT(name));
        }
        for (int i = 0; i < PROFILE_COUNT; i++)
                if (options.share[i] > 0)
                        return;
        wrong("--profile: all shares are zero");
}

static void set_number(const struct spec *spec, const char *text)
{
        char *end;
        double v;

        errno = 0;
        v = strtod(text, &end);
        if (errno != 0 || end == text || *end != '\0' || !(v >= spec->low && v <= spec->high))
                wrong("--%s: a number from %g to %g is wanted, not %s", spec->name, spec->low, spec->high, text);
        if (spec->kind == REAL)
                *(double *)spec->target = v;
        else
                *(int64_t *)spec->target = (int64_t)v;
}

static void set(const struct spec *spec, const char *text)
{
        if (spec->kind == FLAG)
                *(int *)spec->target = 1;
        else if (spec->kind != TEXT)
                set_number(spec, text);
        else if (spec->target != NULL)
                *(const char **)spec->target = text;
        else if (strcmp(spec->name, "profile") == 0)
                set_profile(text);
        else if (strcmp(spec->name, "tag") == 0)
                add_tags(bb_cstr(text), ',');
        else
                add_tag_file(text);
}

static void check(void)
{
        static const char *const actions[] = {"", "Heartbeat", "MeterValues", "mix", "sessions"};

        if (options.url == NULL)
                usage(64);
        if (options.stations > 1 && strstr(options.url, "{station}") == NULL)
                wrong("--url needs {station} where the station's id goes");
        if (strlen(options.prefix) + 12 > ID_ROOM)
                wrong("--prefix is too long");
        if (options.bench) {
                options.bench = 0;
                for (int i = BENCH_HEARTBEAT; i <= BENCH_SESSIONS; i++)
                        if (strcmp(options.bench_action, actions[i]) == 0)
                                options.bench = i;
                if (options.bench == 0)
                        wrong("--bench-action is Heartbeat, MeterValues, mix or sessions");
        }
        if (options.password_file != NULL)
                read_passwords(options.password_file);
        if (options.tag_count == 0)
                add_tags(BB_STR("SIMTAG0001,SIMTAG0002,SIMTAG0003,SIMTAG0004,SIMTAG0005,SIMTAG0006,SIMTAG0007,"
                                "SIMTAG0008"),
                         ',');
}

void options_parse(int argc, char **argv)
{
        struct option list[BB_COUNT(specs) + 2] = {0};
        int c, at = -1;

        for (size_t i = 0; i < BB_COUNT(specs); i++)
                list[i] = (struct option){.name = specs[i].name,
                                          .has_arg = specs[i].kind == FLAG ? no_argument : required_argument};
        list[BB_COUNT(specs)] = (struct option){.name = "help", .val = 'h'};
        while ((c = getopt_long(argc, argv, "h", list, &at)) != -1) {
                if (c != 0)
                        usage(c == 'h' ? 0 : 64);
                set(&specs[at], optarg);
        }
        if (optind < argc)
                wrong("what is %s?", argv[optind]);
        check();
}

bb_str options_password(const char *station)
{
        bb_str *found = passwords != NULL ? map_get(passwords, bb_cstr(station)) : NULL;

        return found != NULL ? *found : bb_cstr(options.password);
}

void options_free(void)
{
        size_t at = 0;
        bb_str key;
        void *value;

        for (size_t i = 0; i < options.tag_count; i++)
                free((void *)(uintptr_t)options.tags[i].ptr);
        free(options.tags);
        if (passwords == NULL)
                return;
        while (map_next(passwords, &at, &key, &value)) {
                bb_str *password = value;

                free((void *)(uintptr_t)password->ptr);
                free(password);
        }
        map_free(passwords);
}
