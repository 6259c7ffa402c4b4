-- The tenant's certificate authority: one signs, older ones stay trusted until they end. sealed_key is sealed by the host.
create table ocpp16.authority (
        tenant_id   text not null default current_setting('busbar.tenant'),
        id          uuid not null,
        certificate text not null, -- PEM: the one that signs, then those above it
        sealed_key  bytea not null,
        subject     text not null,
        serial      text not null,
        fingerprint text not null,
        not_before  timestamptz not null,
        not_after   timestamptz not null,
        imported    boolean not null,
        active      boolean not null,
        created_at  timestamptz not null default now(),
        primary key (tenant_id, id)
);
create unique index authority_active on ocpp16.authority (tenant_id) where active;
select core.tenant_protect('ocpp16.authority');

-- What stations want signed (SignCertificate). The same request again is the same row.
-- state: 0 held for an operator, 1 approved, 2 signed, 3 rejected
create table ocpp16.certificate_request (
        tenant_id    text not null default current_setting('busbar.tenant'),
        id           uuid not null,
        station_id   text not null,
        csr          text not null,
        csr_digest   bytea not null,
        common_name  text,
        organization text,
        key          text,
        state        smallint not null check (state between 0 and 3),
        note         text,
        decided_by   text,
        created_at   timestamptz not null default now(),
        decided_at   timestamptz,
        tried_at     timestamptz,
        primary key (tenant_id, id),
        unique (tenant_id, station_id, csr_digest)
);
create index certificate_request_by_station on ocpp16.certificate_request (tenant_id, station_id, id);
create index certificate_request_open on ocpp16.certificate_request (tenant_id, state) where state < 2;
select core.tenant_protect('ocpp16.certificate_request');

-- What was signed.
-- state: 0 on its way to the station, 1 the station took it, 2 the station refused it, 3 revoked
create table ocpp16.certificate (
        tenant_id    text not null default current_setting('busbar.tenant'),
        id           uuid not null,
        request_id   uuid not null,
        authority_id uuid not null,
        station_id   text not null,
        certificate  text not null,
        subject      text not null,
        serial       text not null,
        fingerprint  text not null,
        not_before   timestamptz not null,
        not_after    timestamptz not null,
        state        smallint not null check (state between 0 and 3),
        note         text,
        created_at   timestamptz not null default now(),
        told_at      timestamptz, -- the station answered CertificateSigned
        revoked_at   timestamptz,
        tried_at     timestamptz,
        tries        integer not null default 0,
        renewal_at   timestamptz, -- the station was asked for a new request
        primary key (tenant_id, id),
        unique (tenant_id, serial),
        unique (tenant_id, request_id),
        foreign key (tenant_id, request_id) references ocpp16.certificate_request (tenant_id, id),
        foreign key (tenant_id, authority_id) references ocpp16.authority (tenant_id, id)
);
create index certificate_by_station on ocpp16.certificate (tenant_id, station_id, id);
create index certificate_undelivered on ocpp16.certificate (tenant_id) where state = 0;
create index certificate_ends on ocpp16.certificate (tenant_id, not_after) where state = 1;
select core.tenant_protect('ocpp16.certificate');
