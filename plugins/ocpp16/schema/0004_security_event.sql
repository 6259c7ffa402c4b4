-- What stations report of their own security (SecurityEventNotification), and what is noticed here about them. Only ever
-- added to. A station sends the same event again when it saw no answer.
create table ocpp16.security_event (
        tenant_id   text not null default current_setting('busbar.tenant'),
        id          uuid not null,
        station_id  text not null,
        type        text not null,
        at          timestamptz not null,
        tech_info   text not null default '',
        critical    boolean not null,
        noticed     boolean not null, -- here, not by the station
        received_at timestamptz not null default now(),
        primary key (tenant_id, id),
        unique (tenant_id, station_id, at, type, tech_info)
);
create index security_event_by_station on ocpp16.security_event (tenant_id, station_id, id);
select core.tenant_protect('ocpp16.security_event');
select core.append_only('ocpp16.security_event');
