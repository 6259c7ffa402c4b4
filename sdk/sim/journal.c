/* SPDX-License-Identifier: Apache-2.0
 *
 * --journal: a line of JSON for each message about a transaction that the central system acknowledged, written before
 * anything else happens. What stands here must be in its database, exactly once.
 */
#include "base/time.h"
#include "sim.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int fd = -1;

bb_err journal_open(const char *path)
{
        fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        return fd < 0 ? BB_E_IO : BB_OK;
}

static void add_payload(struct buf *line, const struct call *call)
{
        for (size_t i = 0; i < call->payload.len; i++) {
                if (call->payload.ptr[i] == ID_PLACE)
                        buf_print(line, "%lld", (long long)call->tx->id);
                else
                        buf_add_char(line, call->payload.ptr[i]);
        }
}

static void write_all(bb_str text)
{
        while (text.len > 0) {
                ssize_t n = write(fd, text.ptr, text.len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0) {
                        bb_log(BB_ERROR, "sim.journal",
                               "the journal cannot be written: a comparison with it means nothing",
                               bb_kv_cstr("why", strerror(errno)));
                        return;
                }
                text = str_sub(text, (size_t)n, text.len);
        }
}

void journal_write(const struct station *st, const struct call *call, const bb_json *answer)
{
        static struct buf line;
        char at[32];

        if (fd < 0)
                return;
        time_format(time_now_ms(), at);
        line.len = 0;
        buf_print(
                &line,
                "{\"at\":\"%s\",\"station\":\"%s\",\"action\":\"%s\",\"tries\":%d,\"transactionId\":%lld,\"request\":",
                at, st->id, action_names[call->action], call->tries, (long long)call->tx->id);
        add_payload(&line, call);
        buf_add_c(&line, ",\"answer\":");
        buf_add_str(&line, bb_json_text(answer));
        buf_add_c(&line, "}\n");
        write_all(buf_str(&line));
}

void journal_close(void)
{
        if (fd >= 0)
                close(fd);
        fd = -1;
}
