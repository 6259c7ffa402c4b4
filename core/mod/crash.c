/* SPDX-License-Identifier: Apache-2.0
 *
 * The last words of a worker that crashes, and its side of what it shares with the supervisor.
 */
#include "mod/supervised.h"
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FRAMES_MOST 64
#define STACK_BYTES (64u << 10)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static int trace_fd = -1;

static void write_text(int fd, const char *text)
{
        size_t len = strlen(text);

        while (len > 0) {
                ssize_t n = write(fd, text, len);

                if (n <= 0)
                        return;
                text += n;
                len -= (size_t)n;
        }
}

/* Runs on its own stack and calls nothing that takes a lock; SA_RESETHAND makes the second signal deadly. */
static void on_crash(int number)
{
        const struct breadcrumb_page *where = breadcrumb_at_crash();
        void *frames[FRAMES_MOST];
        int count = backtrace(frames, FRAMES_MOST);

        write_text(STDERR_FILENO, "busbard crashed in plugin \"");
        write_text(STDERR_FILENO, where->plugin);
        write_text(STDERR_FILENO, "\", tenant \"");
        write_text(STDERR_FILENO, where->tenant);
        write_text(STDERR_FILENO, "\", operation \"");
        write_text(STDERR_FILENO, where->operation);
        write_text(STDERR_FILENO, "\"\n");
        backtrace_symbols_fd(frames, count, STDERR_FILENO);
        if (trace_fd >= 0)
                backtrace_symbols_fd(frames, count, trace_fd);
        raise(number);
}

void crash_install(int fd)
{
        static const int deadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
        struct sigaction action = {.sa_handler = on_crash, .sa_flags = (int)(SA_ONSTACK | SA_RESETHAND | SA_NODEFER)};
        stack_t stack = {.ss_size = STACK_BYTES};
        void *first[1];

        trace_fd = fd;
        if (SANITIZED)
                return;
        stack.ss_sp = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (stack.ss_sp == MAP_FAILED || sigaltstack(&stack, NULL) < 0)
                return;
        /* The first call loads a library, which must not happen in the handler. */
        (void)backtrace(first, 1);
        sigemptyset(&action.sa_mask);
        for (size_t i = 0; i < BB_COUNT(deadly); i++)
                sigaction(deadly[i], &action, NULL);
}

static void keep_from_children(int fd)
{
        fcntl(fd, F_SETFD, FD_CLOEXEC);
}

struct supervised_page *supervised_attach(void)
{
        struct supervised_page *page;
        struct stat st;

        if (fstat(SUPERVISED_PAGE_FD, &st) < 0 || (size_t)st.st_size < sizeof(*page))
                return NULL;
        page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, SUPERVISED_PAGE_FD, 0);
        if (page == MAP_FAILED)
                return NULL;
        if (page->magic != SUPERVISED_MAGIC || page->size != sizeof(*page)) {
                munmap(page, sizeof(*page));
                return NULL;
        }
        page->crumb = *breadcrumb_page;
        breadcrumb_page = &page->crumb;
        keep_from_children(SUPERVISED_PAGE_FD);
        keep_from_children(SUPERVISED_TRACE_FD);
        for (int32_t i = 0; i < page->socket_count; i++)
                keep_from_children(page->sockets[i].fd);
        /* When the supervisor dies nobody would restart us or stop the database: end in good order. */
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != page->supervisor_pid)
                raise(SIGTERM);
        return page;
}
