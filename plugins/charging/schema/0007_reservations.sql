-- Reservations. A connector has one at most that is live (requested of the station, or active). Ids are OCPP's: positive and
-- int32, unique in the tenant, and not countable.
create sequence charging.reservation_number as bigint minvalue 0 maxvalue 2147483646 start 0 cycle;

create table charging.reservation (
        tenant_id           text collate "C" not null,
        reservation_id      integer not null, -- those made by hand may be any
        station_id          text collate "C" not null,
        connector_id        integer not null check (connector_id between 0 and 255),
        token_uid           text collate "C" not null,
        parent_uid          text collate "C",
        expires_at          timestamptz not null,
        state               smallint not null check (state between 0 and 5),
        answer              text, -- the station's
        session_id          uuid, -- that used it
        conflict_session_id uuid, -- of another token, on the reserved connector
        created_at          timestamptz not null default now(),
        ended_at            timestamptz,
        primary key (tenant_id, reservation_id),
        foreign key (tenant_id, station_id) references charging.station (tenant_id, station_id) on delete cascade
);
create unique index reservation_connector on charging.reservation (tenant_id, station_id, connector_id)
        where state in (0, 1) and connector_id > 0;
create index reservation_live on charging.reservation (tenant_id, station_id) where state in (0, 1);
create index reservation_due on charging.reservation (tenant_id, expires_at) where state in (0, 1);
create index reservation_by_time on charging.reservation (tenant_id, created_at, reservation_id);
select core.tenant_protect('charging.reservation');
