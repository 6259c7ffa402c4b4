/* SPDX-License-Identifier: Apache-2.0
 *
 * YAML text into a tree of nodes with line numbers, from libyaml's events. Only what a configuration needs: one
 * document, maps with scalar keys, lists, scalars, and the tags !file and !env for secrets. Anchors and aliases are
 * refused: they are what makes a small file expand without end.
 */
#include "base/buf.h"
#include "base/str.h"
#include "mod/config_tree.h"
#include "mod/crypto.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#define CORE_TAGS "tag:yaml.org,2002:"

void config_error_vprint(struct config_errors *errors, const char *file, int32_t line, const char *path,
                         const char *format, va_list args)
{
        bb_str text, where;

        if (errors->count == CONFIG_MAX_ERRORS) {
                errors->left_out++;
                return;
        }
        if (errors->count == errors->room) {
                size_t room = errors->room == 0 ? 8 : errors->room * 2;
                bb_str *lines = arena_alloc(errors->arena, room * sizeof(*lines));

                if (errors->count > 0)
                        memcpy(lines, errors->lines, errors->count * sizeof(*lines));
                errors->lines = lines;
                errors->room = room;
        }
        text = arena_vprint(errors->arena, format, args);
        where = line > 0 ? arena_print(errors->arena, "%s:%d", file, line) : bb_cstr(file);
        if (path != NULL && path[0] != '\0')
                text = arena_print(errors->arena, "%.*s: %s: %.*s", BB_FMT(where), path, BB_FMT(text));
        else
                text = arena_print(errors->arena, "%.*s: %.*s", BB_FMT(where), BB_FMT(text));
        errors->lines[errors->count++] = text;
}

void config_error(struct config_errors *errors, const char *file, int32_t line, const char *path, const char *format,
                  ...)
{
        va_list args;

        va_start(args, format);
        config_error_vprint(errors, file, line, path, format, args);
        va_end(args);
}

/* --- files --- */

static bb_err read_open_file(int fd, struct arena *arena, size_t max, bb_str *ret, bb_str *ret_why)
{
        struct stat st;
        size_t have = 0;
        char *text;

        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
                *ret_why = BB_STR("is not a regular file");
                return BB_E_IO;
        }
        if ((uint64_t)st.st_size > max) {
                *ret_why = arena_print(arena, "is larger than %zu bytes", max);
                return BB_E_LIMIT;
        }
        text = arena_alloc(arena, max + 1 < (size_t)st.st_size + 1 ? max + 1 : (size_t)st.st_size + 1);
        while (have < (size_t)st.st_size) {
                ssize_t n = read(fd, text + have, (size_t)st.st_size - have);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0) {
                        *ret_why = arena_print(arena, "cannot be read: %s", strerror(errno));
                        return BB_E_IO;
                }
                if (n == 0)
                        break;
                have += (size_t)n;
        }
        *ret = (bb_str){.ptr = text, .len = have};
        return BB_OK;
}

bb_err config_read_file(struct arena *arena, const char *path, size_t max, bb_str *ret, bb_str *ret_why)
{
        /* O_NONBLOCK: a FIFO in the way must not hold the process up. */
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        bb_err err;

        if (fd < 0) {
                *ret_why = arena_print(arena, "cannot be opened: %s", strerror(errno));
                return errno == ENOENT ? BB_E_NOT_FOUND : BB_E_IO;
        }
        err = read_open_file(fd, arena, max, ret, ret_why);
        close(fd);
        return err;
}

/* --- events into nodes --- */

struct reader {
        struct config_source *source;
        yaml_parser_t parser;
        struct config_node *stack[CONFIG_MAX_DEPTH];
        size_t depth;
        struct config_node *key; /* the map's key just read, waiting for its value */
        size_t nodes;
        int32_t documents, broken;
        struct buf secrets; /* for the digest */
};

static int32_t line_of(yaml_mark_t mark)
{
        return (int32_t)mark.line + 1;
}

__attribute__((format(printf, 3, 4))) static void complain(struct reader *r, int32_t line, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        config_error_vprint(r->source->errors, r->source->name, line, NULL, format, args);
        va_end(args);
}

/* What cannot be continued sensibly: the rest of the file is not looked at. */
#define GIVE_UP(r, line, ...)                                                                                          \
        do {                                                                                                           \
                complain((r), (line), __VA_ARGS__);                                                                    \
                (r)->broken = 1;                                                                                       \
        } while (0)

static void check_anchor(struct reader *r, const yaml_char_t *anchor, yaml_mark_t mark)
{
        if (anchor != NULL)
                complain(r, line_of(mark), "anchors (&%s) and aliases are not allowed here: write the value out",
                         (const char *)anchor);
}

static struct config_node *node_new(struct reader *r, int32_t kind, yaml_mark_t mark)
{
        struct config_node *node = arena_alloc(r->source->arena, sizeof(*node));

        node->kind = kind;
        node->line = line_of(mark);
        if (++r->nodes > CONFIG_MAX_NODES && !r->broken)
                GIVE_UP(r, node->line, "more than %d values", CONFIG_MAX_NODES);
        return node;
}

