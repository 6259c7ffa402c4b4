/* SPDX-License-Identifier: Apache-2.0
 *
 * libcurl's multi interface driven by libevent. One task per fetch: it hands its easy handle over, parks, and is woken
 * when the transfer is over. What URLs of strangers may do is in client_foreign.c.
 */
#include "net/client.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "net/client_inner.h"
#include "rt/loop.h"
#include "rt/task.h"
#include <busbar/log.h>
#include <stdlib.h>

#define DEFAULT_TIMEOUT_MS 10000
#define CONNECT_TIMEOUT_MS 5000
#define DEFAULT_ANSWER (1024 * 1024)
#define HEADER_BYTES (64 * 1024)
#define HEADER_COUNT 200
#define UNDER_WAY_MAX 1024
#define REDIRECTS 5

/* Two engines, so that a connection which was opened for an operator's own URL is never reused for a stranger's. */
struct engine {
        CURLM *multi;
        struct event *timer;
};

static struct engine engines[2];
static size_t under_way;

/* --- the loop's side --- */

static void collect(CURLM *multi)
{
        CURLMsg *message;
        int left;

        while ((message = curl_multi_info_read(multi, &left)) != NULL) {
                struct fetch *f = NULL;
                CURLcode result = message->data.result;

                if (message->msg != CURLMSG_DONE)
                        continue;
                curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&f);
                f->done = 1;
                f->result = result;
                task_wake(f->task);
        }
}

static void on_socket_ready(evutil_socket_t fd, short what, void *arg)
{
        struct engine *engine = arg;
        int running, action = (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);

        curl_multi_socket_action(engine->multi, fd, action, &running);
        collect(engine->multi);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
        struct engine *engine = arg;
        int running;

        (void)fd;
        (void)what;
        curl_multi_socket_action(engine->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        collect(engine->multi);
}

/* libcurl says what it waits for on a socket; the event of each socket is kept in libcurl's own table. */
static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
        struct engine *engine = arg;
        struct event *ev = socket_arg;
        int wanted = (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0);

        (void)easy;
        if (ev != NULL)
                event_free(ev);
        ev = NULL;
        if (what != CURL_POLL_REMOVE) {
                ev = event_new(loop_base(), fd, (short)(wanted | EV_PERSIST), on_socket_ready, engine);
                if (ev == NULL || event_add(ev, NULL) != 0)
                        abort();
        }
        curl_multi_assign(engine->multi, fd, ev);
        return 0;
}

static int watch_timer(CURLM *multi, long timeout_ms, void *arg)
{
        struct engine *engine = arg;
        struct timeval tv = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};

        (void)multi;
        if (timeout_ms < 0)
                event_del(engine->timer);
        else
                event_add(engine->timer, &tv);
        return 0;
}

