/* SPDX-License-Identifier: Apache-2.0
 *
 * What a task costs: one switch into it and back, and its whole life from spawn to end. Prints, asserts nothing.
 */
#include "base/time.h"
#include "rt/loop.h"
#include "rt/task.h"
#include <stdio.h>

enum { ROUNDS = 200000, TASKS = 100, LIVES = 500000 };

static size_t rounds_left, lives_left;

static void yielder(void *arg)
{
        (void)arg;
        while (rounds_left > 0) {
                rounds_left--;
                bb_sleep(0);
        }
}

static void waiter(void *arg)
{
        bb_cond *c = arg;

        while (rounds_left > 0) {
                rounds_left--;
                bb_cond_wake_one(c);
                bb_cond_wait(c, -1);
        }
        bb_cond_wake_all(c);
}

static void live_on(void *arg)
{
        (void)arg;
        if (lives_left-- > TASKS)
                bb_task_spawn("life", NULL, 0, live_on, NULL, NULL);
}

static void run_all(void)
{
        while (task_count() > 0)
                loop_turn(10);
}

static void print(const char *what, int64_t begin_us, size_t count)
{
        printf("%-44s %8.1f ns\n", what, (double)(time_mono_us() - begin_us) * 1000.0 / (double)count);
}

int main(void)
{
        bb_cond *c;
        int64_t begin;

        if (loop_init(1) < 0)
                return 1;
        begin = time_mono_us();
        rounds_left = ROUNDS;
        c = bb_cond_new();
        bb_task_spawn("ping", NULL, 0, waiter, c, NULL);
        bb_task_spawn("pong", NULL, 0, waiter, c, NULL);
        run_all();
        print("wait and wake, two tasks (a turn each)", begin, ROUNDS);
        begin = time_mono_us();
        rounds_left = ROUNDS * 10;
        for (int i = 0; i < TASKS * 10; i++)
                bb_task_spawn("ring", NULL, 0, waiter, c, NULL);
        run_all();
        print("wait and wake, 1000 tasks", begin, ROUNDS * 10);
        bb_cond_free(c);
        begin = time_mono_us();
        rounds_left = ROUNDS;
        for (int i = 0; i < TASKS; i++)
                bb_task_spawn("yield", NULL, 0, yielder, NULL, NULL);
        run_all();
        print("sleep(0), 100 tasks (a timer each)", begin, ROUNDS);
        begin = time_mono_us();
        lives_left = LIVES;
        for (int i = 0; i < TASKS; i++)
                bb_task_spawn("life", NULL, 0, live_on, NULL, NULL);
        run_all();
        print("spawn, run, end", begin, LIVES);
        loop_close();
        return 0;
}
