/* SPDX-License-Identifier: Apache-2.0
 *
 * The words that every header of the SDK shares: errors, byte strings, and the rules of the ABI.
 *
 * Rules of the line between host and plugin (sdk/abi/HISTORY lists every change):
 *  - only int32_t, int64_t, uint32_t, uint64_t, size_t, double, pointers, bb_str and structs of these cross it;
 *  - structs grow at their end only; a struct that a plugin fills starts with its size, an array is passed with its
 * stride;
 *  - a caller frees nothing that it did not allocate: results live in the arena of the running task.
 */
#ifndef BUSBAR_TYPES_H
#define BUSBAR_TYPES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BB_ABI_MAJOR 1
#define BB_ABI_MINOR 0

/* Marks a function that may suspend the running task. Across such a call nothing may hold errno, nor a pointer to
 * shared state that another task may change. It may only be called from a task. */
#define BB_AWAIT

#define BB_HIDDEN __attribute__((visibility("hidden")))
#define BB_EXPORT __attribute__((visibility("default")))

/* True when an interface struct is new enough to have `member`. */
#define BB_HAS(ops, member)                                                                                            \
        ((ops) != NULL && (ops)->size >= offsetof(__typeof__(*(ops)), member) + sizeof((ops)->member))

/* 0, or one of the negative codes below. bb_err_text() names them. */
typedef int32_t bb_err;

enum {
        BB_OK = 0,
        BB_E_INVALID = -1,       /* an argument or a message is wrong */
        BB_E_NOT_FOUND = -2,     /* no such object in this tenant */
        BB_E_EXISTS = -3,        /* it is there already */
        BB_E_CONFLICT = -4,      /* the object's state does not allow it */
        BB_E_UNAUTHORIZED = -5,  /* nobody is logged in, or the credentials are wrong */
        BB_E_DENIED = -6,        /* known, but not allowed */
        BB_E_TIMEOUT = -7,       /* the deadline passed; whether the other side acted is unknown */
        BB_E_CANCELED = -8,      /* the task was cancelled: return without starting anything new */
        BB_E_UNAVAILABLE = -9,   /* a service (database, partner, station) is away; trying later may help */
        BB_E_LIMIT = -10,        /* a limit of size, number or rate */
        BB_E_PROTOCOL = -11,     /* the other side broke its protocol */
        BB_E_IO = -12,           /* the operating system refused */
        BB_E_CLOSED = -13,       /* the connection is closed */
        BB_E_BUSY = -14,         /* a queue is full */
        BB_E_UNSUPPORTED = -15,  /* this host, plugin or partner cannot do it */
        BB_E_PRECONDITION = -16, /* If-Match does not fit */
        BB_E_INTERNAL = -17,     /* a defect of ours */
        BB_E_OFFLINE = -18,      /* the station is not connected to any node */
        BB_E_REJECTED = -19,     /* the other side understood and said no */
};

/* Bytes with a length; never assumed to end in NUL. ptr is NULL for "absent", which differs from empty. */
struct bb_str {
        const char *ptr;
        size_t len;
};
typedef struct bb_str bb_str;

#define BB_STR(literal) ((bb_str){.ptr = ("" literal), .len = sizeof(literal) - 1})
#define BB_NONE ((bb_str){.ptr = NULL, .len = 0})

static inline bb_str bb_cstr(const char *s)
{
        return (bb_str){.ptr = s, .len = s != NULL ? strlen(s) : 0};
}

static inline int32_t bb_str_eq(bb_str a, bb_str b)
{
        return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline int32_t bb_str_is(bb_str a, const char *s)
{
        return bb_str_eq(a, bb_cstr(s));
}

/* For printf: printf("%.*s", BB_FMT(str)). */
#define BB_FMT(s) (int)(s).len, (s).ptr != NULL ? (s).ptr : ""

/* Runs `expr`; on an error returns it to the caller. */
#define TRY(expr)                                                                                                      \
        do {                                                                                                           \
                bb_err try_err_ = (expr);                                                                              \
                if (try_err_ < 0)                                                                                      \
                        return try_err_;                                                                               \
        } while (0)

#define BB_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Opaque handles. Each carries a magic number that is checked at every door. */
struct bb_tenant;
struct bb_request;
struct bb_response;
struct bb_ws;
struct bb_rows;
struct bb_tx;
struct bb_json;
struct bb_job;
struct bb_timer;
struct bb_cond;
struct bb_metric;
struct bb_stream;
struct bb_zone;
struct bb_plugin_ref; /* the plugin as the host knows it */
typedef struct bb_tenant bb_tenant;
typedef struct bb_request bb_request;
typedef struct bb_response bb_response;
typedef struct bb_ws bb_ws;
typedef struct bb_rows bb_rows;
typedef struct bb_tx bb_tx;
typedef struct bb_json bb_json;
typedef struct bb_job bb_job;
typedef struct bb_timer bb_timer;
typedef struct bb_cond bb_cond;
typedef struct bb_metric bb_metric;
typedef struct bb_stream bb_stream;
typedef struct bb_zone bb_zone;
typedef struct bb_plugin_ref bb_plugin_ref;

#endif
