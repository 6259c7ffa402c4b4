-- How a station has to connect, at least (Security Whitepaper section 2), and its passwords: a password of hexadecimal digits
-- is right as the bytes that it stands for, too; next_ is one that was sent to the station and not used yet.
alter table charging.station
        add column security_profile smallint not null default 0 check (security_profile between 0 and 3),
        add column password_mac_hex bytea,
        add column next_mac         bytea,
        add column next_mac_hex     bytea;
