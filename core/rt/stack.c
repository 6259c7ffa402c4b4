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
#define POOL_COLD 224 /* more of them, that keep their mapping only */
/* Of an idle stack: the frames of the trampoline that waits for work (less than a page) and what page bounds need. */
#define STACK_KEPT 8192
#define STACK_COLORS 4096

static struct list warm = {&warm, &warm}, cold = {&cold, &cold}; /* newest first */
static size_t warm_count, cold_count, mapped_count;

static struct coroutine *stack_new(void)
{
        static size_t serial;
        struct coroutine *co;
        size_t guard = (size_t)sysconf(_SC_PAGESIZE), bytes = guard + STACK_BYTES;
        char *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE,
                         -1, 0);

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
        /* Stacks whose tops lie at the same offset in a page fight for the same lines of the cache. */
        co->fiber.stack_bytes = STACK_BYTES - serial++ % (STACK_COLORS / 64) * 64;
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

static struct coroutine *pop(struct list *node, size_t *count)
{
        list_remove(node);
        (*count)--;
        return LIST_OF(struct coroutine, node, node);
}

static void push(struct list *pool, size_t *count, struct coroutine *co)
{
        list_append(pool->next, &co->node); /* before the first */
        (*count)++;
}

struct coroutine *stack_take(void)
{
        if (!list_empty(&warm))
                return pop(warm.next, &warm_count);
        if (!list_empty(&cold))
                return pop(cold.next, &cold_count);
        return stack_new();
}

void stack_give(struct coroutine *co)
{
        push(&warm, &warm_count, co);
        if (warm_count <= POOL_WARM)
                return;
        co = pop(warm.prev, &warm_count);
        if (cold_count >= POOL_COLD) {
                stack_destroy(co);
                return;
        }
        /* Everything below the waiting trampoline's frames is dead; zero pages come back when it is used again. */
        (void)madvise((void *)(uintptr_t)co->fiber.stack, STACK_BYTES - STACK_COLORS - STACK_KEPT, MADV_DONTNEED);
        push(&cold, &cold_count, co);
}

void stack_pool_free(void)
{
        while (!list_empty(&warm))
                stack_destroy(pop(warm.next, &warm_count));
        while (!list_empty(&cold))
                stack_destroy(pop(cold.next, &cold_count));
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
