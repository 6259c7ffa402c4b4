-- Charging profiles that stations have (state 1), or may have, since their answer did not come (state 0). profile is what was
-- sent: OCPP's csChargingProfiles.
create table ocpp16.charging_profile (
        tenant_id      text collate "C" not null,
        station_id     text collate "C" not null,
        profile_id     integer not null,
        state          smallint not null check (state between 0 and 1),
        connector_id   integer not null,
        purpose        smallint not null check (purpose between 0 and 2),
        stack_level    bigint not null,
        transaction_id bigint not null default 0, -- of a TxProfile: resolved when the message did not name it
        profile        jsonb not null,
        set_at         timestamptz not null default now(),
        primary key (tenant_id, station_id, profile_id, state)
);
-- The same purpose and stack level replaces (OCPP 1.6 §5.16); each connector has its own.
create unique index charging_profile_place on ocpp16.charging_profile
        (tenant_id, station_id, connector_id, purpose, stack_level, transaction_id) where state = 1;
create index charging_profile_tx on ocpp16.charging_profile (tenant_id) where purpose = 2;
select core.tenant_protect('ocpp16.charging_profile');
