/* SPDX-License-Identifier: Apache-2.0
 *
 * Documents that are kept in versions, as tariffs and contracts are: a PUT is a new version (`If-Match` is honoured), a
 * DELETE takes the document out of use, and no version is ever changed or lost, since sessions go by the one with which
 * they began.
 */
#ifndef BILLING_VERSIONED_H
#define BILLING_VERSIONED_H

#include <busbar/plugin.h>

struct versioned {
        bb_str id;
        int64_t version, created_ms, updated_ms;
};

/* A kind of document: its tables, its shape, and how it is shown. */
struct versioned_kind {
        const char *noun;             /* "tariff" */
        const struct bb_shape *terms; /* of the document */
        size_t size;                  /* of the struct that the shape fills */
        const char *saved, *ended;    /* actions of the audit log */
        /* SQL. `list`: $1 after which id (null: from the first), $2 how many; `load`: $1 id, $2 version (0: the latest,
         * if it is in use). Both give id, document, version, created_at, updated_at. `find`: $1 id; gives version and
         * whether it is out of use. `put`: $1 id, $2 the new version, no row if another one was put meanwhile; `keep`:
         * $1 id, $2 version, $3 document. `end`: $1 id, $2 version, no row unless it is the latest and in use. */
        const char *list, *load, *find, *put, *keep, *end;
        /* The answer; `terms` is the document as its shape's struct. */
        bb_json *(*show)(const struct versioned *, const void *terms);
        /* Within the transaction that saves; NULL: nothing more is to be done. */
        BB_AWAIT bb_err (*saving)(bb_tx *, bb_response *, bb_str id, const void *terms);
};

/* Version 0: the latest. BB_E_NOT_FOUND: there is none, or (the latest) it is out of use. */
BB_AWAIT bb_err versioned_load(const struct versioned_kind *, bb_str id, int64_t version, struct versioned *ret,
                               void *ret_terms);

/* 422 when an id is none, or the document's own (BB_NONE: it has none) is another one. */
bb_err versioned_check_id(const struct versioned_kind *, bb_response *, bb_str id, bb_str own);

/* Handlers. `terms` has been checked, and has its id. */
BB_AWAIT bb_err versioned_list(const struct versioned_kind *, bb_request *, bb_response *);
BB_AWAIT bb_err versioned_read(const struct versioned_kind *, bb_request *, bb_response *);
BB_AWAIT bb_err versioned_write(const struct versioned_kind *, bb_request *, bb_response *, const void *terms);
BB_AWAIT bb_err versioned_remove(const struct versioned_kind *, bb_request *, bb_response *);

#endif
