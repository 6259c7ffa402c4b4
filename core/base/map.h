/* SPDX-License-Identifier: Apache-2.0
 *
 * A hash table from byte strings to pointers (SipHash-like keyed hash, since keys come from outside). Keys are copied.
 */
#ifndef CORE_BASE_MAP_H
#define CORE_BASE_MAP_H

#include <busbar/types.h>

struct map;

struct map *map_new(void);
void map_free(struct map *); /* not the values */
void *map_get(const struct map *, bb_str key);
void *map_set(struct map *, bb_str key, void *value); /* the value before, or NULL */
void *map_remove(struct map *, bb_str key);           /* the value it had, or NULL */
size_t map_count(const struct map *);
/* Walks all entries: for (size_t at = 0; map_next(m, &at, &key, &value);). Only the entry just given may be removed on
 * the way. */
int map_next(const struct map *, size_t *at, bb_str *ret_key, void **ret_value);

#endif
