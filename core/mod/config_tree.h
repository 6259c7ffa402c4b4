/* SPDX-License-Identifier: Apache-2.0
 *
 * The three steps under config.c: YAML text becomes a small tree with line numbers (config_yaml.c), a shape turns a
 * tree into a struct (config_decode.c), and everything wrong on the way is gathered in one list, so that a person
 * corrects a file once.
 */
#ifndef CORE_MOD_CONFIG_TREE_H
#define CORE_MOD_CONFIG_TREE_H

#include "base/arena.h"
#include <busbar/shape.h>

/* --- errors --- */
struct config_errors {
        struct arena *arena;
        bb_str *lines; /* "busbar.yaml:14: http.listen: expected …, found …" */
        size_t count, room;
        size_t left_out; /* beyond CONFIG_MAX_ERRORS */
};
#define CONFIG_MAX_ERRORS 100

/* line 0 and path NULL or empty are left out. */
void config_error(struct config_errors *, const char *file, int32_t line, const char *path, const char *format, ...)
        __attribute__((format(printf, 5, 6)));
void config_error_vprint(struct config_errors *, const char *file, int32_t line, const char *path, const char *format,
                         va_list);

/* --- the tree --- */
enum { CONFIG_SCALAR = 1, CONFIG_LIST = 2, CONFIG_MAP = 3 };

struct config_node {
        int32_t kind;
        int32_t line;
        int32_t plain;  /* scalar without quotes: null, true and numbers mean something */
        int32_t secret; /* came from !file or !env: never shown */
        bb_str text;    /* scalar, NUL-terminated */
        bb_str key;     /* when it is a map's value */
        int32_t key_line;
        struct config_node *first, *last, *next;
        size_t count; /* of children */
};

#define CONFIG_MAX_BYTES (1u << 20)
#define CONFIG_MAX_NODES 50000
#define CONFIG_MAX_KEYS 1000
#define CONFIG_MAX_DEPTH 32
#define CONFIG_MAX_SECRET_BYTES (64u << 10)

/* One file on its way. */
struct config_source {
        const char *name;   /* as errors show it: "tenants/nordlicht.yaml" */
        const char *folder; /* what !file paths are relative to */
        struct arena *arena;
        struct config_errors *errors;
        struct config_node *root; /* ret: NULL when there is no tree at all */
        uint8_t digest[32];       /* ret: of the text and every secret it took in */
};

/* Parses one document. Errors are added to source->errors; a tree may be there in spite of them. */
void config_parse(struct config_source *, bb_str text);
/* The same from a file. */
void config_parse_file(struct config_source *, const char *path);
/* Any file of at most `max` bytes; BB_E_NOT_FOUND, BB_E_LIMIT or BB_E_IO with *ret_why. */
bb_err config_read_file(struct arena *, const char *path, size_t max, bb_str *ret, bb_str *ret_why);

struct config_node *config_get(const struct config_node *map, const char *key);
/* Takes a map's member out of it, so that config_decode does not see it. */
struct config_node *config_take(struct config_node *map, const char *key);
/* Nothing was written: a plain empty scalar, "~" or "null". NULL counts too. */
int32_t config_is_null(const struct config_node *);

/* --- trees into structs --- */
/* Fills the struct (zeroed first) with what lives as long as source->arena. `node` may be NULL: everything absent.
 * Every fault is added to source->errors; returns their number. */
size_t config_decode(struct config_source *, const struct config_node *node, const char *path, const struct bb_shape *,
                     void *ret_struct);

/* The name among `names` that `wrong` was probably meant to be; NULL: none is near. */
const char *config_nearest(bb_str wrong, const char *const *names, size_t count);

#endif
