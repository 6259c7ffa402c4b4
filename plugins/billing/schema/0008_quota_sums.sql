-- A quota of a whole contract adds up its CDRs of a month: from the index alone.
drop index cdr_by_contract;
create index cdr_by_contract on cdr (tenant_id, contract_id, started_at)
        include (kind, session_id, time_ms, energy_mwh, payable_minor);
create index session_running_token on session (tenant_id, token_key) where running;
