/* SPDX-License-Identifier: Apache-2.0
 *
 * What somebody wants: the shapes of reports and orders, and one as a choice.
 */
#include "export.h"

const char *const formats[] = {"xlsx", "csv", "ndjson", NULL};
static const char *const everies[] = {"day", "week", "month", NULL};

static const struct bb_field column_fields[] = {
        FIELD(chosen_column, name, "name", BB_T_STR, .flags = BB_REQUIRED, .min = 1, .max = 64),
        FIELD(chosen_column, title, "title", BB_T_STR, .min = 1, .max = 100,
              .about = "Its head; the usual one when absent."),
};
BB_SHAPE(ExportColumn, chosen_column, 0, "A column of a data set.", column_fields);

static const struct bb_field schedule_fields[] = {
        FIELD(schedule, every, "every", BB_T_ENUM, .flags = BB_REQUIRED, .values = everies,
              .about = "It is about the day, week (from Monday) or month that was over last."),
        FIELD(schedule, at, "at", BB_T_STR, .min = 5, .max = 5, .fallback = "06:00",
              .about = "When, by the clock on the wall in the report's time zone."),
        FIELD(schedule, day, "day", BB_T_INT, .min = 1, .max = 28, .fallback = "1",
              .about = "Of the week (1: Monday, to 7) or of the month (1 to 28)."),
};
static BB_SHAPE(ReportSchedule, schedule, 0, "When a report is made by itself.", schedule_fields);

#define READONLY .flags = BB_READONLY
static const struct bb_field report_fields[] = {
        TERMS(terms, .flags = BB_REQUIRED),
        FIELD(terms, schedule, "schedule", BB_T_OBJECT, .flags = BB_PTR | BB_NULLABLE, .shape = &ReportSchedule),
        FIELD(terms, id, "id", BB_T_STR, READONLY),
        FIELD(terms, version, "version", BB_T_INT, READONLY),
        FIELD(terms, created_ms, "created_at", BB_T_TIME, READONLY),
        FIELD(terms, updated_ms, "updated_at", BB_T_TIME, READONLY),
        FIELD(terms, next_ms, "next_run_at", BB_T_TIME, READONLY),
};
BB_SHAPE(Report, terms, 0, "A report: what is exported, how, and when.", report_fields);

static const struct bb_field order_fields[] = {
        TERMS(export_order, .flags = BB_REQUIRED),
        FIELD(export_order, report, "report", BB_T_STR),
        FIELD(export_order, from_ms, "from", BB_T_TIME),
        FIELD(export_order, to_ms, "to", BB_T_TIME),
        FIELD(export_order, scheduled, "scheduled", BB_T_BOOL),
};
BB_SHAPE(ExportOrder, export_order, BB_SHAPE_OPEN, "What a job exports.", order_fields);
enum { O_FORMAT = 4, O_FROM = 8, O_TO, O_SCHEDULED };

/* --- as a choice --- */

void choice_add(struct choice *choice, bb_str name, bb_json *value, bb_str pointer)
{
        size_t at = 0;

        while (at < choice->filter_count && !bb_str_eq(choice->filters[at].name, name))
                at++;
        if (at == MOST_FILTERS)
                return;
        choice->filters[at] = (struct chosen_filter){.name = name, .value = value, .pointer = pointer};
        if (at == choice->filter_count)
                choice->filter_count++;
}

/* RFC 6901: "~" and "/" of a name are escaped. */
static bb_str pointer_to(bb_str name)
{
        char *out = bb_alloc(2 * name.len + 1);
        size_t n = 0;

        for (size_t i = 0; i < name.len; i++) {
                char c = name.ptr[i];

                out[n++] = c == '/' ? '~' : c;
                if (c == '~' || c == '/')
                        out[n++] = c == '~' ? '0' : '1';
        }
        return bb_print("/filters/%.*s", (int)n, out);
}

void choice_of(const struct bb_array *columns, bb_json *filters, struct choice *ret, struct remarks *remarks)
{
        bb_json *value;
        bb_str name;

        ret->columns = columns->items;
        ret->column_count = columns->count;
        if (filters == NULL)
                return;
        if (bb_json_kind(filters) != BB_J_OBJECT || bb_json_count(filters) > MOST_FILTERS) {
                remark(remarks, BB_STR("/filters"), BB_STR("must be an object with at most 32 members"));
                return;
        }
        for (size_t i = 0; i < bb_json_count(filters); i++) {
                if (bb_json_member(filters, i, &name, &value) == BB_OK)
                        choice_add(ret, name, value, pointer_to(name));
        }
}