static void add_to_map(struct reader *r, struct config_node *map, struct config_node *node)
{
        struct config_node *key = r->key, *twin;

        r->key = NULL;
        node->key = key->text;
        node->key_line = key->line;
        twin = config_get(map, key->text.ptr);
        if (twin != NULL) {
                complain(r, key->line, "the key \"%.*s\" is there twice, first in line %d", BB_FMT(key->text),
                         twin->key_line);
                return;
        }
        if (map->last != NULL)
                map->last->next = node;
        else
                map->first = node;
        map->last = node;
        if (++map->count > CONFIG_MAX_KEYS && !r->broken)
                GIVE_UP(r, node->line, "more than %d keys in one mapping", CONFIG_MAX_KEYS);
}

/* Puts a finished scalar or an opened collection where it belongs. */
static void place(struct reader *r, struct config_node *node)
{
        struct config_node *top = r->depth > 0 ? r->stack[r->depth - 1] : NULL;

        if (top == NULL) {
                r->source->root = node;
                return;
        }
        if (top->kind == CONFIG_LIST) {
                if (top->last != NULL)
                        top->last->next = node;
                else
                        top->first = node;
                top->last = node;
                top->count++;
                return;
        }
        if (r->key != NULL) {
                add_to_map(r, top, node);
                return;
        }
        if (node->kind != CONFIG_SCALAR) {
                complain(r, node->line, "a key must be plain text");
                node->text = BB_STR("");
        }
        r->key = node;
}

static bb_str value_of_file(struct reader *r, struct config_node *node)
{
        struct arena *arena = r->source->arena;
        bb_str path = node->text, text = BB_STR(""), why = BB_NONE;

        if (path.len > 0 && path.ptr[0] != '/')
                path = arena_print(arena, "%s/%.*s", r->source->folder, BB_FMT(path));
        if (config_read_file(arena, path.ptr, CONFIG_MAX_SECRET_BYTES, &text, &why) < 0) {
                complain(r, node->line, "!file: %.*s %.*s", BB_FMT(path), BB_FMT(why));
                return BB_STR("");
        }
        /* Editors and `echo` end a file with a line break that is not part of the secret. */
        if (text.len > 0 && text.ptr[text.len - 1] == '\n')
                text.len--;
        if (text.len > 0 && text.ptr[text.len - 1] == '\r')
                text.len--;
        return arena_str(arena, text);
}

static void resolve_secret(struct reader *r, struct config_node *node, int32_t from_file)
{
        const char *value;

        node->secret = 1;
        node->plain = 0;
        if (from_file) {
                node->text = value_of_file(r, node);
        } else {
                value = secure_getenv(node->text.ptr);
                if (value == NULL)
                        complain(r, node->line, "!env: the environment has no variable %.*s", BB_FMT(node->text));
                node->text = arena_str(r->source->arena, bb_cstr(value != NULL ? value : ""));
        }
        if (!str_utf8_valid(node->text) || memchr(node->text.ptr, '\0', node->text.len) != NULL)
                complain(r, node->line, "the secret is not UTF-8 text");
        buf_print(&r->secrets, "%zu:", node->text.len);
        buf_add_str(&r->secrets, node->text);
}

static void apply_tag(struct reader *r, struct config_node *node, const char *tag)
{
        if (tag == NULL || tag[0] == '\0' || strcmp(tag, "!") == 0 || strcmp(tag, CORE_TAGS "str") == 0)
                return;
        if (strcmp(tag, "!file") == 0)
                resolve_secret(r, node, 1);
        else if (strcmp(tag, "!env") == 0)
                resolve_secret(r, node, 0);
        else
                complain(r, node->line, "the tag %s is unknown: only !file and !env are", tag);
}

static void on_scalar(struct reader *r, const yaml_event_t *event)
{
        struct config_node *node = node_new(r, CONFIG_SCALAR, event->start_mark);
        bb_str text = {.ptr = (const char *)event->data.scalar.value, .len = event->data.scalar.length};

        check_anchor(r, event->data.scalar.anchor, event->start_mark);
        node->text = arena_str(r->source->arena, text);
        node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && event->data.scalar.tag == NULL;
        if (memchr(text.ptr, '\0', text.len) != NULL)
                GIVE_UP(r, node->line, "a NUL byte in a value");
        apply_tag(r, node, (const char *)event->data.scalar.tag);
        place(r, node);
}

static void on_open(struct reader *r, int32_t kind, const yaml_char_t *anchor, const yaml_char_t *tag, yaml_mark_t mark)
{
        struct config_node *node = node_new(r, kind, mark);

        check_anchor(r, anchor, mark);
        if (tag != NULL)
                complain(r, node->line, "the tag %s does not go with a list or a mapping", (const char *)tag);
        place(r, node);
        /* A collection as a key was complained of in place(); its content must not end up as pairs of the outer map. */
        if (r->key == node)
                r->broken = 1;
        if (r->depth == CONFIG_MAX_DEPTH) {
                GIVE_UP(r, node->line, "more than %d levels", CONFIG_MAX_DEPTH);
                return;
        }
        r->stack[r->depth++] = node;
}

