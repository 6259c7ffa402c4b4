/* SPDX-License-Identifier: Apache-2.0
 *
 * Which way the arrows point: reads the include lines of core, plugins and sdk (below $SRCDIR, default ".") and fails
 * with file:line where one points the wrong way, where an SDK header uses a type that may not cross the line between
 * host and plugin, and where a banned function is called. Its own eyes are tested first, on a small house with every
 * mistake.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* after the above */
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct {
        char root[PATH_MAX];
        int files, problems, quiet;
        char last[PATH_MAX * 2];
} house;

static __attribute__((format(printf, 3, 4))) void complain(const char *file, int line, const char *format, ...)
{
        char text[512];
        va_list args;

        va_start(args, format);
        (void)vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        (void)snprintf(house.last, sizeof(house.last), "%s:%d: %s", file, line, text);
        if (!house.quiet)
                (void)fprintf(stderr, "%s\n", house.last);
        house.problems++;
}

static int is_word(char c)
{
        return isalnum((unsigned char)c) || c == '_';
}

static int starts(const char *s, const char *prefix)
{
        return strncmp(s, prefix, strlen(prefix)) == 0;
}

static int in_list(const char *word, size_t len, const char *const *list, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                if (strlen(list[i]) == len && strncmp(list[i], word, len) == 0)
                        return 1;
        }
        return 0;
}

static int exists(const char *folder, const char *file)
{
        char path[PATH_MAX * 3];

        (void)snprintf(path, sizeof(path), "%s/%s/%s", house.root, folder, file);
        return access(path, R_OK) == 0;
}

/* --- Reading C as far as needed: comments gone, strings emptied, lines kept. --- */

static void blank(char *from, const char *to)
{
        for (; from < to; from++) {
                if (*from != '\n')
                        *from = ' ';
        }
}

static char *comment_end(char *p)
{
        char *end = p[1] == '*' ? strstr(p + 2, "*/") : strchr(p, '\n');

        if (end == NULL)
                return p + strlen(p);
        return p[1] == '*' ? end + 2 : end;
}

static char *literal_end(char *p)
{
        char quote = *p++;

        while (*p != '\0' && *p != quote && *p != '\n')
                p += p[0] == '\\' && p[1] != '\0' ? 2 : 1;
        return p;
}

static void strip(char *text, int strings_too)
{
        for (char *p = text; *p != '\0'; p++) {
                char *end;

                if (p[0] == '/' && (p[1] == '*' || p[1] == '/')) {
                        end = comment_end(p);
                        blank(p, end);
                        p = end - 1;
                } else if (*p == '"' || *p == '\'') {
                        end = literal_end(p);
                        if (strings_too && end > p)
                                blank(p + 1, end);
                        p = *end == '\0' ? end - 1 : end;
                }
        }
}

static char *read_file(const char *path)
{
        FILE *f = fopen(path, "rb");
        size_t room = 4096, len = 0, n;
        char *text = malloc(room);

        assert_non_null(f);
        assert_non_null(text);
        while ((n = fread(text + len, 1, room - len - 1, f)) > 0) {
                len += n;
                if (room - len < 2) {
                        room *= 2;
                        text = realloc(text, room);
                        assert_non_null(text);
                }
        }
        text[len] = '\0';
        (void)fclose(f);
        return text;
}

/* --- The rules. --- */

struct include {
        const char *file; /* from the root of the house */
        int line, quoted;
        char target[256];
};

static const struct room {
        const char *name;
        const char *may_include[6];
} rooms[] = {
        {"base", {"base"}},
        {"rt", {"base", "rt"}},
        {"net", {"base", "rt", "net"}},
        {"db", {"base", "rt", "db"}},
        {"mod", {"base", "rt", "net", "db", "mod"}},
        {"", {"base", "rt", "net", "db", "mod"}}, /* core/main.c and its like */
};

/* "core/net/http1.c" -> "net", "core/main.c" -> "", ready to be compared. */
static size_t folder_after(const char *file, const char *prefix, char ret[64])
{
        const char *name = file + strlen(prefix), *slash = strchr(name, '/');
        size_t len = slash != NULL ? (size_t)(slash - name) : 0;

        if (len >= 64)
                len = 63;
        memcpy(ret, name, len);
        ret[len] = '\0';
        return len;
}

static const struct room *find_room(const char *name)
{
        for (size_t i = 0; i < COUNT(rooms); i++) {
                if (strcmp(rooms[i].name, name) == 0)
                        return &rooms[i];
        }
        return NULL;
}

