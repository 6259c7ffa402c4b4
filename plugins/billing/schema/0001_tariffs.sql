-- Tariffs. Each change is a new version; a session keeps the one with which it began, so none is ever changed or removed.
create table tariff (
        tenant_id  text collate "C" not null,
        tariff_id  text collate "C" not null,
        version    bigint not null,
        retired    boolean not null default false,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        primary key (tenant_id, tariff_id)
);
select core.tenant_protect('tariff');

create table tariff_version (
        tenant_id text collate "C" not null,
        tariff_id text collate "C" not null,
        version   bigint not null,
        document  text not null, -- as OCPI 2.3.0 writes it, checked before it was saved
        saved_at  timestamptz not null default now(),
        primary key (tenant_id, tariff_id, version),
        foreign key (tenant_id, tariff_id) references tariff (tenant_id, tariff_id)
);
select core.tenant_protect('tariff_version');
select core.append_only('tariff_version');
