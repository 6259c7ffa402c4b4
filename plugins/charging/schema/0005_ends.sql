-- Sessions that end otherwise than by their station's stop, and clocks that are wrong.
-- state 3: closed by a rule, or by an operator; its stop may still come, and it has no account yet.
-- *_told_at: what the station's clock said, where the time beside it was corrected. end_received_at stays null until the
-- station's own stop comes.
alter table charging.session
        add column start_told_at timestamptz,
        add column end_told_at timestamptz,
        add column closed_by text,
        add column closed_at timestamptz,
        add column settled_by text,
        add column settled_at timestamptz,
        add column settled_note text,
        drop constraint session_state_check,
        add constraint session_state_check check (state between 0 and 3);

-- A start that is sent again is the same start: by what the station said, whatever we made of it.
drop index charging.session_start_once;
create unique index session_start_once on charging.session
        (tenant_id, station_id, connector_id, token_key, (coalesce(start_told_at, started_at)), meter_start_wh);
create index session_closed on charging.session (tenant_id, closed_at) where state = 3;
create index session_in_review on charging.session (tenant_id, started_at, session_id) where state = 2;

-- What became of a report that was kept aside. state 0: somebody should look, 1: settled, 2: dismissed.
alter table charging.aside
        add column state smallint not null default 0 check (state between 0 and 2),
        add column session_id uuid,
        add column settled_by text,
        add column settled_at timestamptz,
        add column settled_note text,
        add column version bigint not null default 1;
create index aside_open on charging.aside (tenant_id, aside_id) where state = 0;
