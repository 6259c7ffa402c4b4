-- What a session is priced by, from its start on.
create table session (
        tenant_id        text collate "C" not null,
        session_id       uuid not null,
        tariff_id        text collate "C" not null,
        tariff_version   bigint not null,
        contract_id      text collate "C", -- null: the tenant's default tariff
        contract_version bigint,
        time_zone        text not null, -- of the location, IANA
        frozen_at        timestamptz not null default now(),
        primary key (tenant_id, session_id),
        foreign key (tenant_id, tariff_id, tariff_version) references tariff_version (tenant_id, tariff_id, version),
        foreign key (tenant_id, contract_id, contract_version)
                references contract_version (tenant_id, contract_id, version)
);
select core.tenant_protect('session');

-- The states of connectors, by the stations' own time: what was charging and what was parking. Kept for as long as sessions
-- may still be priced.
create table connector_state (
        tenant_id    text collate "C" not null,
        station_id   text collate "C" not null,
        connector_id bigint not null,
        at           timestamptz not null,
        status       smallint not null,
        primary key (tenant_id, station_id, connector_id, at, status)
);
create index connector_state_old on connector_state (tenant_id, at);
select core.tenant_protect('connector_state');

-- Priced CDRs: never changed. charging has one CDR a session, so there is one price.
create table cdr (
        tenant_id      text collate "C" not null,
        cdr_id         uuid not null,
        session_id     uuid not null,
        tariff_id      text collate "C" not null,
        tariff_version bigint not null,
        currency       text not null,
        payable_minor  bigint not null,
        account        text not null, -- JSON, as GET /v1/sessions/{id}/price shows it
        created_at     timestamptz not null default now(),
        primary key (tenant_id, cdr_id),
        unique (tenant_id, session_id)
);
select core.tenant_protect('cdr');
select core.append_only('cdr');
