-- Limits of sessions, from their contract: watched until they are reached or the session has ended. Rows outlive restarts, and
-- whichever node finds one due acts on it.
create table session_limit (
        tenant_id      text collate "C" not null,
        session_id     uuid not null,
        kind           bigint not null,   -- LIMIT_…
        station_id     text collate "C" not null,
        connector_id   bigint not null,
        transaction_id bigint not null,
        source         bigint not null default 0, -- LIMIT_OF_…: the contract's own limit, or what its quota left
        most           bigint not null,   -- ms, mWh, smallest unit of the currency
        warn_at        bigint not null,   -- the same
        at_limit       bigint not null,   -- AT_LIMIT_…
        keeps_milli    bigint not null default 0, -- of power, when it is throttled: mA or mW
        keeps_unit     bigint not null default 0, -- BB_RATE_…
        state          bigint not null default 0, -- LIMIT_ARMED, _WARNED, _REACHED, _OVER
        told           boolean not null default false, -- the station has been asked to keep it by itself
        next_at        timestamptz not null,
        warned_at      timestamptz,
        reached_at     timestamptz,
        primary key (tenant_id, session_id, kind, source)
);
create index session_limit_due on session_limit (tenant_id, next_at) where state < 3;
create index session_limit_over on session_limit (tenant_id, next_at) where state = 3;
create index session_limit_place on session_limit (tenant_id, station_id, connector_id) where state < 3;
select core.tenant_protect('session_limit');
