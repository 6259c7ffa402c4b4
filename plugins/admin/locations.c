/* SPDX-License-Identifier: Apache-2.0
 *
 * /v1/locations: the sites where stations stand.
 */
#include "admin.h"

#define AT(member) .offset = offsetof(struct bb_location, member)
#define DEGREES(name_, member, most)                                                                                   \
        {                                                                                                              \
                .name = (name_), .type = BB_T_DECIMAL, .flags = BB_NULLABLE, AT(member), .scale = 7, .min = -(most),   \
                .max = (most)                                                                                          \
        }
#define WRITABLE(name_flags)                                                                                           \
        {.name = "name", .type = BB_T_STR, .flags = (name_flags), AT(name), .min = 1, .max = 255},                     \
                {.name = "address", .type = BB_T_STR, .flags = BB_NULLABLE, AT(address), .max = 255},                  \
                {.name = "city", .type = BB_T_STR, .flags = BB_NULLABLE, AT(city), .max = 100},                        \
                {.name = "postal_code", .type = BB_T_STR, .flags = BB_NULLABLE, AT(postal_code), .max = 10},           \
                {.name = "country",                                                                                    \
                 .type = BB_T_STR,                                                                                     \
                 .flags = BB_NULLABLE,                                                                                 \
                 AT(country),                                                                                          \
                 .min = 3,                                                                                             \
                 .max = 3,                                                                                             \
                 .about = "ISO 3166-1 alpha-3, as in OCPI: DEU."},                                                     \
                {.name = "time_zone",                                                                                  \
                 .type = BB_T_STR,                                                                                     \
                 .flags = BB_NULLABLE,                                                                                 \
                 AT(time_zone),                                                                                        \
                 .max = 64,                                                                                            \
                 .about = "IANA name: Europe/Berlin."},                                                                \
                DEGREES("latitude", latitude_e7, 900000000), DEGREES("longitude", longitude_e7, 1800000000)

#define READABLE                                                                                                       \
        {.name = "id", .type = BB_T_STR, .flags = BB_READONLY, AT(id)},                                                \
                {.name = "created_at", .type = BB_T_TIME, .flags = BB_READONLY, AT(created_ms)},                       \
        {                                                                                                              \
                .name = "updated_at", .type = BB_T_TIME, .flags = BB_READONLY, AT(updated_ms)                          \
        }

static const struct bb_field fields[] = {WRITABLE(BB_REQUIRED), READABLE};
BB_SHAPE(Location, bb_location, 0, "A site where stations stand.", fields);

static const struct bb_field change_fields[] = {WRITABLE(0), READABLE};
BB_SHAPE(LocationChange, bb_location, 0, "Members left out stay as they are; null removes one.", change_fields);

BB_AWAIT bb_err locations_list(bb_request *req, bb_response *res)
{
        struct page page;
        struct bb_location *items;
        size_t count;

        TRY(page_of(req, res, &page));
        TRY(charging->location_list(page.after, page.limit, &items, &count));
        page_send(res, &Location, items, count, &page, count > 0 ? items[count - 1].id : BB_NONE);
        return BB_OK;
}

BB_AWAIT bb_err location_read(bb_request *req, bb_response *res)
{
        struct bb_location location;

        TRY(charging->location_get(bb_request_param(req, "id"), &location));
        return object_send(req, res, &Location, &location, location.version);
}

BB_AWAIT bb_err location_write(bb_request *req, bb_response *res)
{
        bb_str id = bb_request_param(req, "id");
        struct bb_location before, location;
        const bb_zone *zone;
        int64_t if_version;
        int32_t created;
        bb_err err = charging->location_get(id, &before);

        if (err < 0 && err != BB_E_NOT_FOUND)
                return err;
        TRY(version_wanted(req, res, err == BB_OK, before.version, &if_version));
        TRY(body_over(req, res, &Location, err == BB_OK ? &before : NULL, &location));
        if (location.time_zone.len > 0 && bb_zone_open(location.time_zone, &zone) < 0) {
                bb_problem_field(res, BB_STR("/time_zone"),
                                 BB_STR("must be the IANA name of a time zone: Europe/Berlin"));
                return bb_problem(res, BB_E_INVALID, 422, "validation-failed", BB_STR("No such time zone."));
        }
        location.id = id;
        TRY(charging->location_put(bb_request_actor(req), &location, if_version, &created));
        TRY(charging->location_get(id, &location));
        changed_send(req, res, &Location, &location, location.version, created,
                     bb_print("/v1/locations/%.*s", BB_FMT(path_segment(id))));
        return BB_OK;
}

BB_AWAIT bb_err location_remove(bb_request *req, bb_response *res)
{
        bb_str id = bb_request_param(req, "id");
        struct bb_location before;
        int64_t if_version;
        bb_err err;

        TRY(charging->location_get(id, &before));
        TRY(version_wanted(req, res, 1, before.version, &if_version));
        err = charging->location_delete(bb_request_actor(req), id, if_version);
        if (err == BB_E_CONFLICT)
                return bb_problem(res, err, 409, "location-in-use",
                                  BB_STR("Stations stand at this location. Move them first."));
        if (err == BB_OK)
                bb_response_status(res, 204);
        return err;
}