static bb_err engine_start(struct engine *engine)
{
        static int global;

        if (engine->multi != NULL)
                return BB_OK;
        if (!global && curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
                return BB_E_INTERNAL;
        global = 1;
        engine->multi = curl_multi_init();
        engine->timer = evtimer_new(loop_base(), on_timer, engine);
        if (engine->multi == NULL || engine->timer == NULL)
                return BB_E_INTERNAL;
        curl_multi_setopt(engine->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
        curl_multi_setopt(engine->multi, CURLMOPT_SOCKETDATA, engine);
        curl_multi_setopt(engine->multi, CURLMOPT_TIMERFUNCTION, watch_timer);
        curl_multi_setopt(engine->multi, CURLMOPT_TIMERDATA, engine);
        curl_multi_setopt(engine->multi, CURLMOPT_MAXCONNECTS, 64L);
        curl_multi_setopt(engine->multi, CURLMOPT_MAX_HOST_CONNECTIONS, 16L);
        return BB_OK;
}

void client_close(void)
{
        for (size_t i = 0; i < BB_COUNT(engines); i++) {
                if (engines[i].multi != NULL)
                        curl_multi_cleanup(engines[i].multi);
                if (engines[i].timer != NULL)
                        event_free(engines[i].timer);
                engines[i] = (struct engine){.multi = NULL};
        }
}

size_t client_count(void)
{
        return under_way;
}

/* --- what comes back --- */

static size_t take_body(char *bytes, size_t size, size_t count, void *arg)
{
        struct fetch *f = arg;
        size_t len = size * count;

        if (f->body.len + len > f->max_answer) {
                f->too_long = 1;
                return 0;
        }
        buf_add(&f->body, bytes, len);
        return len;
}

/* Header lines as they come. A new status line (after a redirect or a 1xx) starts over. */
static size_t take_header(char *bytes, size_t size, size_t count, void *arg)
{
        struct fetch *f = arg;
        bb_str line = {.ptr = bytes, .len = size * count};

        if (str_starts(line, BB_STR("HTTP/"))) {
                f->head.len = 0;
                f->header_count = 0;
                f->body.len = 0;
                return line.len;
        }
        if (f->head.len + line.len > HEADER_BYTES || f->header_count >= HEADER_COUNT) {
                f->too_long = 1;
                return 0;
        }
        f->header_count += str_find(line, ':') > 0;
        buf_add_str(&f->head, line);
        return line.len;
}

static bb_str lower_case(bb_str s)
{
        char *text = bb_alloc(s.len + 1);

        for (size_t i = 0; i < s.len; i++)
                text[i] = s.ptr[i] >= 'A' && s.ptr[i] <= 'Z' ? (char)(s.ptr[i] + ('a' - 'A')) : s.ptr[i];
        return (bb_str){.ptr = text, .len = s.len};
}

static void read_headers(const struct fetch *f, struct bb_fetch_answer *ret)
{
        struct bb_http_header *headers = BB_NEW_ARRAY(struct bb_http_header, f->header_count + 1);
        bb_str rest = buf_str(&f->head), line;
        size_t count = 0;

        while (count < f->header_count && str_split(&rest, '\n', &line)) {
                ptrdiff_t colon = str_find(line, ':');

                if (colon <= 0)
                        continue;
                if (str_ends(line, BB_STR("\r")))
                        line.len--;
                headers[count].name = lower_case(str_sub(line, 0, (size_t)colon));
                headers[count++].value = bb_str_dup(str_trim(str_sub(line, (size_t)colon + 1, line.len)));
        }
        ret->headers = headers;
        ret->header_count = count;
}

static void read_answer(struct fetch *f, struct bb_fetch_answer *ret)
{
        long status = 0;

        curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
        ret->status = (int32_t)status;
        ret->body = f->body.len > 0 ? bb_str_dup(buf_str(&f->body)) : BB_STR("");
        read_headers(f, ret);
}

static const struct {
        CURLcode code;
        bb_err err;
} results[] = {
        {CURLE_OK, BB_OK},
        {CURLE_OPERATION_TIMEDOUT, BB_E_TIMEOUT},
        {CURLE_URL_MALFORMAT, BB_E_INVALID},
        {CURLE_UNSUPPORTED_PROTOCOL, BB_E_INVALID},
        {CURLE_WEIRD_SERVER_REPLY, BB_E_PROTOCOL},
        {CURLE_TOO_MANY_REDIRECTS, BB_E_PROTOCOL},
        {CURLE_BAD_CONTENT_ENCODING, BB_E_PROTOCOL},
        {CURLE_HTTP2, BB_E_PROTOCOL},
        {CURLE_HTTP2_STREAM, BB_E_PROTOCOL},
        {CURLE_FILESIZE_EXCEEDED, BB_E_LIMIT},
        {CURLE_SSL_CERTPROBLEM, BB_E_INVALID}, /* our own certificate or key */
        {CURLE_SSL_CACERT_BADFILE, BB_E_INVALID},
};

static bb_err result_of(const struct fetch *f)
{
        bb_err err = BB_E_UNAVAILABLE;

        for (size_t i = 0; i < BB_COUNT(results); i++)
                if (results[i].code == f->result)
                        err = results[i].err;
        if (f->too_long)
                err = BB_E_LIMIT;
        if (f->refused) /* by the guard, at the moment of connecting */
                err = BB_E_DENIED;
        if (err < 0)
                bb_log(BB_WARN, "client.failed", f->error[0] != '\0' ? f->error : curl_easy_strerror(f->result),
                       bb_kv_str("host", f->host), bb_kv_err(err));
        return err;
}

/* --- what goes out --- */

static int is_line(bb_str s)
{
        for (size_t i = 0; i < s.len; i++)
                if (s.ptr[i] == '\r' || s.ptr[i] == '\n' || s.ptr[i] == '\0')
                        return 0;
        return 1;
}

static bb_err add_header(struct fetch *f, bb_str line)
{
        struct curl_slist *longer = curl_slist_append(f->headers, bb_str_c(line));

        if (longer == NULL)
                return BB_E_INTERNAL;
        f->headers = longer;
        return BB_OK;
}

static bb_err set_headers(struct fetch *f, const struct bb_fetch *request)
{
        int has_type = 0;

        for (size_t i = 0; i < request->header_count; i++) {
                const struct bb_http_header *h = &request->headers[i];

                if (h->name.len == 0 || !is_line(h->name) || !is_line(h->value) || str_find(h->name, ':') >= 0)
                        return BB_E_INVALID;
                has_type |= str_eq_nocase(h->name, BB_STR("content-type"));
                /* "Name;" is libcurl's way to send a header without a value. */
                TRY(add_header(f, h->value.len > 0 ? bb_print("%.*s: %.*s", BB_FMT(h->name), BB_FMT(h->value))
                                                   : bb_print("%.*s;", BB_FMT(h->name))));
        }
        if (!has_type)
                TRY(add_header(f, BB_STR("Content-Type:"))); /* none, rather than libcurl's guess */
        TRY(add_header(f, BB_STR("Expect:")));
        curl_easy_setopt(f->easy, CURLOPT_HTTPHEADER, f->headers);
        return BB_OK;
}

static int is_method(const char *method)
{
        size_t len = strlen(method);

        return len >= 3 && len <= 16 && strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == len;
}

static bb_err set_method(struct fetch *f, const struct bb_fetch *request)
{
        const char *method = request->method != NULL ? request->method : "GET";
        int reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;

        if (!is_method(method))
                return BB_E_INVALID;
        if (strcmp(method, "HEAD") == 0)
                curl_easy_setopt(f->easy, CURLOPT_NOBODY, 1L);
        else if (!reads || request->body.len > 0) {
                curl_easy_setopt(f->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
                curl_easy_setopt(f->easy, CURLOPT_POSTFIELDS, request->body.ptr != NULL ? request->body.ptr : "");
                curl_easy_setopt(f->easy, CURLOPT_CUSTOMREQUEST, method);
        }
        if (!reads || (request->flags & BB_FETCH_FOREIGN))
                return BB_OK;
        curl_easy_setopt(f->easy, CURLOPT_FOLLOWLOCATION, 1L);
        curl_easy_setopt(f->easy, CURLOPT_MAXREDIRS, (long)REDIRECTS);
        return BB_OK;
}

static void set_tls(struct fetch *f, const struct bb_fetch *request)
{
        curl_easy_setopt(f->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
        if (request->ca_file != NULL)
                curl_easy_setopt(f->easy, CURLOPT_CAINFO, request->ca_file);
        if (request->client_certificate_file != NULL)
                curl_easy_setopt(f->easy, CURLOPT_SSLCERT, request->client_certificate_file);
        if (request->client_key_file != NULL)
                curl_easy_setopt(f->easy, CURLOPT_SSLKEY, request->client_key_file);
}

static bb_err set_up(struct fetch *f, const struct bb_fetch *request)
{
        f->max_answer = request->max_answer > 0 ? (size_t)request->max_answer : DEFAULT_ANSWER;
        curl_easy_setopt(f->easy, CURLOPT_PRIVATE, f);
        curl_easy_setopt(f->easy, CURLOPT_ERRORBUFFER, f->error);
        curl_easy_setopt(f->easy, CURLOPT_NOSIGNAL, 1L);
        /* Otherwise removing a handle waits for its name lookup to end, and the loop with it. */
        curl_easy_setopt(f->easy, CURLOPT_QUICK_EXIT, 1L);
        curl_easy_setopt(f->easy, CURLOPT_CURLU, f->url);
        curl_easy_setopt(f->easy, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(f->easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(f->easy, CURLOPT_USERAGENT, "busbar");
        curl_easy_setopt(f->easy, CURLOPT_TIMEOUT_MS,
                         (long)(request->timeout_ms > 0 ? request->timeout_ms : DEFAULT_TIMEOUT_MS));
        curl_easy_setopt(f->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
        curl_easy_setopt(f->easy, CURLOPT_WRITEFUNCTION, take_body);
        curl_easy_setopt(f->easy, CURLOPT_WRITEDATA, f);
        curl_easy_setopt(f->easy, CURLOPT_HEADERFUNCTION, take_header);
        curl_easy_setopt(f->easy, CURLOPT_HEADERDATA, f);
        set_tls(f, request);
        TRY(set_method(f, request));
        return set_headers(f, request);
}

static bb_err read_url(struct fetch *f, bb_str url)
{
        char *host = NULL;

        f->url = curl_url();
        if (f->url == NULL || url.len == 0 || url.len > 8192 || !is_line(url))
                return BB_E_INVALID;
        if (curl_url_set(f->url, CURLUPART_URL, bb_str_c(url), CURLU_DISALLOW_USER) != CURLUE_OK ||
            curl_url_get(f->url, CURLUPART_HOST, &host, 0) != CURLUE_OK)
                return BB_E_INVALID;
        f->host = bb_str_dup(bb_cstr(host));
        curl_free(host);
        return BB_OK;
}

/* --- one fetch --- */

static BB_AWAIT bb_err transfer(struct fetch *f, struct engine *engine)
{
        bb_err err = BB_OK;

        f->task = task_current();
        if (curl_multi_add_handle(engine->multi, f->easy) != CURLM_OK)
                return BB_E_INTERNAL;
        while (!f->done && err >= 0)
                err = task_park(-1);
        /* Cancelled or not: after this libcurl knows nothing of f any more. */
        curl_multi_remove_handle(engine->multi, f->easy);
        return f->done ? BB_OK : err;
}

static void fetch_free(void *arg)
{
        struct fetch *f = arg;

        curl_easy_cleanup(f->easy);
        curl_url_cleanup(f->url);
        curl_slist_free_all(f->headers);
        curl_slist_free_all(f->pinned);
        buf_free(&f->body);
        buf_free(&f->head);
        under_way--;
}

static BB_AWAIT bb_err run(struct fetch *f, const struct bb_fetch *request, struct bb_fetch_answer *ret)
{
        int foreign = (request->flags & BB_FETCH_FOREIGN) != 0;

        f->easy = curl_easy_init();
        if (f->easy == NULL)
                return BB_E_INTERNAL;
        TRY(read_url(f, request->url));
        TRY(set_up(f, request));
        if (foreign)
                TRY(foreign_prepare(f));
        TRY(engine_start(&engines[foreign]));
        TRY(transfer(f, &engines[foreign]));
        TRY(result_of(f));
        read_answer(f, ret);
        return BB_OK;
}

BB_AWAIT bb_err client_fetch(const struct bb_fetch *asked, struct bb_fetch_answer *ret)
{
        struct bb_fetch request = {.size = 0};
        struct fetch *f;
        bb_err err;

        if (asked == NULL || ret == NULL || task_current() == NULL)
                return BB_E_INVALID;
        if (under_way >= UNDER_WAY_MAX)
                return BB_E_BUSY;
        /* A struct of another size comes from a plugin of another age. */
        memcpy(&request, asked, asked->size < sizeof(request) ? asked->size : sizeof(request));
        under_way++;
        f = bb_alloc(sizeof(*f));
        err = run(f, &request, ret);
        fetch_free(f);
        return err;
}
