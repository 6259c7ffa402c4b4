-- What samples are of, each combination once: what follows repeats a number instead of six texts. Rows are never changed
-- or deleted, since they are remembered outside.
create table charging.sample_kind (
        tenant_id text collate "C" not null,
        kind_id   integer not null generated always as identity,
        measurand text collate "C" not null,
        phase     text collate "C" not null,
        location  text collate "C" not null,
        context   text collate "C" not null,
        unit      text collate "C" not null,
        format    text collate "C" not null,
        primary key (tenant_id, kind_id),
        unique (tenant_id, measurand, phase, location, context, unit, format)
);
select core.tenant_protect('charging.sample_kind');

-- Samples, by month of the station's own time: the same sample sent again meets its own key in the same partition. The
-- default partition takes what lies outside the months made so far: clocks that stand at 1970 or run ahead by years.
-- Partitions are reached through charging.sample alone.
-- session_id is the nil UUID for samples of a connector that belong to no transaction. digest covers everything but
-- the time, the station, connector and value included.
create table charging.sample (
        tenant_id    text collate "C" not null,
        session_id   uuid not null,
        at           timestamptz not null,
        received_at  timestamptz not null,
        digest       uuid not null,
        connector_id bigint not null,
        kind_id      integer not null,
        station_id   text collate "C" not null,
        value        text not null,
        primary key (tenant_id, session_id, at, digest)
) partition by range (at);
select core.tenant_protect('charging.sample');
create table charging.sample_default partition of charging.sample default;
select core.tenant_protect('charging.sample_default');

-- All months of this release's life at once: the runtime role owns nothing, and no function runs with its owner's rights,
-- so partitions are made by migrations only. A later one adds years, long before the default partition fills.
do $$
declare
        month date;
        part text;
begin
        for month in select m::date from generate_series(date '2025-01-01', date '2031-12-01', interval '1 month') as m loop
                part := format('charging.sample_%s', to_char(month, 'YYYY_MM'));
                execute format('create table %s partition of charging.sample for values from (%L) to (%L)', part,
                               month::timestamp at time zone 'UTC', (month + interval '1 month') at time zone 'UTC');
                perform core.tenant_protect(part);
        end loop;
end $$;
