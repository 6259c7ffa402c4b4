/* SPDX-License-Identifier: Apache-2.0
 *
 * Coroutines: a stack of its own each, kept in a pool. Knows nothing of tasks but the function that runs one.
 */
#ifndef CORE_RT_STACK_H
#define CORE_RT_STACK_H

#include "base/list.h"
#include "rt/fiber.h"
#include <setjmp.h>

struct coroutine {
        struct list node; /* in the pool */
        struct fiber fiber;
        sigjmp_buf env;
        void *map; /* guard page and stack */
        size_t map_bytes;
        unsigned valgrind_id;
        int started, dying;
        void *arg; /* of the run that comes next */
};

/* An idle stack, or a new one; NULL when the kernel gives none. */
struct coroutine *stack_take(void);
/* Keeps it for the next one, within limits; otherwise its `retire` and its memory go. */
void stack_give(struct coroutine *);
void stack_pool_free(void);
size_t stack_count(void); /* mapped, idle ones among them */
size_t stack_most(void);  /* that the kernel's limit of mappings allows, with some left for others */
size_t stack_usable_bytes(void);

/* coroutine.c part of task.c: runs the coroutine one last time so that it lets go of what sanitizers keep for it. */
void coroutine_retire(struct coroutine *);

#endif
