-- A token that changes changes what those may whose parent it is.
create index token_by_parent on charging.token (tenant_id, lower(parent_uid)) where parent_uid is not null;
