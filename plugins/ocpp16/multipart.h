/* SPDX-License-Identifier: Apache-2.0
 *
 * The file in a form, as stations and browsers send it (multipart/form-data, RFC 7578): found in pieces of any size,
 * and never held as a whole. The first part with a file name is the file; other parts are passed over.
 */
#ifndef OCPP16_MULTIPART_H
#define OCPP16_MULTIPART_H

#include <busbar/types.h>

#define MULTIPART_ROOM (80 * 1024) /* more than a piece, a part's headers and a delimiter */
#define MULTIPART_PIECE (64 * 1024)

struct multipart {
        char delimiter[80]; /* CR LF -- boundary */
        size_t delimiter_len;
        int32_t state;
        int32_t taking, found; /* this part is the file; there was one */
        size_t len, used;      /* of `bytes`: what is there, what is done with */
        bb_str file_name;      /* in the task's memory; "" when it has none */
        char bytes[MULTIPART_ROOM];
};

/* NULL: the content type is no form with a boundary. In the task's memory. */
struct multipart *multipart_new(bb_str content_type);
/* At most MULTIPART_PIECE bytes, once all of those before were taken by multipart_next. */
void multipart_feed(struct multipart *, bb_str piece);

enum { MULTIPART_MORE = 0, MULTIPART_DATA = 1, MULTIPART_END = 2, MULTIPART_BAD = -1 };
/* MULTIPART_DATA: *ret_data are the file's next bytes, until the next call. MULTIPART_MORE: feed it. */
int32_t multipart_next(struct multipart *, bb_str *ret_data);

#endif