static void on_event(struct reader *r, const yaml_event_t *event)
{
        switch (event->type) {
        case YAML_DOCUMENT_START_EVENT:
                if (++r->documents > 1)
                        GIVE_UP(r, line_of(event->start_mark), "a second document (\"---\") is not allowed");
                return;
        case YAML_ALIAS_EVENT:
                GIVE_UP(r, line_of(event->start_mark), "aliases (*%s) are not allowed here: write the value out",
                        (const char *)event->data.alias.anchor);
                return;
        case YAML_SCALAR_EVENT:
                on_scalar(r, event);
                return;
        case YAML_SEQUENCE_START_EVENT:
                on_open(r, CONFIG_LIST, event->data.sequence_start.anchor, event->data.sequence_start.tag,
                        event->start_mark);
                return;
        case YAML_MAPPING_START_EVENT:
                on_open(r, CONFIG_MAP, event->data.mapping_start.anchor, event->data.mapping_start.tag,
                        event->start_mark);
                return;
        case YAML_SEQUENCE_END_EVENT:
        case YAML_MAPPING_END_EVENT:
                r->depth--;
                return;
        default:
                return;
        }
}

static void syntax_error(struct reader *r)
{
        const yaml_parser_t *p = &r->parser;
        const char *problem = p->problem != NULL ? p->problem : "not YAML";

        r->broken = 1;
        /* libyaml's reader knows a byte offset only. */
        if (p->error == YAML_READER_ERROR) {
                complain(r, 0, "%s (at byte %zu)", problem, p->problem_offset);
                return;
        }
        if (p->context != NULL)
                complain(r, line_of(p->problem_mark), "%s, %s that began in line %d", problem, p->context,
                         line_of(p->context_mark));
        else
                complain(r, line_of(p->problem_mark), "%s", problem);
}

static void read_events(struct reader *r)
{
        yaml_event_t event;
        int done = 0;

        while (!done && !r->broken) {
                if (!yaml_parser_parse(&r->parser, &event)) {
                        syntax_error(r);
                        return;
                }
                on_event(r, &event);
                done = event.type == YAML_STREAM_END_EVENT;
                yaml_event_delete(&event);
        }
}

static void take_digest(struct config_source *source, bb_str text, struct buf *secrets)
{
        buf_add_char(secrets, '\n');
        buf_add_str(secrets, text);
        crypto_sha256(buf_str(secrets), source->digest);
        explicit_bzero(secrets->ptr, secrets->len);
}

void config_parse(struct config_source *source, bb_str text)
{
        struct reader r = {.source = source};

        source->root = NULL;
        if (text.len > CONFIG_MAX_BYTES) {
                complain(&r, 0, "is larger than %u bytes", CONFIG_MAX_BYTES);
                return;
        }
        if (!yaml_parser_initialize(&r.parser)) {
                complain(&r, 0, "no memory for the YAML parser");
                return;
        }
        yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&r.parser, (const unsigned char *)text.ptr, text.len);
        read_events(&r);
        yaml_parser_delete(&r.parser);
        take_digest(source, text, &r.secrets);
        buf_free(&r.secrets);
        /* Half a tree would only give errors that follow from the first one. */
        if (r.broken)
                source->root = NULL;
}

void config_parse_file(struct config_source *source, const char *path)
{
        bb_str text = BB_NONE, why = BB_NONE;

        source->root = NULL;
        if (config_read_file(source->arena, path, CONFIG_MAX_BYTES, &text, &why) < 0) {
                config_error(source->errors, source->name, 0, NULL, "%.*s", BB_FMT(why));
                return;
        }
        config_parse(source, text);
}

/* --- looking around in a tree --- */

struct config_node *config_get(const struct config_node *map, const char *key)
{
        if (map == NULL || map->kind != CONFIG_MAP)
                return NULL;
        for (struct config_node *n = map->first; n != NULL; n = n->next)
                if (bb_str_is(n->key, key))
                        return n;
        return NULL;
}

struct config_node *config_take(struct config_node *map, const char *key)
{
        struct config_node *before = NULL;

        if (map == NULL || map->kind != CONFIG_MAP)
                return NULL;
        for (struct config_node *n = map->first; n != NULL; before = n, n = n->next) {
                if (!bb_str_is(n->key, key))
                        continue;
                if (before != NULL)
                        before->next = n->next;
                else
                        map->first = n->next;
                if (map->last == n)
                        map->last = before;
                map->count--;
                n->next = NULL;
                return n;
        }
        return NULL;
}

int32_t config_is_null(const struct config_node *node)
{
        if (node == NULL)
                return 1;
        if (node->kind != CONFIG_SCALAR || !node->plain)
                return 0;
        return node->text.len == 0 || bb_str_is(node->text, "~") || bb_str_is(node->text, "null");
}
