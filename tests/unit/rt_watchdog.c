/* SPDX-License-Identifier: Apache-2.0
 *
 * The watchdog: one warning with a backtrace for a loop that is held, none for a loop that waits, and the end of the
 * process when it does not come back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/tenant.h"
#include "base/time.h"
#include "rt/loop.h"
#include "rt/task.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static struct bb_tenant tenant = {.magic = TENANT_MAGIC, .id = {"xenon", 5}};
static bb_plugin_ref *const plugin = (bb_plugin_ref *)(uintptr_t)0x1000;

/* Lines come from the watchdog's thread. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int warnings;
static bb_str warning;

static void on_line(bb_str line, void *arg)
{
        (void)arg;
        if (memmem(line.ptr, line.len, "loop.stalled", 12) == NULL)
                return;
        pthread_mutex_lock(&lock);
        warnings++;
        free((void *)(uintptr_t)warning.ptr);
        warning = heap_str(line);
        pthread_mutex_unlock(&lock);
}

static int warnings_now(void)
{
        int count;

        pthread_mutex_lock(&lock);
        count = warnings;
        pthread_mutex_unlock(&lock);
        return count;
}

static const char *name_of(const bb_plugin_ref *who)
{
        return who != NULL ? "greedy" : "";
}

static int set_up(void **state)
{
        (void)state;
        warnings = 0;
        if (loop_init(1) < 0)
                return -1;
        watchdog_factor = 1; /* these tests say themselves how long a stall is */
        task_set_plugin_namer(name_of);
        log_capture(on_line, NULL);
        return watchdog_start(250, 0) == BB_OK ? 0 : -1;
}

static int tear_down(void **state)
{
        (void)state;
        loop_close();
        log_capture(NULL, NULL);
        task_set_plugin_namer(NULL);
        free((void *)(uintptr_t)warning.ptr);
        warning = BB_NONE;
        return 0;
}

static void hold(void *arg)
{
        int64_t begin = time_mono_ms();

        while (time_mono_ms() - begin < (intptr_t)arg)
                usleep(5000);
}

static void hold_in_plugin(int64_t ms)
{
        struct bb_task_spec spec = {.size = sizeof(spec),
                                    .name = "greedy.sort",
                                    .tenant = &tenant,
                                    .run = hold,
                                    .arg = (void *)(intptr_t)ms};

        assert_int_equal(task_spawn(plugin, &spec, NULL), BB_OK);
        loop_turn(0);
        assert_int_equal(task_count(), 0);
}

static void a_task_that_holds_the_loop_is_told_once(void **state)
{
        (void)state;
        hold_in_plugin(1000);
        assert_int_equal(warnings_now(), 1);
        assert_non_null(strstr(warning.ptr, "\"greedy\""));
        assert_non_null(strstr(warning.ptr, "\"greedy.sort\""));
        assert_non_null(strstr(warning.ptr, "\"xenon\""));
        assert_non_null(strstr(warning.ptr, "backtrace"));
        assert_non_null(strstr(warning.ptr, "rt_watchdog")); /* frames of this program */
        loop_turn(0);
        hold_in_plugin(1000);
        assert_int_equal(warnings_now(), 2);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
        (void)fd;
        (void)what;
        hold(arg);
}

static void a_callback_that_holds_the_loop_is_told(void **state)
{
        struct event *e = event_new(loop_base(), -1, 0, on_event, (void *)1000);
        struct timeval soon = {.tv_usec = 1000};

        (void)state;
        evtimer_add(e, &soon);
        loop_turn(100);
        assert_int_equal(warnings_now(), 1);
        event_free(e);
}

static void a_loop_that_waits_is_left_alone(void **state)
{
        int64_t begin = time_mono_ms();

        (void)state;
        while (time_mono_ms() - begin < 1500)
                loop_turn(700);
        assert_int_equal(warnings_now(), 0);
}

static void short_work_is_left_alone(void **state)
{
        (void)state;
        for (int i = 0; i < 20; i++)
                hold_in_plugin(10);
        assert_int_equal(warnings_now(), 0);
}

/* In a process of its own, which is to die. */
static void a_loop_that_does_not_come_back_ends_the_process(void **state)
{
        pid_t child;
        int status = 0;

        (void)state;
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
                signal(SIGABRT, SIG_DFL);
                if (loop_init(1) < 0)
                        _exit(1);
                watchdog_factor = 1;
                log_set_fd(-1);
                if (watchdog_start(20, 200) < 0)
                        _exit(2);
                loop_defer(hold, (void *)20000);
                loop_turn(0);
                _exit(3);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGABRT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_loop_that_does_not_come_back_ends_the_process),
                TEST(a_task_that_holds_the_loop_is_told_once),
                TEST(a_callback_that_holds_the_loop_is_told),
                TEST(a_loop_that_waits_is_left_alone),
                TEST(short_work_is_left_alone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
