/* SPDX-License-Identifier: Apache-2.0
 *
 * A growing buffer on the heap.
 */
#ifndef CORE_BASE_BUF_H
#define CORE_BASE_BUF_H

#include <busbar/types.h>

struct buf {
        char *ptr;
        size_t len, room;
};

#define _cleanup_buf_ __attribute__((cleanup(buf_free)))

void buf_free(struct buf *); /* and sets it to zero */
void buf_reserve(struct buf *, size_t more);
void buf_add(struct buf *, const void *data, size_t len);
void buf_add_str(struct buf *, bb_str);
void buf_add_c(struct buf *, const char *);
void buf_add_char(struct buf *, char);
void buf_print(struct buf *, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_add_json_str(struct buf *, bb_str); /* quoted and escaped; ill-formed UTF-8 becomes U+FFFD */
bb_str buf_str(const struct buf *);          /* a view */

#endif
