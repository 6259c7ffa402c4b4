/* SPDX-License-Identifier: Apache-2.0
 *
 * See firm.h.
 */
#include "mod/firm.h"
#include "rt/loop.h"
#include "rt/task.h"

static void on_time(evutil_socket_t fd, short what, void *arg)
{
        (void)fd;
        (void)what;
        task_wake(arg);
}

BB_AWAIT bb_err firm_sleep(int64_t ms)
{
        const struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

        if (event_base_once(loop_base(), -1, EV_TIMEOUT, on_time, task_current(), &tv) < 0)
                return BB_E_IO;
        task_park_firmly();
        return BB_OK;
}
