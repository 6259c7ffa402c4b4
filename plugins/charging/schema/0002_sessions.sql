-- Charging sessions, their samples and final accounts. Times come in pairs: the station's account, and when we received it.
create sequence charging.transaction_number as bigint minvalue 0 maxvalue 2147483646 start 0 cycle;

create table charging.session (
        tenant_id         text collate "C" not null,
        session_id        uuid not null,
        station_id        text collate "C" not null,
        connector_id      bigint not null,
        transaction_id    integer not null check (transaction_id > 0),
        location_id       text collate "C",
        token_uid         text collate "C" not null,
        token_key         text collate "C" not null generated always as (lower(token_uid)) stored,
        parent_uid        text collate "C",
        state             smallint not null default 0 check (state between 0 and 2),
        started_at        timestamptz not null,
        start_received_at timestamptz not null,
        ended_at          timestamptz,
        end_received_at   timestamptz,
        meter_start_wh    bigint not null,
        meter_stop_wh     bigint,
        energy_wh         bigint not null default 0,
        energy_at         timestamptz,
        power_w           bigint not null default 0,
        power_at          timestamptz,
        soc_percent       bigint not null default 0,
        soc_at            timestamptz,
        sample_count      bigint not null default 0,
        late_sample_count bigint not null default 0,
        last_sample_at    timestamptz,
        reservation_id    bigint,
        stop_reason       text,
        stop_token_uid    text collate "C",
        auth_status       smallint not null,
        review            text,
        version           bigint not null default 1,
        primary key (tenant_id, session_id),
        foreign key (tenant_id, station_id) references charging.station (tenant_id, station_id)
) with (fillfactor = 70); -- samples update the row; no index holds a column that they change
-- A start that is sent again is the same start.
create unique index session_start_once on charging.session
        (tenant_id, station_id, connector_id, token_key, started_at, meter_start_wh);
create unique index session_transaction on charging.session (tenant_id, transaction_id);
create index session_by_time on charging.session (tenant_id, started_at, session_id);
create index session_by_station on charging.session (tenant_id, station_id, started_at, session_id);
create index session_by_token on charging.session (tenant_id, token_key, started_at, session_id);
create index session_open on charging.session (tenant_id, started_at, session_id) where state = 0;
create index session_open_station on charging.session (tenant_id, station_id, connector_id) where state = 0;
create index session_open_token on charging.session (tenant_id, token_key) where state = 0;
select core.tenant_protect('charging.session');

create table charging.cdr (
        tenant_id    text collate "C" not null,
        cdr_id       uuid not null,
        session_id   uuid not null,
        station_id   text collate "C" not null,
        location_id  text collate "C",
        token_uid    text collate "C" not null,
        connector_id bigint not null,
        started_at   timestamptz not null,
        ended_at     timestamptz not null,
        energy_wh    bigint not null check (energy_wh >= 0),
        duration_s   bigint not null check (duration_s >= 0),
        created_at   timestamptz not null,
        primary key (tenant_id, cdr_id),
        unique (tenant_id, session_id), -- one bill per session
        foreign key (tenant_id, session_id) references charging.session (tenant_id, session_id)
);
select core.tenant_protect('charging.cdr');

-- Reports that fit no session: acknowledged, kept, never billed by themselves. digest: the same report again is one row.
create table charging.aside (
        tenant_id      text collate "C" not null,
        aside_id       uuid not null,
        station_id     text collate "C" not null,
        kind           text not null,
        reason         text not null,
        transaction_id bigint not null,
        digest         uuid not null,
        raw            jsonb not null,
        first_at       timestamptz not null,
        last_at        timestamptz not null,
        count          bigint not null default 1,
        primary key (tenant_id, aside_id),
        unique (tenant_id, station_id, digest)
);
create index aside_latest on charging.aside (tenant_id, last_at);
select core.tenant_protect('charging.aside');
