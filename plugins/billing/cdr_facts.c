/* SPDX-License-Identifier: Apache-2.0
 *
 * Who charged and where, as a CDR tells it: as it was when the session began (OCPI §mod_cdrs_cdr_object), so it is
 * written down then. Ids of parties and of EVSEs by eMI3 are roaming's, and are added by who sends the CDR.
 */
#include "cdr.h"

struct facts_token {
        uint64_t present;
        bb_str uid, type, contract_id;
};
static const struct bb_field token_fields[] = {
        FIELD(facts_token, uid, "uid", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(facts_token, type, "type", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(facts_token, contract_id, "contract_id", BB_T_STR),
};
static BB_SHAPE(CdrToken, facts_token, 0, "OCPI CdrToken.", token_fields);

struct facts_point {
        uint64_t present;
        bb_str latitude, longitude;
};
static const struct bb_field point_fields[] = {
        FIELD(facts_point, latitude, "latitude", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(facts_point, longitude, "longitude", BB_T_STR, .flags = BB_REQUIRED),
};
static BB_SHAPE(CdrCoordinates, facts_point, 0, "OCPI GeoLocation.", point_fields);

struct facts_location {
        uint64_t present;
        bb_str id, name, address, city, postal_code, country, time_zone, station_id, connector_id, connector_standard;
        struct facts_point *coordinates;
};
static const struct bb_field location_fields[] = {
        FIELD(facts_location, id, "id", BB_T_STR),
        FIELD(facts_location, name, "name", BB_T_STR),
        FIELD(facts_location, address, "address", BB_T_STR),
        FIELD(facts_location, city, "city", BB_T_STR),
        FIELD(facts_location, postal_code, "postal_code", BB_T_STR),
        FIELD(facts_location, country, "country", BB_T_STR),
        FIELD(facts_location, coordinates, "coordinates", BB_T_OBJECT, .flags = BB_PTR, .shape = &CdrCoordinates),
        FIELD(facts_location, station_id, "station_id", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(facts_location, connector_id, "connector_id", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(facts_location, connector_standard, "connector_standard", BB_T_STR),
        FIELD(facts_location, time_zone, "time_zone", BB_T_STR),
};
static BB_SHAPE(CdrLocation, facts_location, 0, "OCPI CdrLocation, with the station and its time zone.",
                location_fields);

struct facts {
        uint64_t present;
        struct facts_token token;
        bb_str auth_method, meter_id;
        struct facts_location location;
};
static const struct bb_field facts_fields[] = {
        FIELD(facts, token, "cdr_token", BB_T_OBJECT, .flags = BB_REQUIRED, .shape = &CdrToken),
        FIELD(facts, auth_method, "auth_method", BB_T_STR, .flags = BB_REQUIRED),
        FIELD(facts, location, "cdr_location", BB_T_OBJECT, .flags = BB_REQUIRED, .shape = &CdrLocation),
        FIELD(facts, meter_id, "meter_id", BB_T_STR),
};
static BB_SHAPE(CdrFacts, facts, 0, "Who charged, and where.", facts_fields);

/* A card was on the list, whose ever it is; an app sent a command. Nobody else is asked yet. */
static const struct {
        const char *type, *auth_method;
} kinds[] = {[BB_TOKEN_RFID] = {"RFID", "WHITELIST"},
             [BB_TOKEN_APP] = {"APP_USER", "COMMAND"},
             [BB_TOKEN_REMOTE] = {"OTHER", "COMMAND"},
             [BB_TOKEN_AD_HOC] = {"AD_HOC_USER", "COMMAND"},
             [BB_TOKEN_ROAMING] = {"RFID", "WHITELIST"}};

static BB_AWAIT bb_err take_token(bb_str uid, struct facts *f)
{
        struct bb_token token;
        bb_err err = charging->token_get(uid, &token);

        f->token = (struct facts_token){.uid = uid, .type = BB_STR("OTHER")};
        f->auth_method = BB_STR("WHITELIST");
        if (err == BB_E_NOT_FOUND) /* unknown tokens have sessions, too */
                return BB_OK;
        TRY(err);
        if (token.kind < 0 || (size_t)token.kind >= BB_COUNT(kinds))
                return BB_OK;
        f->token.type = bb_cstr(kinds[token.kind].type);
        f->auth_method = bb_cstr(kinds[token.kind].auth_method);
        f->token.contract_id = token.contract_id;
        return BB_OK;
}

static const struct {
        const char *plug, *standard;
} standards[] = {{"type1", "IEC_62196_T1"},      {"type2", "IEC_62196_T2"}, {"ccs1", "IEC_62196_T1_COMBO"},
                 {"ccs2", "IEC_62196_T2_COMBO"}, {"chademo", "CHADEMO"},    {"nacs", "SAE_J3400"}};

static bb_str standard_of(bb_str plug)
{
        for (size_t i = 0; i < BB_COUNT(standards); i++) {
                if (bb_str_is(plug, standards[i].plug))
                        return bb_cstr(standards[i].standard);
        }
        return BB_NONE;
}

static BB_AWAIT bb_err take_station(bb_str station_id, int64_t connector_id, struct facts *f)
{
        const struct bb_connector *connectors;
        struct bb_station station;
        bb_err err = charging->station_get(station_id, &station);

        f->location.station_id = station_id;
        f->location.connector_id = bb_print("%lld", (long long)connector_id);
        if (err == BB_E_NOT_FOUND) /* it is gone by now */
                return BB_OK;
        TRY(err);
        f->meter_id = station.meter_serial_number;
        connectors = station.connectors.items;
        for (size_t i = 0; i < station.connectors.count; i++) {
                if (connectors[i].connector_id == connector_id)
                        f->location.connector_standard = standard_of(connectors[i].plug);
        }
        return BB_OK;
}

static bb_str degrees(int64_t e7)
{
        int64_t size = e7 < 0 ? -e7 : e7;

        return bb_print("%s%lld.%07lld", e7 < 0 ? "-" : "", (long long)(size / 10000000), (long long)(size % 10000000));
}

static BB_AWAIT bb_err take_location(bb_str id, struct facts *f)
{
        struct facts_location *to = &f->location;
        struct bb_location l;
        bb_err err;

        if (id.len == 0)
                return BB_OK;
        to->id = id;
        err = charging->location_get(id, &l);
        if (err == BB_E_NOT_FOUND)
                return BB_OK;
        TRY(err);
        to->name = l.name;
        to->address = l.address;
        to->city = l.city;
        to->postal_code = l.postal_code;
        to->country = l.country;
        if (l.latitude_e7 != 0 || l.longitude_e7 != 0) {
                to->coordinates = BB_NEW(struct facts_point);
                to->coordinates->latitude = degrees(l.latitude_e7);
                to->coordinates->longitude = degrees(l.longitude_e7);
        }
        return BB_OK;
}

BB_AWAIT bb_err cdr_facts_now(const struct cdr_who *who, bb_str *ret_json)
{
        struct facts f = {.location.time_zone = who->time_zone};

        TRY(take_token(who->token_uid, &f));
        TRY(take_station(who->station_id, who->connector_id, &f));
        TRY(take_location(who->location_id, &f));
        *ret_json = bb_shape_encode_text(&CdrFacts, &f);
        return BB_OK;
}
