/* SPDX-License-Identifier: Apache-2.0
 *
 * Intrusive doubly linked lists.
 */
#ifndef CORE_BASE_LIST_H
#define CORE_BASE_LIST_H

#include <stddef.h>

struct list {
        struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
        l->next = l->prev = l;
}
static inline int list_empty(const struct list *l)
{
        return l->next == l;
}
static inline void list_append(struct list *head, struct list *item)
{
        item->prev = head->prev;
        item->next = head;
        head->prev->next = item;
        head->prev = item;
}
/* Leaves the item linked to itself, so removing it twice is harmless. */
static inline void list_remove(struct list *item)
{
        item->prev->next = item->next;
        item->next->prev = item->prev;
        list_init(item);
}

#define LIST_OF(type, member, ptr) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define LIST_EACH(item, head) for (struct list *item = (head)->next; item != (head); item = item->next)
#define LIST_EACH_SAFE(item, save, head)                                                                               \
        for (struct list *item = (head)->next, *save = item->next; item != (head); item = save, save = item->next)

#endif
