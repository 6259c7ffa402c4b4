-- Which process holds a station's connection. A process that lives renews one row, however many stations it holds;
-- when it does not, the stations that it held are offline.
create table node_lease (
        tenant_id  text not null,
        node       text not null, -- one run of the plugin for this tenant
        renewed_at timestamptz not null, -- by the clock of the database, which all of them share
        primary key (tenant_id, node)
);
select core.tenant_protect('node_lease');

alter table station add column node text;
alter table station drop column lease_at;
