/* SPDX-License-Identifier: Apache-2.0
 *
 * Pieces of two pages for what lives as long as a request (arenas). Apart from the heap: there they would lie between
 * what lives as long as a connection, and after a storm of either the heap would be full of holes.
 */
#ifndef CORE_BASE_PAGES_H
#define CORE_BASE_PAGES_H

enum { PAGES_BYTES = 8 * 1024 };

/* From any thread. The memory is not cleared. Ends the process when there is none. */
void *pages_take(void);
void pages_give(void *);
void pages_trim(void); /* gives back to the system what nobody uses */

#endif
