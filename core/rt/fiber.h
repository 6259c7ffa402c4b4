/* SPDX-License-Identifier: Apache-2.0
 *
 * What the sanitizers and valgrind must be told when the stack is switched. Nothing of it exists in a plain build,
 * except valgrind's client requests, which cost a handful of instructions when a stack is made.
 */
#ifndef CORE_RT_FIBER_H
#define CORE_RT_FIBER_H

#include <stddef.h>

#if defined(__has_feature)
#define FIBER_HAS_FEATURE(x) __has_feature(x)
#else
#define FIBER_HAS_FEATURE(x) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || FIBER_HAS_FEATURE(address_sanitizer)
#define WITH_ASAN 1
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#else
#define WITH_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__) || FIBER_HAS_FEATURE(thread_sanitizer)
#define WITH_TSAN 1
#include <sanitizer/tsan_interface.h>
#else
#define WITH_TSAN 0
#endif

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(low, high) 0u
#define VALGRIND_STACK_DEREGISTER(id) (void)(id)
#define RUNNING_ON_VALGRIND 0
#endif

/* TSan keeps a stack of calls for each fiber: a function that switches must not push and pop entries of it. */
#if WITH_TSAN
#define FIBER_SWITCHES __attribute__((noinline, no_sanitize("thread")))
#else
#define FIBER_SWITCHES __attribute__((noinline))
#endif

/* One side of a switch: a coroutine, or the loop. */
struct fiber {
        const void *stack; /* lowest address */
        size_t stack_bytes;
        void *fake_stack; /* ASan's, while suspended */
        void *tsan;
};

/* Just before the jump. `from` is NULL when the side that is left never comes back: its fake stack is freed. */
static inline __attribute__((always_inline)) void fiber_leave(struct fiber *from, const struct fiber *to)
{
#if WITH_ASAN
        __sanitizer_start_switch_fiber(from != NULL ? &from->fake_stack : NULL, to->stack, to->stack_bytes);
#endif
#if WITH_TSAN
        __tsan_switch_to_fiber(to->tsan, 0);
#endif
        (void)from;
        (void)to;
}

/* The first thing on the other side. `from`, when given, learns where the stack lies that was left. */
static inline __attribute__((always_inline)) void fiber_arrive(struct fiber *here, struct fiber *from)
{
#if WITH_ASAN
        const void *bottom;
        size_t bytes;

        __sanitizer_finish_switch_fiber(here->fake_stack, &bottom, &bytes);
        if (from != NULL) {
                from->stack = bottom;
                from->stack_bytes = bytes;
        }
#endif
        (void)here;
        (void)from;
}

#endif
