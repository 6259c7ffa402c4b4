-- Every OCPP frame, by month. The key is the way in too: a station's frames of some time, newest first. id is unique within
-- a tenant and rises with time on one node. pair_id is the frame that answers this CALL, or the CALL that this answers.
create table ocpp16.message (
        tenant_id    text collate "C" not null,
        station_id   text collate "C" not null,
        at           timestamptz not null,
        id           bigint not null,
        epoch        bigint not null,
        outgoing     boolean not null,
        type         smallint not null, -- 2 CALL, 3 CALLRESULT, 4 CALLERROR, 0 unreadable
        action       text,
        message_id   text,
        connector_id bigint,
        payload      text not null,     -- secrets masked; not longer than the plugin keeps
        bytes        bigint not null,   -- of the whole frame
        cut          boolean not null,  -- the payload was longer than what is kept
        verdict      text,              -- ok, late, unreadable, or an error code; null: no answer (yet)
        latency_us   bigint,
        pair_id      bigint,
        primary key (tenant_id, station_id, at, id)
) partition by range (at);
select core.tenant_protect('ocpp16.message');
create index message_at on ocpp16.message using brin (at);
create table ocpp16.message_default partition of ocpp16.message default;
select core.tenant_protect('ocpp16.message_default');

-- All months of this release's life at once: partitions are made by migrations only, since the runtime role owns nothing.
do $$
declare
        month date;
        part text;
begin
        for month in select m::date from generate_series(date '2026-10-01', date '2031-12-01', interval '1 month') as m loop
                part := format('ocpp16.message_%s', to_char(month, 'YYYY_MM'));
                execute format('create table %s partition of ocpp16.message for values from (%L) to (%L)', part,
                               month::timestamp at time zone 'UTC', (month + interval '1 month') at time zone 'UTC');
                perform core.tenant_protect(part);
        end loop;
end $$;
