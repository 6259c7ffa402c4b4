-- What stations sent in DataTransfer messages of vendors that nobody here understands (yet).
create table ocpp16.data_transfer (
        tenant_id   text not null default current_setting('busbar.tenant'),
        station_id  text not null,
        id          uuid not null,
        vendor_id   text not null,
        message_id  text,
        data        jsonb,
        received_at timestamptz not null default now(),
        primary key (tenant_id, station_id, id)
);
select core.tenant_protect('ocpp16.data_transfer');
