-- Which reservation a session used.
create index reservation_by_session on charging.reservation (tenant_id, session_id) where session_id is not null;
