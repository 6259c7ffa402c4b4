-- Tenants, durable events, jobs, the audit log and idempotency keys. core.migration is made by the program itself.

-- The tenant of the running transaction. Fails when nobody set it: it is unknown in a fresh session, and empty in one
-- that had it set before.
create function core.no_tenant() returns text language plpgsql stable parallel safe as $$
begin
        raise exception 'no tenant is set' using errcode = 'insufficient_privilege';
end $$;

create function core.tenant() returns text language sql stable parallel safe as $$
        select case pg_catalog.current_setting('busbar.tenant') when '' then core.no_tenant()
                else pg_catalog.current_setting('busbar.tenant') end
$$;

-- Keeps a table's rows apart by tenant, for everybody, its owner included. Reading, the tenant is looked up once per
-- statement; writing, per row. A row without a tenant_id gets that of the transaction.
create function core.tenant_protect(rel regclass) returns void language plpgsql as $$
begin
        if not exists (select from pg_attribute where attrelid = rel and attname = 'tenant_id'
                        and atttypid = 'text'::regtype and attnotnull and not attisdropped) then
                raise exception '% needs a column "tenant_id text not null"', rel;
        end if;
        execute format('alter table %s alter tenant_id set default core.tenant()', rel);
        execute format('alter table %s enable row level security', rel);
        execute format('alter table %s force row level security', rel);
        execute format('create policy tenant on %s using (tenant_id = (select core.tenant()))'
                ' with check (tenant_id = core.tenant())', rel);
end $$;

-- A table to which rows are only ever added. The runtime role does not even get the right to change them.
create function core.refuse_change() returns trigger language plpgsql as $$
begin
        raise exception '% is append only', tg_relid::regclass using errcode = 'insufficient_privilege';
end $$;

create function core.append_only(rel regclass) returns void language plpgsql as $$
begin
        execute format('create trigger append_only before update or delete or truncate on %s'
                ' for each statement execute function core.refuse_change()', rel);
end $$;

-- A fact. Delivered in the order of (xid, seq) once every transaction with a smaller xid has ended, so that a cursor
-- never passes one that commits later.
create table core.event (
        tenant_id text not null,
        xid xid8 not null default pg_current_xact_id(),
        seq bigint generated always as identity,
        id uuid not null,
        topic text not null,
        key text not null,
        payload jsonb not null,
        created_at timestamptz not null default now(),
        primary key (tenant_id, xid, seq)
);
create index event_age on core.event (tenant_id, created_at);
select core.tenant_protect('core.event');

-- How far each subscribing plugin has come, and which node delivers.
create table core.event_cursor (
        tenant_id text not null,
        plugin text not null,
        xid xid8 not null,
        seq bigint not null,
        attempts integer not null default 0, -- at the event after the cursor
        retry_at timestamptz,
        owner text,
        lease_until timestamptz not null default '-infinity',
        seen_at timestamptz not null default now(),
        primary key (tenant_id, plugin)
);
select core.tenant_protect('core.event_cursor');

create table core.dead_letter (
        tenant_id text not null,
        id uuid not null,
        event_id uuid not null,
        plugin text not null,
        topic text not null,
        key text not null,
        payload jsonb not null,
        created_at timestamptz not null,
        died_at timestamptz not null default now(),
        attempts integer not null,
        error text not null,
        replay_at timestamptz, -- somebody asked to try again
        primary key (tenant_id, id),
        unique (tenant_id, event_id, plugin)
);
create index dead_letter_age on core.dead_letter (tenant_id, died_at desc, id desc);
create index dead_letter_replay on core.dead_letter (tenant_id, plugin, replay_at) where replay_at is not null;
select core.tenant_protect('core.dead_letter');

-- state: 0 queued, 1 running, 2 succeeded, 3 failed, 4 cancelled
create table core.job (
        tenant_id text not null,
        id uuid not null,
        type text not null,
        state smallint not null default 0,
        params jsonb not null,
        result jsonb,
        error text,
        done bigint not null default 0,
        total bigint not null default 0,
        attempts integer not null default 0,
        cancel boolean not null default false,
        created_at timestamptz not null default now(),
        started_at timestamptz,
        ended_at timestamptz,
        not_before timestamptz not null default '-infinity',
        owner text,
        lease_until timestamptz not null default '-infinity',
        primary key (tenant_id, id)
);
create index job_age on core.job (tenant_id, created_at desc, id desc);
create index job_open on core.job (tenant_id, created_at, id) where state in (0, 1);
select core.tenant_protect('core.job');

create table core.audit (
        tenant_id text not null,
        seq bigint generated always as identity,
        at timestamptz not null default now(),
        actor text not null,
        action text not null,
        object text not null,
        details jsonb,
        primary key (tenant_id, seq)
);
create index audit_object on core.audit (tenant_id, object, seq desc);
select core.tenant_protect('core.audit');
select core.append_only('core.audit');

create table core.idempotency (
        tenant_id text not null,
        actor text not null,
        route text not null,
        key text not null,
        digest bytea not null,
        status integer, -- null while the first request is under way
        headers text,
        body bytea,
        created_at timestamptz not null default clock_timestamp(),
        primary key (tenant_id, actor, route, key)
);
create index idempotency_age on core.idempotency (tenant_id, created_at);
select core.tenant_protect('core.idempotency');