/* --- decided --- */

/* As they were chosen, or the usual ones of today by name: what plugins add later does not come in unasked. */
static struct bb_array columns_of(const struct bb_array *chosen, const struct plan *plan)
{
        struct chosen_column *columns = BB_NEW_ARRAY(struct chosen_column, MOST_COLUMNS);

        if (chosen->count > 0)
                return *chosen;
        for (size_t i = 0; i < plan->column_count; i++)
                columns[i] = (struct chosen_column){.name = bb_cstr(plan->columns[i].name)};
        return (struct bb_array){.items = columns, .count = plan->column_count};
}

static bb_json *filters_json(const struct choice *choice)
{
        bb_json *object = bb_json_new_object();

        for (size_t i = 0; i < choice->filter_count; i++)
                bb_json_set(object, bb_str_c(choice->filters[i].name), choice->filters[i].value);
        return object;
}

void order_scheduled(struct export_order *order, bb_str report)
{
        order->report = report;
        order->scheduled = 1;
        order->present |= 1u << O_SCHEDULED;
}

void order_of(const bb_tenant *tenant, const struct terms *terms, const struct choice *choice, const struct plan *plan,
              struct export_order *ret, struct remarks *remarks)
{
        const bb_zone *zone;

        *ret = (struct export_order){
                .report = BB_NONE,
                .title = terms->title,
                .dataset = choice->dataset,
                .columns = columns_of(&terms->columns, plan),
                .filters = filters_json(choice),
                .format = terms->format,
                .time_zone = terms->time_zone.len > 0 ? terms->time_zone : bb_tenant_option(tenant, "time_zone"),
                .language = terms->language.len > 0 ? terms->language : bb_tenant_option(tenant, "language"),
                .from_ms = plan->from_ms,
                .to_ms = plan->to_ms,
                .present = 1u << O_FORMAT};
        ret->present |= plan->from_ms != 0 ? 1u << O_FROM : 0;
        ret->present |= plan->to_ms != 0 ? 1u << O_TO : 0;
        check_title(ret->title, BB_STR("/title"), remarks);
        if (bb_zone_open(ret->time_zone, &zone) < 0)
                remark(remarks, BB_STR("/time_zone"), BB_STR("must be the IANA name of a time zone: Europe/Berlin"));
}

int32_t language_has_comma(bb_str language)
{
        static const char *const commas[] = {"bg", "cs", "da", "de", "el", "es", "et", "fi", "fr", "hr",
                                             "hu", "is", "it", "lt", "lv", "nb", "nl", "nn", "no", "pl",
                                             "pt", "ro", "ru", "sk", "sl", "sr", "sv", "tr", "uk"};
        static const char *const points[] = {"de-CH", "de-LI", "it-CH", "es-MX", "es-US"};

        for (size_t i = 0; i < BB_COUNT(points); i++) {
                if (bb_str_is(language, points[i]))
                        return 0;
        }
        for (size_t i = 0; i < BB_COUNT(commas) && language.len >= 2; i++) {
                if (memcmp(language.ptr, commas[i], 2) == 0 && (language.len == 2 || language.ptr[2] == '-'))
                        return 1;
        }
        return 0;
}

/* --- answers --- */

bb_err remarks_answer(bb_response *res, const struct remarks *remarks)
{
        if (remarks->count == 0)
                return BB_OK;
        for (size_t i = 0; i < remarks->count; i++)
                bb_problem_field(res, remarks->items[i].pointer, remarks->items[i].text);
        return bb_problem(res, BB_E_INVALID, 422, "validation-failed", BB_STR("This cannot be exported."));
}

bb_err plan_allowed(bb_request *req, bb_response *res, const struct plan *plan)
{
        const char *permission = plan_denied(plan, req);

        if (permission == NULL)
                return BB_OK;
        return bb_problem(res, BB_E_DENIED, 403, "forbidden",
                          bb_print("This data needs the permission %s.", permission));
}

int32_t order_allowed(const bb_request *req, const bb_tenant *tenant, const struct export_order *order)
{
        struct remarks remarks = {.count = 0};
        struct choice choice = {.dataset = order->dataset};
        struct plan plan;

        choice_of(&order->columns, order->filters, &choice, &remarks);
        return choice_joins(tenant, &choice, &plan) == BB_OK && plan_denied(&plan, req) == NULL;
}
