/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /v1/datasets: what a tenant can export, for pages on which reports are made.
 */
#include "export.h"

static const char *const kinds[] = {"text",  "integer", "time", "duration", "energy",
                                    "money", "boolean", "enum", "id",       NULL};
static const char *const types[] = {"text", "integer", "boolean", "time", "enum", "id", NULL};
enum { TYPE_ENUM = 4, TYPE_ID = 5 };

struct column_view {
        uint64_t present;
        bb_str name, title, about;
        int32_t kind, is_default;
        struct bb_array values; /* of bb_str */
};
#define AT(member) .offset = offsetof(struct column_view, member)
static const struct bb_field column_fields[] = {
        {.name = "name", .type = BB_T_STR, .flags = BB_REQUIRED, AT(name)},
        {.name = "title", .type = BB_T_STR, .flags = BB_REQUIRED, AT(title)},
        {.name = "kind", .type = BB_T_ENUM, .flags = BB_REQUIRED, AT(kind), .values = kinds},
        {.name = "default",
         .type = BB_T_BOOL,
         .flags = BB_REQUIRED,
         AT(is_default),
         .about = "There when nobody chooses."},
        {.name = "values", .type = BB_T_ARRAY, .item = BB_T_STR, AT(values)},
        {.name = "about", .type = BB_T_STR, AT(about)},
};
static BB_SHAPE(DataColumn, column_view, 0, "A column of a data set.", column_fields);
#undef AT

struct filter_view {
        uint64_t present;
        bb_str name, about;
        int32_t type;
        struct bb_array values;
};
#define AT(member) .offset = offsetof(struct filter_view, member)
static const struct bb_field filter_fields[] = {
        {.name = "name", .type = BB_T_STR, .flags = BB_REQUIRED, AT(name)},
        {.name = "type", .type = BB_T_ENUM, .flags = BB_REQUIRED, AT(type), .values = types},
        {.name = "values", .type = BB_T_ARRAY, .item = BB_T_STR, AT(values)},
        {.name = "about", .type = BB_T_STR, AT(about)},
};
static BB_SHAPE(DataFilter, filter_view, 0, "What the rows of a data set can be chosen by.", filter_fields);
#undef AT

struct set_view {
        uint64_t present;
        bb_str name, title, about, permission;
        struct bb_array columns, filters;
};
#define AT(member) .offset = offsetof(struct set_view, member)
static const struct bb_field set_fields[] = {
        {.name = "name", .type = BB_T_STR, .flags = BB_REQUIRED, AT(name)},
        {.name = "title", .type = BB_T_STR, .flags = BB_REQUIRED, AT(title)},
        {.name = "about", .type = BB_T_STR, AT(about)},
        {.name = "permission", .type = BB_T_STR, .flags = BB_REQUIRED, AT(permission), .about = "Needed to export it."},
        {.name = "columns", .type = BB_T_ARRAY, .flags = BB_REQUIRED, AT(columns), .shape = &DataColumn},
        {.name = "filters", .type = BB_T_ARRAY, .flags = BB_REQUIRED, AT(filters), .shape = &DataFilter},
};
static BB_SHAPE(DataSet, set_view, 0, "A data set.", set_fields);
#undef AT

struct sets_view {
        uint64_t present;
        struct bb_array items;
};
static const struct bb_field sets_fields[] = {
        {.name = "items",
         .type = BB_T_ARRAY,
         .flags = BB_REQUIRED,
         .offset = offsetof(struct sets_view, items),
         .shape = &DataSet},
};
BB_SHAPE(DataSets, sets_view, 0, "What can be exported here.", sets_fields);

static struct bb_array values_of(const char *const *values)
{
        size_t count = 0;
        bb_str *names;

        while (values != NULL && values[count] != NULL)
                count++;
        if (count == 0)
                return (struct bb_array){.items = NULL};
        names = BB_NEW_ARRAY(bb_str, count);
        for (size_t i = 0; i < count; i++)
                names[i] = bb_cstr(values[i]);
        return (struct bb_array){.items = names, .count = count};
}

static struct bb_array columns_of(const struct data_view *view)
{
        const struct bb_data_column *c;
        struct column_view *views;
        size_t count = 0;
        ptrdiff_t join;

        while (view_column(view, count, &join) != NULL)
                count++;
        views = BB_NEW_ARRAY(struct column_view, count + 1);
        for (size_t i = 0; (c = view_column(view, i, &join)) != NULL; i++)
                views[i] = (struct column_view){.name = bb_cstr(c->name),
                                                .title = bb_cstr(c->title),
                                                .about = bb_cstr(c->about),
                                                .kind = c->kind,
                                                .is_default = c->is_default,
                                                .values = values_of(c->values)};
        return (struct bb_array){.items = views, .count = count};
}

static int32_t type_of(const struct bb_data_filter *f)
{
        static const int32_t by_type[] = {
                [BB_T_STR] = 0, [BB_T_INT] = 1, [BB_T_BOOL] = 2, [BB_T_TIME] = 3, [BB_T_ENUM] = TYPE_ENUM};

        return f->is_uuid ? TYPE_ID : by_type[f->type];
}

static struct bb_array filters_of(const struct data_view *view)
{
        const struct bb_data_filter *f;
        struct filter_view *views;
        size_t count = 0;
        ptrdiff_t join;

        while (view_filter(view, count, &join) != NULL)
                count++;
        views = BB_NEW_ARRAY(struct filter_view, count + 1);
        for (size_t i = 0; (f = view_filter(view, i, &join)) != NULL; i++)
                views[i] = (struct filter_view){.name = bb_cstr(f->name),
                                                .about = bb_cstr(f->about),
                                                .type = type_of(f),
                                                .values = values_of(f->values)};
        return (struct bb_array){.items = views, .count = count};
}

BB_AWAIT bb_err datasets_list(bb_request *req, bb_response *res)
{
        struct export_state *state = bb_request_state(req);
        struct data_view view;
        struct sets_view all;
        size_t count = 0;

        while (set_at(state->tenant, count, &view) == BB_OK)
                count++;
        struct set_view *sets = BB_NEW_ARRAY(struct set_view, count + 1);

        for (size_t i = 0; set_at(state->tenant, i, &view) == BB_OK; i++)
                sets[i] = (struct set_view){.name = bb_cstr(view.set->name),
                                            .title = bb_cstr(view.set->title),
                                            .about = bb_cstr(view.set->about),
                                            .permission = bb_cstr(view.set->permission),
                                            .columns = columns_of(&view),
                                            .filters = filters_of(&view)};
        all.items = (struct bb_array){.items = sets, .count = count};
        bb_response_shape(res, &DataSets, &all);
        return BB_OK;
}
