/* SPDX-License-Identifier: Apache-2.0
 *
 * gzip for answers: who accepts it, what is worth it, and the work itself (on a worker thread when it is much).
 */
#include "base/arena.h"
#include "base/str.h"
#include "net/request.h"
#include <zlib.h>

#define ON_LOOP_MAX (64 * 1024) /* about a millisecond */
#define GZIP_LEVEL 4
#define GZIP_WINDOW (15 + 16) /* zlib's way to say gzip */

/* The weight in thousandths; RFC 9110 §12.4.2. -1: ill-formed. */
static int64_t weight(bb_str parameters)
{
        int64_t thousandths;
        bb_str rest = parameters, part;

        while (str_split(&rest, ';', &part)) {
                part = str_trim(part);
                if (part.len < 2 || (part.ptr[0] != 'q' && part.ptr[0] != 'Q') || part.ptr[1] != '=')
                        continue;
                if (str_to_decimal(str_sub(part, 2, part.len), 3, &thousandths) < 0)
                        return -1;
                return thousandths;
        }
        return 1000;
}

int accepts_gzip(bb_str header)
{
        int64_t gzip = -1, any = -1, identity = -1;
        bb_str rest = header, part, coding;

        while (str_split(&rest, ',', &part)) {
                bb_str parameters = part;
                int64_t q;

                str_split(&parameters, ';', &coding);
                coding = str_trim(coding);
                q = weight(parameters);
                if (str_eq_nocase(coding, BB_STR("gzip")) || str_eq_nocase(coding, BB_STR("x-gzip")))
                        gzip = q;
                else if (bb_str_is(coding, "*"))
                        any = q;
                else if (str_eq_nocase(coding, BB_STR("identity")))
                        identity = q;
        }
        if (gzip < 0)
                gzip = any;
        return gzip > 0 && gzip >= identity;
}

int32_t is_compressible(const char *content_type)
{
        static const char *const prefixes[] = {"application/json", "application/problem+json", "text/"};

        for (size_t i = 0; content_type != NULL && i < BB_COUNT(prefixes); i++)
                if (strncmp(content_type, prefixes[i], strlen(prefixes[i])) == 0)
                        return 1;
        return 0;
}

struct gzip_job {
        bb_str in;
        char *out;
        size_t room, len; /* len 0: it did not work */
};

static void gzip_run(void *arg)
{
        struct gzip_job *job = arg;
        z_stream z = {.next_in = (Bytef *)(uintptr_t)job->in.ptr, .avail_in = (uInt)job->in.len};

        z.next_out = (Bytef *)job->out;
        z.avail_out = (uInt)job->room;
        if (deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
                return;
        if (deflate(&z, Z_FINISH) == Z_STREAM_END)
                job->len = job->room - z.avail_out;
        deflateEnd(&z);
}

BB_AWAIT bb_str gzip_text(bb_str text)
{
        /* Room for less than the text itself: when that is not enough, it is not worth it. */
        struct gzip_job job = {.in = text, .room = text.len};

        if (text.len == 0 || text.len > (1u << 30))
                return BB_NONE;
        job.out = bb_alloc(job.room);
        if (text.len <= ON_LOOP_MAX)
                gzip_run(&job);
        else if (bb_worker_run(gzip_run, &job) < 0)
                return BB_NONE; /* busy or cancelled: it goes out as it is */
        return job.len > 0 ? (bb_str){.ptr = job.out, .len = job.len} : BB_NONE;
}
