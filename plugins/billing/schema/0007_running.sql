-- What runs, so that a quota is counted without a look at every session: whose, since when, and what it had used when its own
-- limits were last looked at.
alter table session
        add column token_uid     text collate "C" not null default '',
        add column token_key     text collate "C" not null generated always as (lower(token_uid)) stored,
        add column started_at    timestamptz,
        add column running       boolean not null default false,
        add column energy_mwh    bigint not null default 0,
        add column payable_minor bigint not null default 0;
create index session_running on session (tenant_id, contract_id, started_at) where running;
