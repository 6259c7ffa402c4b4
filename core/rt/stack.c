/* SPDX-License-Identifier: Apache-2.0
 *
 * The pool of stacks: 256 KiB each above a guard page, so that running out of stack is a clean crash. The most recently
 * used one is taken first, since it is warm in the cache; idle ones beyond a few give their pages back to the kernel.
 */
#include "rt/stack.h"
#include "base/arena.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Sanitizers make frames two to three times larger. */
#define STACK_BYTES ((size_t)(WITH_ASAN || WITH_TSAN ? 1024 : 256) * 1024)
#define POOL_WARM 32  /* idle stacks that keep all their pages */
#define POOL_MOST 256 /* idle stacks that keep their mapping */
/* Of an idle stack: the frames of the trampoline that waits for work. */
#define STACK_KEPT 8192

static struct list pool = {&pool, &pool}; /* newest first */
static size_t pool_count, mapped_count;

static struct coroutine *stack_new(void)
{
        struct coroutine *co;
        size_t guard = (size_t)sysconf(_SC_PAGESIZE), bytes = guard + STACK_BYTES;
        char *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);

        if (map == MAP_FAILED)
                return NULL;
        if (mprotect(map, guard, PROT_NONE) < 0) {
                munmap(map, bytes);
                return NULL;
        }
#if WITH_ASAN
        /* The shadow of an earlier mapping at this address may still be poisoned. */
        __asan_unpoison_memory_region(map + guard, STACK_BYTES);
#endif
        co = heap_new(sizeof(*co));
        list_init(&co->node);
        co->map = map;
        co->map_bytes = bytes;
        co->fiber.stack = map + guard;
        co->fiber.stack_bytes = STACK_BYTES;
        co->valgrind_id = (unsigned)VALGRIND_STACK_REGISTER(map + guard, map + bytes);
#if WITH_TSAN
        co->fiber.tsan = __tsan_create_fiber(0);
#endif
        mapped_count++;
        return co;
}

static void stack_destroy(struct coroutine *co)
{
        if (co->started)
                coroutine_retire(co);
#if WITH_TSAN
        __tsan_destroy_fiber(co->fiber.tsan);
#endif
        VALGRIND_STACK_DEREGISTER(co->valgrind_id);
        munmap(co->map, co->map_bytes);
        free(co);
        mapped_count--;
}

struct coroutine *stack_take(void)
{
        struct coroutine *co;

        if (list_empty(&pool))
                return stack_new();
        co = LIST_OF(struct coroutine, node, pool.next);
        list_remove(&co->node);
        pool_count--;
        return co;
}

void stack_give(struct coroutine *co)
{
        if (pool_count >= POOL_MOST) {
                stack_destroy(co);
                return;
        }
        /* Everything below the waiting trampoline's frames is dead; zero pages come back when it is used again. */
        if (pool_count >= POOL_WARM)
                (void)madvise((void *)(uintptr_t)co->fiber.stack, co->fiber.stack_bytes - STACK_KEPT, MADV_DONTNEED);
        list_append(pool.next, &co->node); /* before the first, that is at the front */
        pool_count++;
}

void stack_pool_free(void)
{
        while (!list_empty(&pool)) {
                struct coroutine *co = LIST_OF(struct coroutine, node, pool.next);

                list_remove(&co->node);
                pool_count--;
                stack_destroy(co);
        }
}

size_t stack_count(void)
{
        return mapped_count;
}

size_t stack_usable_bytes(void)
{
        return STACK_BYTES;
}

size_t stack_most(void)
{
        unsigned long maps = 65530; /* the kernel's default */
        FILE *f = fopen("/proc/sys/vm/max_map_count", "re");

        if (f != NULL) {
                if (fscanf(f, "%lu", &maps) != 1)
                        maps = 65530;
                fclose(f);
        }
        return maps > 16384 ? (maps - 8192) / 2 : maps / 4;
}