static int room_may_include(const struct room *r, const char *other)
{
        for (size_t i = 0; i < COUNT(r->may_include) && r->may_include[i] != NULL; i++) {
                if (strcmp(r->may_include[i], other) == 0)
                        return 1;
        }
        return 0;
}

/* The header's folder, "core/net": for a path without a room. */
static void folder_of(const char *file, char *ret, size_t room)
{
        const char *slash = strrchr(file, '/');

        (void)snprintf(ret, room, "%.*s", slash != NULL ? (int)(slash - file) : 0, file);
}

static int is_room_header(const char *target)
{
        return strchr(target, '/') != NULL && !starts(target, "busbar/") && exists("core", target);
}

static void check_core(const struct include *in)
{
        char own[64], other[64], folder[PATH_MAX];
        const struct room *r;

        (void)folder_after(in->file, "core/", own);
        r = find_room(own);
        if (r == NULL) {
                complain(in->file, in->line, "core has no room \"%s\" in the plan of the house", own);
                return;
        }
        folder_of(in->file, folder, sizeof(folder));
        if (!in->quoted && !is_room_header(in->target))
                return; /* the SDK or the system */
        if (folder_after(in->target, "", other) == 0) {
                if (!exists(folder, in->target) && strcmp(in->target, "config.h") != 0)
                        complain(in->file, in->line, "\"%s\" is not in the file's own folder", in->target);
                return;
        }
        if (!room_may_include(r, other))
                complain(in->file, in->line, "%s may not include %s", own[0] != '\0' ? own : "main", in->target);
}

static void check_plugin(const struct include *in)
{
        char name[64], folder[PATH_MAX], root[PATH_MAX];

        (void)folder_after(in->file, "plugins/", name);
        folder_of(in->file, folder, sizeof(folder));
        (void)snprintf(root, sizeof(root), "plugins/%s", name);
        if (!in->quoted) {
                if (is_room_header(in->target))
                        complain(in->file, in->line, "a plugin may not include a header of core: <%s>", in->target);
                if (strstr(in->target, "..") != NULL)
                        complain(in->file, in->line, "a plugin may not leave its folder: <%s>", in->target);
                return;
        }
        if (strstr(in->target, "..") != NULL || in->target[0] == '/')
                complain(in->file, in->line, "a plugin may not leave its folder: \"%s\"", in->target);
        else if (!exists(folder, in->target) && !exists(root, in->target))
                complain(in->file, in->line,
                         "a plugin includes <busbar/...>, the system's headers and its own, not \"%s\"", in->target);
}

/* What ISO C11 offers; a header of the SDK needs no more, whatever the vendor's system is. */
static const char *const standard_headers[] = {
        "assert.h", "ctype.h",  "errno.h",       "float.h",    "inttypes.h", "iso646.h",    "limits.h", "locale.h",
        "math.h",   "setjmp.h", "signal.h",      "stdalign.h", "stdarg.h",   "stdatomic.h", "stddef.h", "stdint.h",
        "stdio.h",  "stdlib.h", "stdnoreturn.h", "string.h",   "tgmath.h",   "uchar.h",     "wchar.h",  "wctype.h",
};

static void check_sdk_header(const struct include *in)
{
        if (!in->quoted && starts(in->target, "busbar/"))
                return;
        if (in->quoted || !in_list(in->target, strlen(in->target), standard_headers, COUNT(standard_headers)))
                complain(in->file, in->line, "a header of the SDK includes <busbar/...> and standard C only, not %s",
                         in->target);
}

/* An example is what a third party would write: the SDK, the system, itself. */
static void check_example(const struct include *in)
{
        char folder[PATH_MAX];

        folder_of(in->file, folder, sizeof(folder));
        if (in->quoted ? strstr(in->target, "..") != NULL || !exists(folder, in->target) : is_room_header(in->target))
                complain(in->file, in->line, "an example sees the installed SDK only, not %s", in->target);
}

/* The simulator is a program on the loop of core; it has no business with the database and the plugins. */
static void check_sim(const struct include *in)
{
        char other[64], folder[PATH_MAX];

        folder_of(in->file, folder, sizeof(folder));
        if ((in->quoted && exists(folder, in->target)) || (!in->quoted && !is_room_header(in->target)))
                return;
        (void)folder_after(in->target, "", other);
        if (strcmp(other, "base") != 0 && strcmp(other, "rt") != 0 && strcmp(other, "net") != 0)
                complain(in->file, in->line, "the simulator includes base, rt, net and its own, not %s", in->target);
}

