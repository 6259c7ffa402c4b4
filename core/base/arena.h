/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory that is freed all at once. Each task has one; outside tasks there is one for the turn of the loop.
 */
#ifndef CORE_BASE_ARENA_H
#define CORE_BASE_ARENA_H

#include <busbar/types.h>
#include <stdarg.h>

struct arena;

/* The arena that bb_alloc() uses now: rt sets it on each switch of tasks. Never NULL on the loop's thread once
 * loop_init() ran; unit tests set their own. */
extern _Thread_local struct arena *arena_current;

struct arena *arena_new(const char *name);
/* Runs the cleanups, newest first, and frees everything. */
void arena_free(struct arena *);
/* The same, but keeps the arena and its first block for reuse. */
void arena_reset(struct arena *);
/* Zeroed, 16-byte aligned, never NULL (out of memory ends the process). */
void *arena_alloc(struct arena *, size_t bytes);
bb_str arena_vprint(struct arena *, const char *format, va_list);
bb_str arena_print(struct arena *, const char *format, ...) __attribute__((format(printf, 2, 3)));
bb_str arena_str(struct arena *, bb_str); /* a copy, NUL-terminated; BB_NONE stays BB_NONE */
/* Calls fn(arg) when the arena is freed or reset. */
void arena_cleanup(struct arena *, void (*fn)(void *), void *arg);
size_t arena_bytes(const struct arena *); /* held from the heap */

/* malloc and friends that end the process when memory is gone; for what outlives a task. */
void *heap_new(size_t bytes); /* zeroed */
void *heap_grow(void *, size_t bytes);
bb_str heap_str(bb_str); /* a copy with NUL; free() its ptr */

#endif
