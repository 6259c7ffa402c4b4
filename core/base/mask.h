/* SPDX-License-Identifier: Apache-2.0
 *
 * What looks like a secret, by the name of a field or by its place in a text.
 */
#ifndef CORE_BASE_MASK_H
#define CORE_BASE_MASK_H

#include "base/buf.h"

/* A field of a log line with this name is never shown ("password", "api_key"; but "key_id" and "token_uid" are). */
int mask_is_secret_name(bb_str name);
/* Adds `text` to `out`, with "***" in the place of each secret. For any thread. */
void mask_add(struct buf *out, bb_str text);

#endif
