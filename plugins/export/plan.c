/* SPDX-License-Identifier: Apache-2.0
 *
 * A choice of columns and filters as one statement. Its text is put together from the constant texts of the data sets
 * alone; what somebody wrote becomes a parameter, or a remark.
 */
#include "sets.h"

void remark(struct remarks *remarks, bb_str pointer, bb_str text)
{
        if (remarks->count < BB_COUNT(remarks->items))
                remarks->items[remarks->count++] = (struct remark){.pointer = pointer, .text = text};
}

void check_title(bb_str title, bb_str pointer, struct remarks *remarks)
{
        static const char none[] = "\xEF\xBF\xBE", none_either[] = "\xEF\xBF\xBF"; /* U+FFFE, U+FFFF */
        int32_t odd = title.len > 0 && (memmem(title.ptr, title.len, none, 3) != NULL ||
                                        memmem(title.ptr, title.len, none_either, 3) != NULL);

        for (size_t i = 0; i < title.len; i++)
                odd |= (unsigned char)title.ptr[i] < ' ';
        if (odd)
                remark(remarks, pointer, BB_STR("must have no control characters"));
}

/* --- columns --- */

static const struct bb_data_column *column_named(const struct data_view *view, bb_str name, ptrdiff_t *ret_join)
{
        const struct bb_data_column *c;

        for (size_t i = 0; (c = view_column(view, i, ret_join)) != NULL; i++) {
                if (bb_str_is(name, c->name))
                        return c;
        }
        return NULL;
}

static const int32_t cell_kinds[] = {
        [BB_DATA_TEXT] = CELL_TEXT,         [BB_DATA_INT] = CELL_INT,    [BB_DATA_TIME] = CELL_TIME,
        [BB_DATA_DURATION] = CELL_DURATION, [BB_DATA_ENERGY] = CELL_KWH, [BB_DATA_MONEY] = CELL_MONEY,
        [BB_DATA_BOOL] = CELL_BOOL,         [BB_DATA_ENUM] = CELL_ENUM,  [BB_DATA_UUID] = CELL_UUID,
};

static void add_column(struct plan *plan, const struct bb_data_column *c, ptrdiff_t join, bb_str title)
{
        struct table_column *column = &plan->columns[plan->column_count];
        const char *separator = plan->column_count++ > 0 ? ", " : "select ";

        *column = (struct table_column){.name = c->name,
                                        .title = title.len > 0 ? bb_str_c(title) : c->title,
                                        .kind = cell_kinds[c->kind],
                                        .width = c->width,
                                        .values = c->values,
                                        .no_sum = c->no_sum};
        while (c->values != NULL && c->values[column->value_count] != NULL)
                column->value_count++;
        plan->sql = bb_print("%.*s%s%s", BB_FMT(plan->sql), separator, c->sql);
        if (join >= 0)
                plan->joined |= 1ull << join;
}

static int32_t is_twice(const struct choice *choice, size_t index)
{
        for (size_t i = 0; i < index; i++) {
                if (bb_str_eq(choice->columns[i].name, choice->columns[index].name))
                        return 1;
        }
        return 0;
}

/* Columns that need a permission of their own are usual for who has it. */
static int32_t is_usual(const struct plan *plan, const bb_request *who, const struct bb_data_column *c, ptrdiff_t join)
{
        const char *permission = join < 0 ? NULL : plan->view.joins[join]->permission;

        return c->is_default && (permission == NULL || (who != NULL && bb_request_allowed(who, permission)));
}

static void usual_columns(struct plan *plan, const bb_request *who)
{
        const struct bb_data_column *c;
        ptrdiff_t join;

        for (size_t i = 0; (c = view_column(&plan->view, i, &join)) != NULL && plan->column_count < MOST_COLUMNS; i++) {
                if (is_usual(plan, who, c, join))
                        add_column(plan, c, join, BB_NONE);
        }
}

static void choose_columns(struct plan *plan, const struct choice *choice, struct remarks *remarks)
{
        plan->columns = BB_NEW_ARRAY(struct table_column, MOST_COLUMNS);
        if (choice->column_count == 0)
                usual_columns(plan, choice->who);
        for (size_t i = 0; i < choice->column_count && i < MOST_COLUMNS; i++) {
                const struct chosen_column *chosen = &choice->columns[i];
                bb_str pointer = bb_print("/columns/%zu/name", i);
                ptrdiff_t join;
                const struct bb_data_column *c = column_named(&plan->view, chosen->name, &join);

                check_title(chosen->title, bb_print("/columns/%zu/title", i), remarks);
                if (c == NULL)
                        remark(remarks, pointer, bb_print("\"%s\" has no such column", plan->view.set->name));
                else if (is_twice(choice, i))
                        remark(remarks, pointer, BB_STR("is there already"));
                else
                        add_column(plan, c, join, chosen->title);
        }
}

