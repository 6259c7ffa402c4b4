/* SPDX-License-Identifier: Apache-2.0
 *
 * A ZIP archive written from front to back (APPNOTE 6.3), so that it can be sent while it is made: what is compressed
 * on the way has its sizes behind it, in a data descriptor. And the reverse for the small archives of libxlsxwriter.
 */
#ifndef EXPORT_ZIP_H
#define EXPORT_ZIP_H

#include "table.h"

enum { ZIP_NAME = 64 };
/* Uncompressed bytes that an entry written with zip_begin() may have: its sizes have 32 bits, as Excel wants to repair
 * archives whose entries say ZIP64 without need. */
#define ZIP_ENTRY_MOST 4000000000u

/* An entry as it is in an archive. */
struct zip_part {
        char name[ZIP_NAME];
        const uint8_t *data; /* compressed */
        uint32_t method, crc, size, full_size;
};

struct zip;
/* NULL: no memory. */
struct zip *zip_open(const struct sink *) BB_HIDDEN;
void zip_free(struct zip *) BB_HIDDEN;
/* Each 0, or -1 when the sink refused or there is no memory. An entry that is known already: */
int zip_part(struct zip *, const struct zip_part *) BB_HIDDEN;
/* One whose deflated bytes come in pieces. */
int zip_begin(struct zip *, const char *name) BB_HIDDEN;
int zip_data(void *zip, const void *data, size_t len) BB_HIDDEN;
int zip_end(struct zip *, uint32_t crc, uint64_t full_size) BB_HIDDEN;
/* The directory. */
int zip_finish(struct zip *) BB_HIDDEN;
int64_t zip_bytes(const struct zip *) BB_HIDDEN;

/* Calls `each` with every entry of a small archive in memory until it answers less than 0. 0, or -1 for that and for an
 * archive that is none. */
int zip_each(const uint8_t *archive, size_t len, int (*each)(void *arg, const struct zip_part *), void *arg) BB_HIDDEN;
/* The entry's content with a NUL behind it, from malloc(); NULL: no memory, or it is broken. */
char *zip_part_text(const struct zip_part *) BB_HIDDEN;

#endif