static const struct area {
        const char *prefix;
        void (*check)(const struct include *);
} areas[] = {
        {"core/", check_core},
        {"plugins/", check_plugin},
        {"sdk/include/", check_sdk_header},
        {"sdk/examples/", check_example},
        {"sdk/abi/", check_example},
        {"sdk/sim/", check_sim},
};

static void check_include_line(const char *file, int line, const char *p)
{
        struct include in = {.file = file, .line = line};
        const char *end;

        p += strspn(p, " \t");
        if (*p != '<' && *p != '"') {
                complain(file, line, "an include line that cannot be read");
                return;
        }
        in.quoted = *p == '"';
        end = strchr(p + 1, in.quoted ? '"' : '>');
        if (end == NULL || (size_t)(end - p - 1) >= sizeof(in.target)) {
                complain(file, line, "an include line that cannot be read");
                return;
        }
        memcpy(in.target, p + 1, (size_t)(end - p - 1));
        for (size_t i = 0; i < COUNT(areas); i++) {
                if (starts(file, areas[i].prefix))
                        areas[i].check(&in);
        }
}

static void check_includes(const char *file, const char *text)
{
        int line = 1;

        for (const char *p = text; p != NULL && *p != '\0'; line++) {
                const char *at = p + strspn(p, " \t");

                if (*at == '#') {
                        at += 1 + strspn(at + 1, " \t");
                        if (starts(at, "include"))
                                check_include_line(file, line, at + strlen("include"));
                }
                p = strchr(p, '\n');
                p = p != NULL ? p + 1 : NULL;
        }
}

static char before(const char *text, const char *p)
{
        while (p > text && isspace((unsigned char)p[-1]))
                p--;
        return p > text ? p[-1] : '\0';
}

static const char *after_spaces(const char *p)
{
        while (isspace((unsigned char)*p))
                p++;
        return p;
}

static const char *const banned[] = {"strcpy", "strcat", "sprintf", "vsprintf", "gets",
                                     "strtok", "alloca", "system",  "popen"};

static void check_call(const char *file, int line, const char *text, const char *word, size_t len)
{
        char left = before(text, word);

        if (!in_list(word, len, banned, COUNT(banned)) || *after_spaces(word + len) != '(')
                return;
        if (left == '.' || (left == '>' && word - text >= 2 && word[-2] == '-'))
                return; /* a member of that name */
        complain(file, line, "%.*s is banned", (int)len, word);
}

static const char *const foreign_types[] = {"bool", "_Bool", "long", "time_t", "wchar_t", "size_type"};

static void check_type(const char *file, int line, const char *word, size_t len)
{
        const char *next = after_spaces(word + len);

        if (in_list(word, len, foreign_types, COUNT(foreign_types)))
                complain(file, line, "%.*s may not cross the line between host and plugin", (int)len, word);
        if (len == 4 && strncmp(word, "enum", 4) == 0 && *next != '{')
                complain(file, line, "an enum type may not cross the line; constants in an anonymous enum may");
        /* "int32_t flag : 1;" */
        if (*next == ':' && isdigit((unsigned char)*after_spaces(next + 1)) && strchr(next, ';') != NULL &&
            strcspn(next, ";") < strcspn(next, "\n"))
                complain(file, line, "a bit-field may not cross the line between host and plugin");
}

static void check_words(const char *file, const char *text)
{
        int line = 1, header = starts(file, "sdk/include/");

        for (const char *p = text; *p != '\0';) {
                size_t len = 0;

                if (!is_word(*p)) {
                        line += *p++ == '\n';
                        continue;
                }
                while (is_word(p[len]))
                        len++;
                check_call(file, line, text, p, len);
                if (header)
                        check_type(file, line, p, len);
                p += len;
        }
}

/* --- Walking through the house. --- */

static void check_file(const char *file)
{
        char path[PATH_MAX * 2];
        char *text;

        (void)snprintf(path, sizeof(path), "%s/%s", house.root, file);
        text = read_file(path);
        house.files++;
        strip(text, 0);
        check_includes(file, text);
        strip(text, 1);
        check_words(file, text);
        free(text);
}

