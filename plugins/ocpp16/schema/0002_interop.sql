-- What stations' messages needed to be understood (kind 'repair': rule is one of the plugin's), and what they were
-- refused for (kind 'fault': rule is the CALLERROR's code).
create table ocpp16.interop (
        tenant_id   text not null default current_setting('busbar.tenant'),
        station_id  text not null,
        kind        text not null,
        rule        text not null,
        action      text not null,
        count       bigint not null,
        first_at    timestamptz not null,
        last_at     timestamptz not null,
        example     text not null default '',
        primary key (tenant_id, station_id, kind, rule, action)
);
select core.tenant_protect('ocpp16.interop');
