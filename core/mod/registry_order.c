/* SPDX-License-Identifier: Apache-2.0
 *
 * In which order plugins can load. Round by round the first one is taken whose needs are all provided and of which no
 * wish ("after") is still to come; when only wishes hold everything up, one of them is given up. What remains has a
 * need that nobody provides, or is part of a circle, or needs one of those: each gets the sentence that says which.
 */
#include "mod/registry.h"

struct order {
        struct registry_node *nodes;
        size_t count;
        struct arena *arena;
};

static int32_t node_provides(const struct registry_node *node, const char *interface)
{
        for (size_t i = 0; i < node->provide_count; i++)
                if (strcmp(node->provides[i], interface) == 0)
                        return 1;
        return 0;
}

/* A node that provides it: a placed one first. NULL: nobody would. */
static struct registry_node *provider_of(const struct order *o, const char *interface)
{
        struct registry_node *found = NULL;

        for (size_t i = 0; i < o->count; i++) {
                if (!node_provides(&o->nodes[i], interface))
                        continue;
                if (o->nodes[i].placed)
                        return &o->nodes[i];
                if (found == NULL)
                        found = &o->nodes[i];
        }
        return found;
}

static int32_t needs_met(const struct order *o, const struct registry_node *node)
{
        for (const char *const *need = node->needs; need != NULL && *need != NULL; need++) {
                const struct registry_node *provider;

                if (registry_core(*need) != NULL)
                        continue;
                provider = provider_of(o, *need);
                if (provider == NULL || !provider->placed)
                        return 0;
        }
        return 1;
}

/* Is any provider of these still to come? All of them count: who asks for "payment/1" wants to find every provider. */
static int32_t providers_to_come(const struct order *o, const struct registry_node *node, const char *const *interfaces)
{
        for (; interfaces != NULL && *interfaces != NULL; interfaces++)
                for (size_t i = 0; i < o->count; i++)
                        if (&o->nodes[i] != node && !o->nodes[i].placed && o->nodes[i].problem == NULL &&
                            node_provides(&o->nodes[i], *interfaces))
                                return 1;
        return 0;
}

static int32_t wishes_open(const struct order *o, const struct registry_node *node)
{
        return providers_to_come(o, node, node->after) || providers_to_come(o, node, node->needs);
}

static struct registry_node *next_node(const struct order *o)
{
        struct registry_node *with_wishes = NULL;

        for (size_t i = 0; i < o->count; i++) {
                struct registry_node *node = &o->nodes[i];

                if (node->placed || node->problem != NULL || !needs_met(o, node))
                        continue;
                if (!wishes_open(o, node))
                        return node;
                if (with_wishes == NULL)
                        with_wishes = node;
        }
        return with_wishes;
}

/* --- why not --- */

static const char *missing_need(const struct order *o, const struct registry_node *node)
{
        for (const char *const *need = node->needs; need != NULL && *need != NULL; need++)
                if (registry_core(*need) == NULL && provider_of(o, *need) == NULL)
                        return *need;
        return NULL;
}

/* The first need that is provided by a node that is not placed. */
static const char *blocked_need(const struct order *o, const struct registry_node *node, struct registry_node **ret)
{
        for (const char *const *need = node->needs; need != NULL && *need != NULL; need++) {
                struct registry_node *provider = registry_core(*need) == NULL ? provider_of(o, *need) : NULL;

                if (provider == NULL || provider->placed)
                        continue;
                *ret = provider;
                return *need;
        }
        return NULL;
}

/* "a needs b/1 of b, b needs a/1 of a" when following the blocked needs comes back to the node; NULL otherwise. */
static const char *circle(const struct order *o, struct registry_node *start)
{
        struct registry_node *at = start, *provider = NULL;
        bb_str path = BB_STR("");

        for (size_t steps = 0; steps <= o->count; steps++) {
                const char *need = blocked_need(o, at, &provider);

                if (need == NULL)
                        return NULL;
                path = arena_print(o->arena, "%.*s%s%s needs %s of %s", BB_FMT(path), steps > 0 ? ", " : "", at->name,
                                   need, provider->name);
                if (provider == start)
                        return path.ptr;
                at = provider;
        }
        return NULL; /* it runs into a circle that it is no part of */
}

static const char *explain(const struct order *o, struct registry_node *node)
{
        const char *need = missing_need(o, node), *path;
        struct registry_node *provider = NULL;

        if (need != NULL)
                return arena_print(o->arena, "plugin %s needs %s, which no enabled plugin provides", node->name, need)
                        .ptr;
        path = circle(o, node);
        if (path != NULL)
                return arena_print(o->arena, "plugin %s is part of a circle of needs: %s", node->name, path).ptr;
        need = blocked_need(o, node, &provider);
        return arena_print(o->arena, "plugin %s needs %s of plugin %s, which cannot be loaded", node->name, need,
                           provider != NULL ? provider->name : "?")
                .ptr;
}

size_t registry_order(struct registry_node *nodes, size_t count, struct arena *arena, size_t *ret_order)
{
        struct order o = {.nodes = nodes, .count = count, .arena = arena};
        struct registry_node *node;
        size_t placed = 0;

        while ((node = next_node(&o)) != NULL) {
                node->placed = 1;
                ret_order[placed++] = (size_t)(node - nodes);
        }
        for (size_t i = 0; i < count; i++)
                if (!nodes[i].placed && nodes[i].problem == NULL)
                        nodes[i].problem = explain(&o, &nodes[i]);
        return placed;
}
