/* SPDX-License-Identifier: Apache-2.0
 *
 * See pages.h. Some that are given back keep their memory, the others only their addresses. Under AddressSanitizer they
 * come from the heap, which knows what was freed.
 */
#include "base/pages.h"
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

#ifdef __SANITIZE_ADDRESS__

void *pages_take(void)
{
        void *p = malloc(PAGES_BYTES);

        if (p == NULL)
                abort();
        return p;
}

void pages_give(void *p)
{
        free(p);
}

void pages_trim(void)
{
}

#else

enum { WARM_MOST = 256, REGION = 64 };

struct pile {
        void **at;
        size_t count, room;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* workers have arenas, too */
static struct pile warm, cold;

static void push(struct pile *pile, void *p)
{
        if (pile->count == pile->room) {
                pile->room = pile->room > 0 ? pile->room * 2 : WARM_MOST;
                pile->at = realloc(pile->at, pile->room * sizeof(*pile->at));
                if (pile->at == NULL)
                        abort();
        }
        pile->at[pile->count++] = p;
}

static void add_region(void)
{
        char *p = mmap(NULL, (size_t)REGION * PAGES_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED)
                abort();
        for (size_t i = REGION; i > 0; i--)
                push(&cold, p + (i - 1) * PAGES_BYTES);
}

void *pages_take(void)
{
        struct pile *pile;
        void *p;

        pthread_mutex_lock(&lock);
        if (warm.count == 0 && cold.count == 0)
                add_region();
        pile = warm.count > 0 ? &warm : &cold;
        p = pile->at[--pile->count];
        pthread_mutex_unlock(&lock);
        return p;
}

void pages_give(void *p)
{
        pthread_mutex_lock(&lock);
        if (warm.count < WARM_MOST) {
                push(&warm, p);
        } else {
                (void)madvise(p, PAGES_BYTES, MADV_DONTNEED);
                push(&cold, p);
        }
        pthread_mutex_unlock(&lock);
}

void pages_trim(void)
{
        pthread_mutex_lock(&lock);
        while (warm.count > 0) {
                void *p = warm.at[--warm.count];

                (void)madvise(p, PAGES_BYTES, MADV_DONTNEED);
                push(&cold, p);
        }
        pthread_mutex_unlock(&lock);
}

#endif
