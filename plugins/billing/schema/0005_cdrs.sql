-- What is charged, as lists, exports, quotas and partners need it. A CDR is never changed: what was wrong is taken back by a
-- credit CDR, and a replacement stands for it. The numbers of a credit have the opposite sign, so that sums are right.
-- kind 0: a session's; 1: a credit; 2: a replacement; 3: an expired reservation's, which has no session.
-- Ten-thousandths of the currency's unit end in _e4.
alter table cdr
        alter column session_id drop not null,
        drop constraint cdr_tenant_id_session_id_key,
        add column kind             smallint not null default 0 check (kind between 0 and 3),
        add column credit_of        uuid,   -- kind 1: the CDR that it takes back; 2: the one that it stands for
        add column reason           text,   -- of a credit and its replacement
        add column reservation_id   bigint, -- paid for in this CDR
        add column contract_id      text collate "C", -- ours; null: the tenant's default tariff
        add column contract_version bigint,
        add column token_uid        text collate "C" not null,
        add column token_key        text collate "C" not null generated always as (lower(token_uid)) stored,
        add column station_id       text collate "C" not null,
        add column connector_id     bigint not null,
        add column location_id      text collate "C",
        add column started_at       timestamptz not null,
        add column ended_at         timestamptz not null,
        add column energy_mwh       bigint not null,
        add column time_ms          bigint not null, -- with parking, without reservation
        add column parking_ms       bigint not null,
        add column reservation_ms   bigint not null,
        add column net_e4           bigint not null,
        add column vat_e4           bigint, -- null: the tax is not known, or none was named
        add column gross_e4         bigint,
        add column document         text not null, -- JSON, members of OCPI's CDR object
        add check (session_id is not null or reservation_id is not null),
        add check ((credit_of is not null) = (kind in (1, 2)));
create unique index cdr_of_session on cdr (tenant_id, session_id) where kind = 0;
create unique index cdr_of_reservation on cdr (tenant_id, reservation_id) where kind = 3;
create unique index cdr_credited_once on cdr (tenant_id, credit_of, kind) where credit_of is not null;
create index cdr_by_session on cdr (tenant_id, session_id, cdr_id);
create index cdr_by_token on cdr (tenant_id, token_key, started_at);
create index cdr_by_contract on cdr (tenant_id, contract_id, started_at);
create index cdr_by_start on cdr (tenant_id, started_at, cdr_id);

-- Who charged and where, as it was when the session began: for its CDR.
alter table session add column facts text;

-- The lines of the accounts.
create view cdr_line with (security_invoker = true) as
select c.tenant_id, c.cdr_id, l.number as line, l.item ->> 'kind' as kind, l.item ->> 'for' as used_for,
        l.item ->> 'component' as component, split_part(l.item ->> 'component', '/', 3)::bigint as element,
        ((l.item ->> 'energy_kwh')::numeric * 1000000)::bigint as energy_mwh,
        ((l.item ->> 'step_rounding_kwh')::numeric * 1000000)::bigint as energy_rounding_mwh,
        ((l.item ->> 'time_s')::numeric * 1000)::bigint as time_ms,
        ((l.item ->> 'step_rounding_s')::numeric * 1000)::bigint as time_rounding_ms,
        ((l.item ->> 'price')::numeric * 1000000)::bigint as price_micro,
        ((l.item ->> 'vat_percent')::numeric * 10000)::bigint as vat_millionths,
        ((l.item #>> '{amount,excl_vat}')::numeric * 10000)::bigint as net_e4,
        ((l.item #>> '{amount,vat}')::numeric * 10000)::bigint as vat_e4,
        ((l.item #>> '{amount,incl_vat}')::numeric * 10000)::bigint as gross_e4
from billing.cdr c
cross join lateral jsonb_array_elements(c.account::jsonb #> '{account,lines}') with ordinality as l (item, number);
