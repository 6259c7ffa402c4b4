-- Contracts with a quota or a cooldown, so that tenants without any are never asked for them.
alter table contract add column restricts boolean not null default false;
