-- Saved reports, their scheduled runs, what was exported, and links that work once.
create table report (
        tenant_id  text collate "C" not null,
        report_id  text collate "C" not null,
        document   text not null, -- JSON, as it was saved
        next_at    timestamptz,   -- when it is due by its schedule
        version    bigint not null default 1,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        primary key (tenant_id, report_id)
);
create index report_due on report (tenant_id, next_at) where next_at is not null;
select core.tenant_protect('report');

-- A period is exported once, whoever finds it due and however often.
create table report_run (
        tenant_id   text collate "C" not null,
        report_id   text collate "C" not null,
        period_from timestamptz not null,
        period_to   timestamptz not null,
        export_id   uuid not null,
        created_at  timestamptz not null default now(),
        primary key (tenant_id, report_id, period_from, period_to),
        foreign key (tenant_id, report_id) references report (tenant_id, report_id) on delete cascade
);
select core.tenant_protect('report_run');

-- Written with the event export.finished, so that it is told once even when the job runs again.
create table finished (
        tenant_id   text collate "C" not null,
        export_id   uuid not null,
        made        text not null, -- JSON
        finished_at timestamptz not null default now(),
        primary key (tenant_id, export_id)
);
create index finished_old on finished (tenant_id, finished_at);
select core.tenant_protect('finished');

-- sent: which bytes were, whatever the order in which their requests end. busy_until: somebody fetches it at the moment.
create table link (
        tenant_id  text collate "C" not null,
        link_id    uuid not null,
        export_id  uuid not null,
        secret_mac bytea not null,
        note       text,
        created_by text not null,
        created_at timestamptz not null default now(),
        expires_at timestamptz not null,
        sent       int8multirange not null default '{}',
        busy_until timestamptz not null default '-infinity',
        begun_at   timestamptz,
        used_at    timestamptz,
        revoked_at timestamptz,
        primary key (tenant_id, link_id),
        unique (tenant_id, secret_mac)
);
create index link_of_export on link (tenant_id, export_id, link_id);
create index link_old on link (tenant_id, expires_at);
select core.tenant_protect('link');
