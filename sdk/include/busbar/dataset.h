/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract "dataset/1": what exports are made of. A plugin that owns tables tells of them in constant tables, and
 * who exports asks bb_host_->provider() for all of them. SQL is made of these texts alone; values are parameters.
 * Everything runs under row security, so no text names the tenant but in the conditions of joins.
 *
 * Tables of other plugins are never named: a column that needs one comes from that plugin, as a join.
 */
#ifndef BUSBAR_DATASET_H
#define BUSBAR_DATASET_H

#include <busbar/types.h>

/* For the tables; further members as designated initialisers behind. */
#define BB_DATA_COLUMN(name_, title_, kind_, width_, sql_, ...)                                                        \
        {                                                                                                              \
                .name = (name_), .title = (title_), .sql = (sql_), .kind = (kind_), .width = (width_), ##__VA_ARGS__   \
        }
#define BB_DATA_FILTER(name_, type_, condition_, ...)                                                                  \
        {                                                                                                              \
                .name = (name_), .type = (type_), .condition = (condition_), ##__VA_ARGS__                             \
        }
#define BB_DATA_TABLES(columns_, filters_)                                                                             \
        .columns = (columns_), .column_count = BB_COUNT(columns_), .filters = (filters_),                              \
        .filter_count = BB_COUNT(filters_)

/* What a column's SQL gives, and so how it is written. */
enum {
        BB_DATA_TEXT = 0,
        BB_DATA_INT = 1,      /* bigint, integer or smallint; so are the following ones */
        BB_DATA_TIME = 2,     /* timestamptz */
        BB_DATA_DURATION = 3, /* milliseconds */
        BB_DATA_ENERGY = 4,   /* watt-hours, written as kWh */
        BB_DATA_MONEY = 5,    /* ten-thousandths of the currency's unit */
        BB_DATA_BOOL = 6,     /* boolean */
        BB_DATA_ENUM = 7,     /* an index into `values` */
        BB_DATA_UUID = 8      /* uuid */
};

struct bb_data_column {
        const char *name;   /* for programs, unique in its set with all that is joined: "energy_kwh" */
        const char *title;  /* for people, the head of the column: "Energy (kWh)" */
        const char *sql;    /* "s.energy_wh" */
        int32_t kind;       /* BB_DATA_… */
        int32_t width;      /* in characters */
        int32_t is_default; /* there when nobody chooses; a join's for who has its permission alone */
        int32_t no_sum;     /* durations, energies and money are summed by month otherwise: a price per kWh is not */
        const char *const *values; /* BB_DATA_ENUM: the names, ended by NULL */
        const char *about;         /* a sentence, or NULL */
        uint64_t room[2];
};

struct bb_data_filter {
        const char *name;      /* "station"; "from" and "to" are the period that reports are run for */
        int32_t type;          /* BB_T_STR, BB_T_INT, BB_T_BOOL, BB_T_TIME or BB_T_ENUM (its index) */
        int32_t is_uuid;       /* BB_T_STR: it is passed as uuid, and must be one */
        const char *condition; /* "s.station_id = $?"; each $? is the value */
        const char *const *values;
        const char *about;
        uint64_t room[2];
};

struct bb_data_set {
        const char *name, *title; /* "sessions", "Sessions" */
        const char *about;
        const char *from;       /* "charging.session s" */
        const char *order;      /* "s.started_at, s.session_id" */
        const char *permission; /* that its list has: "sessions:read" */
        const struct bb_data_column *columns;
        const struct bb_data_filter *filters;
        uint32_t column_count, filter_count;
        uint64_t room[4];
};

/* More columns and filters for a set, one's own or somebody else's. Joined when one of them is used, "left join" with
 * at most one row to each of the set's: rows are counted without it. Aliases are all of one statement: begin yours with
 * your plugin's name, unless the set is yours. */
struct bb_data_join {
        const char *set;        /* "sessions" */
        const char *join;       /* "left join billing.cdr p on p.tenant_id = s.tenant_id and …" */
        const char *permission; /* needed besides the set's; NULL: none */
        const struct bb_data_column *columns;
        const struct bb_data_filter *filters;
        uint32_t column_count, filter_count;
        uint64_t room[4];
};

/* Plugins provide "dataset/1"; the host's own sets are "host_dataset/1". */
struct bb_dataset_ops {
        uint32_t size;
        uint32_t reserved;
        const struct bb_data_set *sets;
        size_t set_count;
        const struct bb_data_join *joins;
        size_t join_count;
};

#endif
