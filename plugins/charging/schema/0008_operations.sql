-- Commands to stations, followed to their effect, and the same command for many. A command is a row before it is sent.
-- What is secret in a payload is masked; the whole one is kept sealed as long as it may still have to be sent.
create table charging.bulk (
        tenant_id         text collate "C" not null,
        bulk_id           uuid not null,
        actor             text not null,
        action            text not null,
        payload           jsonb not null,
        sealed            bytea,
        flags             integer not null default 0,
        state             smallint not null default 0 check (state between 0 and 4),
        rate_per_second   integer not null check (rate_per_second > 0),
        max_failures      bigint not null default 0,
        timeout_ms        bigint not null default 0,
        effect_timeout_ms bigint not null default 0,
        expires_at        timestamptz not null,
        total             bigint not null default 0,
        job_id            uuid not null, -- the one that sends; an older one that still runs stops
        created_at        timestamptz not null,
        ended_at          timestamptz,
        version           bigint not null default 1,
        primary key (tenant_id, bulk_id)
);
create index bulk_running on charging.bulk (tenant_id) where state = 0;
select core.tenant_protect('charging.bulk');

-- waits: for its station to come back, and to be sent then. lasting: it goes on after a restart. epoch: of the
-- connection over which it was sent; no later one can bring its answer. effects_done: bits, by place in the driver's
-- plan.
create table charging.operation (
        tenant_id         text collate "C" not null,
        operation_id      uuid not null,
        station_id        text collate "C" not null,
        action            text not null,
        actor             text not null,
        bulk_id           uuid,
        payload           jsonb, -- null: that of its bulk
        sealed            bytea,
        flags             integer not null default 0,
        timeout_ms        bigint not null default 0,
        effect_timeout_ms bigint not null default 0,
        state             smallint not null default 0 check (state between 0 and 8),
        lasting           boolean not null default false,
        waits             boolean not null default false,
        unchanged         boolean not null default false,
        outcome           smallint not null default -1,
        answer            jsonb,
        error_code        text,
        error_text        text,
        summary           text,
        session_id        uuid,
        latency_ms        bigint not null default 0,
        epoch             bigint,
        firmware_before   text,
        effects_done      bigint not null default 0,
        created_at        timestamptz not null,
        expires_at        timestamptz not null,
        sent_at           timestamptz,
        answered_at       timestamptz,
        deadline_at       timestamptz,
        ended_at          timestamptz,
        steps             jsonb not null default '[]',
        version           bigint not null default 1,
        primary key (tenant_id, operation_id),
        foreign key (tenant_id, station_id) references charging.station (tenant_id, station_id) on delete cascade,
        foreign key (tenant_id, bulk_id) references charging.bulk (tenant_id, bulk_id) on delete cascade
) with (fillfactor = 70);
create index operation_by_station on charging.operation (tenant_id, station_id, operation_id);
create index operation_by_bulk on charging.operation (tenant_id, bulk_id, state, operation_id) where bulk_id is not null;
create index operation_open on charging.operation (tenant_id, operation_id) where state < 3;
select core.tenant_protect('charging.operation');
