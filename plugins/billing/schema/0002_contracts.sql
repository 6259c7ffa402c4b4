-- Contracts: who charges where by which tariff and on what terms. Each change is a new version, kept for the sessions that
-- began under it.
create table contract (
        tenant_id   text collate "C" not null,
        contract_id text collate "C" not null,
        version     bigint not null,
        retired     boolean not null default false,
        created_at  timestamptz not null default now(),
        updated_at  timestamptz not null default now(),
        primary key (tenant_id, contract_id)
);
select core.tenant_protect('contract');

create table contract_version (
        tenant_id   text collate "C" not null,
        contract_id text collate "C" not null,
        version     bigint not null,
        document    text not null,
        saved_at    timestamptz not null default now(),
        primary key (tenant_id, contract_id, version),
        foreign key (tenant_id, contract_id) references contract (tenant_id, contract_id)
);
select core.tenant_protect('contract_version');
select core.append_only('contract_version');

-- The rules of the versions in force, for finding the most specific one. Kinds rise with how specific they are; 0 is
-- everybody, or everywhere.
create table contract_rule (
        tenant_id    text collate "C" not null,
        contract_id  text collate "C" not null,
        position     bigint not null,
        who_kind     bigint not null,
        who_value    text collate "C" not null,
        where_kind   bigint not null,
        where_value  text collate "C" not null,
        min_power_w  bigint not null,
        max_power_w  bigint not null, -- exclusive
        days         bigint not null, -- bit 0: Monday; of the session's start, by the location's clock
        from_minute  bigint not null, -- of that day
        until_minute bigint not null, -- exclusive; before from_minute: past midnight
        valid_from   timestamptz,
        valid_until  timestamptz,     -- exclusive
        primary key (tenant_id, contract_id, position),
        foreign key (tenant_id, contract_id) references contract (tenant_id, contract_id)
);
create index contract_rule_who on contract_rule (tenant_id, who_kind, who_value);
select core.tenant_protect('contract_rule');
