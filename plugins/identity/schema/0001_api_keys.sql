-- API keys of machines and scripts. Only a keyed HMAC of the secret is kept; the id is the part that people may see.
create table identity.api_key (
        tenant_id    text not null default current_setting('busbar.tenant'),
        id           text not null,
        name         text not null,
        mac          bytea not null,
        scopes       text[] not null,
        created_at   timestamptz not null default now(),
        expires_at   timestamptz,
        revoked_at   timestamptz,
        last_used_at timestamptz,
        last_used_from text,
        primary key (tenant_id, id)
);
select core.tenant_protect('identity.api_key');
