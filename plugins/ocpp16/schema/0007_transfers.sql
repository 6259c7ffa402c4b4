-- Firmware that operators uploaded, and files on their way between a station and us: each has a URL of its own, which
-- ends. The files themselves are in the state folder, under the name in `file`.
create table ocpp16.firmware (
        tenant_id           text not null default current_setting('busbar.tenant'),
        id                  uuid not null,
        file                text not null,
        name                text not null, -- as stations see it at the end of the URL
        version             text,
        vendor              text, -- of the stations that it is for; null: any
        model               text,
        bytes               bigint not null,
        sha256              bytea not null,
        signature           text, -- base64, for SignedUpdateFirmware (Security Whitepaper §6.7)
        signing_certificate text, -- PEM
        created_at          timestamptz not null default now(),
        created_by          text not null,
        primary key (tenant_id, id)
);
select core.tenant_protect('ocpp16.firmware');

create table ocpp16.transfer (
        tenant_id    text not null default current_setting('busbar.tenant'),
        id           uuid not null,
        station_id   text not null,
        kind         text not null,
        state        text not null,
        firmware_id  uuid,
        token_mac    bytea not null, -- what the URL's token is checked against; the token itself is nowhere
        request_id   bigint,
        status       text, -- what the station said last
        detail       text,
        file         text, -- what a station uploaded; null: nothing yet, or it was removed
        name         text,
        bytes        bigint, -- of the whole file
        bytes_done   bigint not null default 0, -- how far a download has come
        sha256       bytea,
        created_at   timestamptz not null default now(),
        updated_at   timestamptz not null default now(),
        expires_at   timestamptz not null,
        completed_at timestamptz, -- the URL was used
        primary key (tenant_id, id),
        unique (tenant_id, token_mac),
        foreign key (tenant_id, firmware_id) references ocpp16.firmware (tenant_id, id)
);
create index transfer_by_station on ocpp16.transfer (tenant_id, station_id, id);
select core.tenant_protect('ocpp16.transfer');
