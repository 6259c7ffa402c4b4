/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory that is freed all at once: small pieces are cut from blocks, big ones have a block of their own. Under
 * AddressSanitizer every piece has a poisoned border, so that an overrun inside a block is found as on the heap.
 */
#include "base/arena.h"
#include "base/pages.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define POISON(ptr, len) ASAN_POISON_MEMORY_REGION(ptr, len)
#define UNPOISON(ptr, len) ASAN_UNPOISON_MEMORY_REGION(ptr, len)
enum { BORDER = 16 };
#else
#define POISON(ptr, len) ((void)(ptr), (void)(len))
#define UNPOISON(ptr, len) ((void)(ptr), (void)(len))
enum { BORDER = 0 };
#endif

enum {
        ALIGN = 16,
        FIRST_BYTES = PAGES_BYTES, /* with the arena itself; most tasks need no more */
        BLOCK_BYTES = 16 * 1024,
        BLOCK_BYTES_MOST = 64 * 1024,
        BIG_BYTES = 4 * 1024 /* from here on a block of its own: a block wastes a quarter at most */
};

struct block {
        struct block *next;
        size_t room, used; /* of data */
        _Alignas(ALIGN) char data[];
};

struct cleanup {
        struct cleanup *next;
        void (*fn)(void *);
        void *arg;
};

struct arena {
        const char *name;
        struct block *blocks; /* the one in use first; `first` is the last of them */
        struct block *big;
        struct cleanup *cleanups;
        size_t held;
        _Alignas(ALIGN) struct block first;
};

_Thread_local struct arena *arena_current;

/* write(2) and abort: nothing here may need memory. */
static _Noreturn void die_no_memory(void)
{
        static const char text[] = "busbar: out of memory\n";

        if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
                _exit(71);
        abort();
}

static size_t round_up(size_t bytes)
{
        return (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

struct arena *arena_new(const char *name)
{
        struct arena *a = pages_take();

        *a = (struct arena){.name = name, .held = FIRST_BYTES, .blocks = &a->first};
        a->first.room = FIRST_BYTES - offsetof(struct arena, first) - offsetof(struct block, data);
        POISON(a->first.data, a->first.room);
        return a;
}

static void free_blocks(struct block *b, const struct block *keep)
{
        while (b != keep) {
                struct block *next = b->next;

                UNPOISON(b->data, b->room);
                free(b);
                b = next;
        }
}

void arena_reset(struct arena *a)
{
        struct cleanup *c;

        /* A cleanup may allocate, and even register another one. */
        while ((c = a->cleanups) != NULL) {
                a->cleanups = c->next;
                c->fn(c->arg);
        }
        free_blocks(a->big, NULL);
        free_blocks(a->blocks, &a->first);
        a->big = NULL;
        a->blocks = &a->first;
        a->first.used = 0;
        a->held = FIRST_BYTES;
        POISON(a->first.data, a->first.room);
}

void arena_free(struct arena *a)
{
        if (a == NULL)
                return;
        arena_reset(a);
        UNPOISON(a->first.data, a->first.room);
        pages_give(a);
}

static void *alloc_big(struct arena *a, size_t bytes)
{
        struct block *b = heap_new(offsetof(struct block, data) + bytes);

        b->room = b->used = bytes;
        b->next = a->big;
        a->big = b;
        a->held += bytes;
        return b->data;
}

static void add_block(struct arena *a)
{
        size_t room = a->held < BLOCK_BYTES ? BLOCK_BYTES : a->held > BLOCK_BYTES_MOST ? BLOCK_BYTES_MOST : a->held;
        struct block *b;

        room = round_up(room);
        b = heap_new(offsetof(struct block, data) + room);
        b->room = room;
        b->next = a->blocks;
        a->blocks = b;
        a->held += room;
        POISON(b->data, room);
}

void *arena_alloc(struct arena *a, size_t bytes)
{
        size_t need;
        char *p;

        if (bytes > PTRDIFF_MAX / 2)
                die_no_memory();
        if (bytes >= BIG_BYTES)
                return alloc_big(a, bytes);
        need = round_up(bytes + 1) + BORDER; /* a byte more, so that pieces of no bytes have addresses of their own */
        if (bytes > 0 && BORDER == 0)
                need = round_up(bytes);
        if (a->blocks->room - a->blocks->used < need)
                add_block(a);
        p = a->blocks->data + a->blocks->used;
        a->blocks->used += need;
        UNPOISON(p, bytes);
        memset(p, 0, bytes);
        return p;
}

bb_str arena_vprint(struct arena *a, const char *format, va_list args)
{
        char small[256];
        va_list again;
        char *p;
        int n;

        va_copy(again, args);
        n = vsnprintf(small, sizeof(small), format, again);
        va_end(again);
        if (n < 0)
                return BB_STR("");
        p = arena_alloc(a, (size_t)n + 1);
        if ((size_t)n < sizeof(small))
                memcpy(p, small, (size_t)n);
        else
                (void)vsnprintf(p, (size_t)n + 1, format, args);
        return (bb_str){.ptr = p, .len = (size_t)n};
}

bb_str arena_print(struct arena *a, const char *format, ...)
{
        va_list args;
        bb_str s;

        va_start(args, format);
        s = arena_vprint(a, format, args);
        va_end(args);
        return s;
}

bb_str arena_str(struct arena *a, bb_str s)
{
        char *p;

        if (s.ptr == NULL)
                return BB_NONE;
        p = arena_alloc(a, s.len + 1);
        if (s.len > 0)
                memcpy(p, s.ptr, s.len);
        return (bb_str){.ptr = p, .len = s.len};
}

void arena_cleanup(struct arena *a, void (*fn)(void *), void *arg)
{
        struct cleanup *c = arena_alloc(a, sizeof(*c));

        c->fn = fn;
        c->arg = arg;
        c->next = a->cleanups;
        a->cleanups = c;
}

size_t arena_bytes(const struct arena *a)
{
        return a->held;
}

void *heap_new(size_t bytes)
{
        void *p = calloc(1, bytes > 0 ? bytes : 1);

        if (p == NULL)
                die_no_memory();
        return p;
}

void *heap_grow(void *old, size_t bytes)
{
        void *p = realloc(old, bytes > 0 ? bytes : 1);

        if (p == NULL)
                die_no_memory();
        return p;
}

bb_str heap_str(bb_str s)
{
        char *p;

        if (s.ptr == NULL)
                return BB_NONE;
        p = heap_new(s.len + 1);
        if (s.len > 0)
                memcpy(p, s.ptr, s.len);
        return (bb_str){.ptr = p, .len = s.len};
}
