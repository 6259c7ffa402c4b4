/* SPDX-License-Identifier: Apache-2.0
 *
 * The data sets that a tenant has: the host's, and those of its plugins.
 */
#include "sets.h"

/* Providers by place: the host, then plugins. NULL behind the last; *ret_has: this tenant has it. */
static const struct bb_dataset_ops *provider_at(const bb_tenant *tenant, size_t index, int32_t *ret_has)
{
        const struct bb_dataset_ops *ops;
        bb_str plugin = BB_NONE;

        *ret_has = 1;
        if (index == 0)
                return bb_require("host_dataset/1", sizeof(*ops));
        ops = bb_host_->provider(bb_self_, "dataset/1", index - 1, &plugin);
        *ret_has = ops != NULL && bb_tenant_has(tenant, bb_str_c(plugin));
        return ops;
}

static void gather_joins(const bb_tenant *tenant, struct data_view *view)
{
        const struct bb_dataset_ops *ops;
        int32_t has;

        for (size_t at = 0; (ops = provider_at(tenant, at, &has)) != NULL; at++) {
                for (size_t i = 0; has && i < ops->join_count; i++) {
                        if (strcmp(ops->joins[i].set, view->set->name) == 0 && view->join_count < MOST_JOINS)
                                view->joins[view->join_count++] = &ops->joins[i];
                }
        }
}

bb_err set_at(const bb_tenant *tenant, size_t index, struct data_view *ret)
{
        const struct bb_dataset_ops *ops;
        int32_t has;

        for (size_t at = 0; (ops = provider_at(tenant, at, &has)) != NULL; at++) {
                size_t count = has ? ops->set_count : 0;

                if (index >= count) {
                        index -= count;
                        continue;
                }
                *ret = (struct data_view){.set = &ops->sets[index]};
                gather_joins(tenant, ret);
                return BB_OK;
        }
        return BB_E_NOT_FOUND;
}

bb_err set_named(const bb_tenant *tenant, bb_str name, struct data_view *ret)
{
        for (size_t i = 0; set_at(tenant, i, ret) == BB_OK; i++) {
                if (bb_str_is(name, ret->set->name))
                        return BB_OK;
        }
        return BB_E_NOT_FOUND;
}

const struct bb_data_column *view_column(const struct data_view *view, size_t index, ptrdiff_t *ret_join)
{
        *ret_join = -1;
        if (index < view->set->column_count)
                return &view->set->columns[index];
        index -= view->set->column_count;
        for (size_t i = 0; i < view->join_count; i++) {
                *ret_join = (ptrdiff_t)i;
                if (index < view->joins[i]->column_count)
                        return &view->joins[i]->columns[index];
                index -= view->joins[i]->column_count;
        }
        return NULL;
}

const struct bb_data_filter *view_filter(const struct data_view *view, size_t index, ptrdiff_t *ret_join)
{
        *ret_join = -1;
        if (index < view->set->filter_count)
                return &view->set->filters[index];
        index -= view->set->filter_count;
        for (size_t i = 0; i < view->join_count; i++) {
                *ret_join = (ptrdiff_t)i;
                if (index < view->joins[i]->filter_count)
                        return &view->joins[i]->filters[index];
                index -= view->joins[i]->filter_count;
        }
        return NULL;
}
