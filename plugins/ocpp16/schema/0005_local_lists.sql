-- The tenant's authorization list as its stations should have it, and how far each of them is (OCPP 1.6 §3.5.2). Every change
-- of a token gets a revision of its own, one after the other; the revision of the newest change is the listVersion that
-- stations are given. So a station's version says which changes it lacks.
create table ocpp16.list_head (
        tenant_id     text collate "C" not null,
        revision      bigint not null default 1, -- 0 means "no list" to a station
        floor         bigint not null default 0, -- removals up to here are forgotten: a station below needs a full list
        policy        smallint not null default 0,
        reconciled_at timestamptz,
        primary key (tenant_id)
);
select core.tenant_protect('ocpp16.list_head');

create table ocpp16.list_token (
        tenant_id  text collate "C" not null,
        uid_key    text collate "C" not null,
        uid        text collate "C" not null,
        removed    boolean not null,
        blocked    boolean not null,
        parent_uid text collate "C",
        expires_at timestamptz,
        revision   bigint not null,
        changed_at timestamptz not null default now(),
        primary key (tenant_id, uid_key)
);
create unique index list_token_revision on ocpp16.list_token (tenant_id, revision);
create index list_token_removed on ocpp16.list_token (tenant_id, changed_at) where removed;
select core.tenant_protect('ocpp16.list_token');

-- version: what an answer confirmed of ours; null: unknown, so the next list is a full one. sent_version: on its way, and not
-- answered. told_version: what the station said last.
create table ocpp16.local_list (
        tenant_id    text collate "C" not null,
        station_id   text collate "C" not null,
        state        smallint not null default 0 check (state between 0 and 2), -- 0 fine so far, 1 failed, 2 unsupported
        version      bigint,
        sent_version bigint,
        told_version bigint,
        ask          boolean not null default true, -- before the next list the station is asked for its version
        attempts     integer not null default 0,    -- that failed in a row
        last_error   text,
        asked_at     timestamptz,
        synced_at    timestamptz,
        updated_at   timestamptz not null default now(),
        primary key (tenant_id, station_id)
);
select core.tenant_protect('ocpp16.local_list');

-- What a station's configuration says of its limits (OCPP 1.6 §9), as far as Busbar goes by it. null: it does not say.
create table ocpp16.capability (
        tenant_id          text collate "C" not null,
        station_id         text collate "C" not null,
        list_enabled       boolean,
        list_max           bigint,
        list_send_max      bigint,
        reserve_zero       boolean,
        profile_level_max  bigint,
        profile_period_max bigint,
        profile_max        bigint,
        rate_units         text, -- as told: "Current,Power"
        read_at            timestamptz not null,
        primary key (tenant_id, station_id)
);
select core.tenant_protect('ocpp16.capability');
