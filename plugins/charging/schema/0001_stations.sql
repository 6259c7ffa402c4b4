-- Where one can charge, with what, and who may. Ids compare byte by byte; uids of tokens without regard to ASCII case.
create table charging.location (
        tenant_id     text collate "C" not null,
        location_id   text collate "C" not null,
        name          text,
        address       text,
        city          text,
        postal_code   text,
        country       text,
        time_zone     text,
        latitude_e7   bigint check (latitude_e7 between -900000000 and 900000000),
        longitude_e7  bigint check (longitude_e7 between -1800000000 and 1800000000),
        created_at    timestamptz not null default now(),
        updated_at    timestamptz not null default now(),
        version       bigint not null default 1,
        primary key (tenant_id, location_id)
);
select core.tenant_protect('charging.location');

-- epoch is that of the connection that counts; epoch_last the newest that was given out. A connection is admitted
-- (epoch_last) before its driver has decided that it replaces the older one (epoch). Epochs begin with the time, so that a
-- station that was deleted and made again does not meet its own old ones.
create table charging.station (
        tenant_id           text collate "C" not null,
        station_id          text collate "C" not null,
        name                text,
        location_id         text collate "C",
        admission           smallint not null default 0 check (admission between 0 and 2),
        password_mac        bytea,
        driver              text,
        protocol            text,
        vendor              text,
        model               text,
        serial_number       text,
        firmware_version    text,
        iccid               text,
        imsi                text,
        meter_type          text,
        meter_serial_number text,
        online              boolean not null default false,
        remote              text,
        connected_at        timestamptz,
        disconnected_at     timestamptz,
        last_seen_at        timestamptz,
        lease_at            timestamptz, -- a node said that it holds the connection
        boot_at             timestamptz,
        clock_drift_ms      bigint not null default 0,
        epoch               bigint not null default 0,
        epoch_last          bigint not null default (extract(epoch from now()) * 1000)::bigint,
        created_at          timestamptz not null default now(),
        updated_at          timestamptz not null default now(),
        version             bigint not null default 1,
        primary key (tenant_id, station_id),
        foreign key (tenant_id, location_id) references charging.location (tenant_id, location_id)
) with (fillfactor = 70); -- room for the updates of last_seen_at within the page
create index station_by_location on charging.station (tenant_id, location_id) where location_id is not null;
create index station_pending on charging.station (tenant_id) where admission = 1;
select core.tenant_protect('charging.station');

create table charging.connector (
        tenant_id         text collate "C" not null,
        station_id        text collate "C" not null,
        connector_id      integer not null check (connector_id between 0 and 255),
        status            smallint not null default 0,
        error_code        text,
        info              text,
        vendor_id         text,
        vendor_error_code text,
        status_at         timestamptz,
        status_received_at timestamptz,
        label             text,
        plug              text,
        max_power_w       bigint not null default 0,
        version           bigint not null default 1,
        primary key (tenant_id, station_id, connector_id),
        foreign key (tenant_id, station_id) references charging.station (tenant_id, station_id) on delete cascade
);
select core.tenant_protect('charging.connector');

create table charging.token (
        tenant_id         text collate "C" not null,
        uid               text collate "C" not null,
        uid_key           text collate "C" not null generated always as (lower(uid)) stored,
        kind              smallint not null default 0 check (kind between 0 and 2),
        status            smallint not null default 0 check (status between 0 and 1),
        parent_uid        text collate "C",
        label             text,
        contract_id       text,
        expires_at        timestamptz,
        max_open_sessions integer not null default 0 check (max_open_sessions >= 0),
        created_at        timestamptz not null default now(),
        updated_at        timestamptz not null default now(),
        version           bigint not null default 1,
        primary key (tenant_id, uid_key)
);
select core.tenant_protect('charging.token');

-- Connections that were refused, at most 1000 a tenant: the oldest go.
create table charging.connection_attempt (
        tenant_id  text collate "C" not null,
        station_id text collate "C" not null,
        remote     text collate "C" not null,
        verdict    smallint not null,
        driver     text,
        detail     text,
        first_at   timestamptz not null,
        last_at    timestamptz not null,
        count      bigint not null default 1,
        primary key (tenant_id, station_id, remote, verdict)
);
create index connection_attempt_latest on charging.connection_attempt (tenant_id, last_at desc);
select core.tenant_protect('charging.connection_attempt');