static int is_c(const char *name)
{
        size_t len = strlen(name);

        return len > 2 && name[len - 2] == '.' && (name[len - 1] == 'c' || name[len - 1] == 'h');
}

static void walk(const char *folder)
{
        char path[PATH_MAX * 2], inner[PATH_MAX];
        struct dirent *entry;
        struct stat st;
        DIR *d;

        (void)snprintf(path, sizeof(path), "%s/%s", house.root, folder);
        d = opendir(path);
        if (d == NULL && errno == ENOENT)
                return;
        assert_non_null(d);
        while ((entry = readdir(d)) != NULL) {
                if (entry->d_name[0] == '.')
                        continue;
                (void)snprintf(inner, sizeof(inner), "%s/%s", folder, entry->d_name);
                (void)snprintf(path, sizeof(path), "%s/%s", house.root, inner);
                if (lstat(path, &st) != 0)
                        continue; /* an editor's file that has just gone */
                if (S_ISDIR(st.st_mode))
                        walk(inner);
                else if (S_ISREG(st.st_mode) && is_c(entry->d_name))
                        check_file(inner);
        }
        closedir(d);
}

static void inspect(const char *root, int quiet)
{
        (void)snprintf(house.root, sizeof(house.root), "%s", root);
        house.files = house.problems = 0;
        house.quiet = quiet;
        walk("core");
        walk("plugins");
        walk("sdk");
}

/* --- The tests. --- */

static void put_file(const char *root, const char *file, const char *text)
{
        char path[PATH_MAX];
        FILE *f;

        (void)snprintf(path, sizeof(path), "%s/%s", root, file);
        for (char *p = path + strlen(root) + 1; (p = strchr(p, '/')) != NULL; p++) {
                *p = '\0';
                assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
                *p = '/';
        }
        f = fopen(path, "wb");
        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        assert_int_equal(fclose(f), 0);
}

static void remove_all(const char *path)
{
        char inner[PATH_MAX];
        struct dirent *entry;
        DIR *d = opendir(path);

        while (d != NULL && (entry = readdir(d)) != NULL) {
                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                (void)snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
                if (unlink(inner) != 0)
                        remove_all(inner);
        }
        if (d != NULL)
                closedir(d);
        (void)rmdir(path);
}

