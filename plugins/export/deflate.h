/* SPDX-License-Identifier: Apache-2.0
 *
 * Deflate streams and CRC-32, by ISA-L where the build has it and by zlib otherwise; fast rather than small.
 */
#ifndef EXPORT_DEFLATE_H
#define EXPORT_DEFLATE_H

#include <busbar/types.h>

struct deflater;
/* What comes out goes to `pass`. NULL: no memory. */
struct deflater *deflate_open(int (*pass)(void *arg, const void *data, size_t len), void *arg) BB_HIDDEN;
void deflate_free(struct deflater *) BB_HIDDEN;
/* Begins a new stream. */
void deflate_begin(struct deflater *) BB_HIDDEN;
/* 0, or -1 when what came out was refused. */
int deflate_write(struct deflater *, const void *data, size_t len) BB_HIDDEN;
int deflate_end(struct deflater *) BB_HIDDEN;
/* Of the bytes that went in since deflate_begin(). */
uint32_t deflate_crc(const struct deflater *) BB_HIDDEN;

#endif