/* --- filters --- */

static const struct bb_data_filter *filter_named(const struct data_view *view, bb_str name, ptrdiff_t *ret_join)
{
        const struct bb_data_filter *f;

        for (size_t i = 0; (f = view_filter(view, i, ret_join)) != NULL; i++) {
                if (bb_str_is(name, f->name))
                        return f;
        }
        return NULL;
}

static int32_t is_clean(bb_str s)
{
        for (size_t i = 0; i < s.len; i++) {
                if ((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 0x7f)
                        return 0;
        }
        return s.len >= 1 && s.len <= 255;
}

static int32_t is_uuid(bb_str s)
{
        for (size_t i = 0; i < s.len; i++) {
                if (i == 8 || i == 13 || i == 18 || i == 23 ? s.ptr[i] != '-'
                                                            : strchr("0123456789abcdefABCDEF", s.ptr[i]) == NULL)
                        return 0;
        }
        return s.len == 36;
}

/* Each returns NULL, or what is wrong. */
static const char *text_value(const struct bb_data_filter *f, const bb_json *value, struct bb_param *ret)
{
        bb_str text = bb_json_str(value);

        if (text.ptr == NULL || !is_clean(text))
                return "must be a text of 1 to 255 characters";
        if (f->is_uuid && !is_uuid(text))
                return "must be an id: a UUID";
        *ret = f->is_uuid ? BB_UUID(text) : BB_TEXT(text);
        return NULL;
}

static const char *int_value(const struct bb_data_filter *f, const bb_json *value, struct bb_param *ret)
{
        (void)f;
        if (bb_json_kind(value) != BB_J_INT)
                return "must be a whole number";
        *ret = BB_INT(bb_json_int(value, 0));
        return NULL;
}

static const char *bool_value(const struct bb_data_filter *f, const bb_json *value, struct bb_param *ret)
{
        (void)f;
        if (bb_json_kind(value) != BB_J_BOOL)
                return "must be true or false";
        *ret = BB_BOOL((int32_t)bb_json_int(value, 0));
        return NULL;
}

static const char *time_value(const struct bb_data_filter *f, const bb_json *value, struct bb_param *ret)
{
        static const int64_t year_1_ms = -62135596800000LL, year_10000_ms = 253402300800000LL;
        int64_t ms;

        (void)f;
        if (bb_json_str(value).ptr == NULL || bb_time_parse(bb_json_str(value), &ms) < 0 || ms < year_1_ms ||
            ms >= year_10000_ms)
                return "must be a time with its zone, as RFC 3339 has it: 2026-01-31T12:00:00Z";
        *ret = BB_TIME(ms);
        return NULL;
}

static const char *enum_value(const struct bb_data_filter *f, const bb_json *value, struct bb_param *ret)
{
        bb_str names = BB_NONE;

        for (int32_t i = 0; f->values[i] != NULL; i++) {
                if (bb_str_is(bb_json_str(value), f->values[i])) {
                        *ret = BB_INT(i);
                        return NULL;
                }
                names = bb_print("%.*s%s%s", BB_FMT(names), i > 0 ? ", " : "must be one of: ", f->values[i]);
        }
        return names.ptr;
}

static const char *filter_value(const struct bb_data_filter *f, const bb_json *value, struct bb_param *ret)
{
        static const struct {
                int32_t type;
                const char *(*read)(const struct bb_data_filter *, const bb_json *, struct bb_param *ret);
        } readers[] = {{BB_T_STR, text_value},
                       {BB_T_INT, int_value},
                       {BB_T_BOOL, bool_value},
                       {BB_T_TIME, time_value},
                       {BB_T_ENUM, enum_value}};

        for (size_t i = 0; i < BB_COUNT(readers); i++) {
                if (readers[i].type == f->type)
                        return readers[i].read(f, value, ret);
        }
        return "cannot be filtered by";
}

/* The condition with the number of its parameter in the place of each "$?". */
static bb_str numbered(const char *condition, size_t number)
{
        bb_str out = BB_STR("(");
        const char *mark;

        for (; (mark = strstr(condition, "$?")) != NULL; condition = mark + 2)
                out = bb_print("%.*s%.*s$%zu", BB_FMT(out), (int)(mark - condition), condition, number);
        return bb_print("%.*s%s)", BB_FMT(out), condition);
}

static void add_filter(struct plan *plan, const struct chosen_filter *chosen, bb_str *where, struct remarks *remarks)
{
        struct bb_param *param = &plan->params[plan->param_count];
        ptrdiff_t join;
        const struct bb_data_filter *f = filter_named(&plan->view, chosen->name, &join);
        const char *fault = f == NULL ? NULL : filter_value(f, chosen->value, param);

        if (f == NULL || fault != NULL) {
                remark(remarks, chosen->pointer,
                       f == NULL ? bb_print("\"%s\" has no such filter", plan->view.set->name) : bb_cstr(fault));
                return;
        }
        *where = bb_print("%.*s%s%.*s", BB_FMT(*where), plan->param_count > 0 ? " and " : " where ",
                          BB_FMT(numbered(f->condition, plan->param_count + 1)));
        plan->param_count++;
        if (join >= 0)
                plan->filtered |= 1ull << join;
        if (bb_str_is(chosen->name, "from"))
                plan->from_ms = param->num;
        if (bb_str_is(chosen->name, "to"))
                plan->to_ms = param->num;
}

static void check_period(const struct plan *plan, const struct choice *choice, struct remarks *remarks)
{
        if (plan->from_ms == 0 || plan->to_ms == 0 || plan->to_ms > plan->from_ms)
                return;
        for (size_t i = 0; i < choice->filter_count; i++) {
                if (bb_str_is(choice->filters[i].name, "to"))
                        remark(remarks, choice->filters[i].pointer, BB_STR("must be later than from"));
        }
}

/* --- the whole --- */

static bb_str from_clause(const struct plan *plan, uint64_t joined)
{
        bb_str from = bb_print(" from %s", plan->view.set->from);

        for (size_t i = 0; i < plan->view.join_count; i++) {
                if (joined >> i & 1u)
                        from = bb_print("%.*s %s", BB_FMT(from), plan->view.joins[i]->join);
        }
        return from;
}

bb_err plan_make(const bb_tenant *tenant, const struct choice *choice, struct plan *ret, struct remarks *remarks)
{
        bb_str where = BB_STR("");

        *ret = (struct plan){.sql = BB_STR("")};
        if (set_named(tenant, choice->dataset, &ret->view) < 0) {
                remark(remarks, BB_STR("/dataset"), BB_STR("there is no such data set here; see /v1/datasets"));
                return BB_E_INVALID;
        }
        choose_columns(ret, choice, remarks);
        for (size_t i = 0; i < choice->filter_count; i++)
                add_filter(ret, &choice->filters[i], &where, remarks);
        check_period(ret, choice, remarks);
        if (remarks->count > 0)
                return BB_E_INVALID;
        ret->joined |= ret->filtered;
        /* A join takes no rows away and adds none. */
        ret->count_sql = bb_print("select count(*)%.*s%.*s", BB_FMT(from_clause(ret, ret->filtered)), BB_FMT(where));
        ret->sql = bb_print("%.*s%.*s%.*s order by %s", BB_FMT(ret->sql), BB_FMT(from_clause(ret, ret->joined)),
                            BB_FMT(where), ret->view.set->order);
        return BB_OK;
}

static bb_err use_join(struct plan *plan, const void *found, ptrdiff_t join)
{
        if (found == NULL)
                return BB_E_NOT_FOUND;
        plan->joined |= join >= 0 ? 1ull << join : 0;
        return BB_OK;
}

bb_err choice_joins(const bb_tenant *tenant, const struct choice *choice, struct plan *ret)
{
        const void *found;
        ptrdiff_t join;

        ret->joined = 0;
        TRY(set_named(tenant, choice->dataset, &ret->view));
        for (size_t i = 0; i < choice->column_count; i++) {
                found = column_named(&ret->view, choice->columns[i].name, &join);
                TRY(use_join(ret, found, join));
        }
        for (size_t i = 0; i < choice->filter_count; i++) {
                found = filter_named(&ret->view, choice->filters[i].name, &join);
                TRY(use_join(ret, found, join));
        }
        return BB_OK;
}

const char *plan_denied(const struct plan *plan, const bb_request *req)
{
        if (!bb_request_allowed(req, plan->view.set->permission))
                return plan->view.set->permission;
        for (size_t i = 0; i < plan->view.join_count; i++) {
                const char *permission = plan->view.joins[i]->permission;

                if ((plan->joined >> i & 1u) && permission != NULL && !bb_request_allowed(req, permission))
                        return permission;
        }
        return NULL;
}