static const struct mistake {
        const char *file, *text;
        const char *expected; /* NULL: no mistake */
} mistakes[] = {
        {"core/base/a.c", "#include \"rt/task.h\"\n", "core/base/a.c:1: base may not include rt/task.h"},
        {"core/rt/a.c", "\n# include \"net/http.h\"\n", "core/rt/a.c:2: rt may not include net/http.h"},
        {"core/net/a.c", "#include \"db/pool.h\"\n", "core/net/a.c:1: net may not include db/pool.h"},
        {"core/db/a.c", "/* two\n lines */\n#include <net/http.h>\n", "core/db/a.c:3: db may not include net/http.h"},
        {"core/db/a.c", "#include \"mod/mod.h\"\n", "core/db/a.c:1: db may not include mod/mod.h"},
        {"core/mod/a.c",
         "#include \"db/pool.h\"\n#include \"net/http.h\"\n#include <busbar/log.h>\n#include <time.h>\n", NULL},
        {"core/main.c", "#include \"mod/mod.h\"\n", NULL},
        {"core/net/a.c", "#include \"plugins/x.h\"\n", "core/net/a.c:1: net may not include plugins/x.h"},
        {"core/net/a.c", "#include \"http.h\"\n", NULL},
        {"core/net/a.c", "#include \"pool.h\"\n", "core/net/a.c:1: \"pool.h\" is not in the file's own folder"},
        {"core/attic/a.c", "#include <stdio.h>\n",
         "core/attic/a.c:1: core has no room \"attic\" in the plan of the house"},
        {"core/base/a.c", "// #include \"rt/task.h\"\n/* system(\"x\") */ const char *s = \"popen(1) \\\" gets(2)\";\n",
         NULL},
        {"core/base/a.c", "int f(void) { return x->system(1) + y.popen(2) + fgets(3) + snprintf(4); }\n", NULL},
        {"core/base/a.c", "char q = '\"';\nint f(void) { return sprintf (b, \"\"); }\n",
         "core/base/a.c:2: sprintf is banned"},
        {"plugins/p/a.c", "strcpy(a, b);\n", "plugins/p/a.c:1: strcpy is banned"},
        {"sdk/sim/a.c", "#include \"net/http.h\"\nx = alloca(5);\n", "sdk/sim/a.c:2: alloca is banned"},
        {"sdk/sim/a.c", "#include \"db/pool.h\"\n",
         "sdk/sim/a.c:1: the simulator includes base, rt, net and its own, not db/pool.h"},
        {"plugins/p/a.c", "#include \"p.h\"\n#include <busbar/log.h>\n#include <xlsxwriter.h>\n", NULL},
        {"plugins/p/deep/a.c", "#include \"p.h\"\n", NULL},
        {"plugins/p/a.c", "#include \"q.h\"\n",
         "plugins/p/a.c:1: a plugin includes <busbar/...>, the system's headers and its own, not \"q.h\""},
        {"plugins/p/a.c", "#include \"../q/q.h\"\n",
         "plugins/p/a.c:1: a plugin may not leave its folder: \"../q/q.h\""},
        {"plugins/p/a.c", "#include <rt/task.h>\n",
         "plugins/p/a.c:1: a plugin may not include a header of core: <rt/task.h>"},
        {"plugins/p/a.c", "#include \"rt/task.h\"\n",
         "plugins/p/a.c:1: a plugin includes <busbar/...>, the system's headers and its own, not \"rt/task.h\""},
        {"sdk/include/busbar/a.h", "#include <jansson.h>\n",
         "sdk/include/busbar/a.h:1: a header of the SDK includes <busbar/...> and standard C only, not jansson.h"},
        {"sdk/include/busbar/a.h",
         "#include <stdint.h>\n#include <busbar/log.h>\nenum { A = 1 };\nint32_t f(int64_t);\n", NULL},
        {"sdk/include/busbar/a.h", "enum colour { RED };\n",
         "sdk/include/busbar/a.h:1: an enum type may not cross the line; constants in an anonymous enum may"},
        {"sdk/include/busbar/a.h", "\nbool f(void);\n",
         "sdk/include/busbar/a.h:2: bool may not cross the line between host and plugin"},
        {"sdk/include/busbar/a.h", "unsigned long f(void);\n",
         "sdk/include/busbar/a.h:1: long may not cross the line between host and plugin"},
        {"sdk/include/busbar/a.h", "time_t f(void);\n",
         "sdk/include/busbar/a.h:1: time_t may not cross the line between host and plugin"},
        {"sdk/include/busbar/a.h", "struct s { uint32_t x : 3; };\n",
         "sdk/include/busbar/a.h:1: a bit-field may not cross the line between host and plugin"},
        {"sdk/include/busbar/a.h", "/* as long as it takes, whether bool or enum */\n", NULL},
        {"sdk/examples/e/a.c", "#include \"base/arena.h\"\n",
         "sdk/examples/e/a.c:1: an example sees the installed SDK only, not base/arena.h"},
};

static void every_mistake_is_seen(void **state)
{
        char root[] = "/tmp/house-XXXXXX";
        char path[PATH_MAX];
        (void)state;

        assert_non_null(mkdtemp(root));
        put_file(root, "core/rt/task.h", "");
        put_file(root, "core/net/http.h", "");
        put_file(root, "core/db/pool.h", "");
        put_file(root, "plugins/p/p.h", "");
        put_file(root, "plugins/q/q.h", "");
        for (size_t i = 0; i < COUNT(mistakes); i++) {
                const struct mistake *m = &mistakes[i];

                put_file(root, m->file, m->text);
                inspect(root, 1);
                assert_int_equal(house.files, 6);
                if (house.problems != (m->expected != NULL) ||
                    (m->expected != NULL && strcmp(house.last, m->expected) != 0))
                        fail_msg("mistake %zu: %d problems, \"%s\"", i, house.problems, house.last);
                (void)snprintf(path, sizeof(path), "%s/%s", root, m->file);
                assert_int_equal(unlink(path), 0);
        }
        remove_all(root);
}

static void the_house_is_in_order(void **state)
{
        const char *root = getenv("SRCDIR");
        (void)state;

        inspect(root != NULL ? root : ".", 0);
        if (house.files < 20)
                fail_msg("%d files below \"%s\": that is not the house (set SRCDIR)", house.files, house.root);
        if (house.problems > 0)
                fail_msg("%d problems, listed above", house.problems);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_mistake_is_seen),
                cmocka_unit_test(the_house_is_in_order),
        };

        return cmocka_run_group_tests_name("house_arrows", tests, NULL, NULL);
}
