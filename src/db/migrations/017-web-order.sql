-- A statement that was stuck past the lease of whoever sent it must not put an old version over a newer one: an edit or a deletion
-- carries how many requests of its message were confirmed before it, and changes nothing once a later one has been written.
alter table web_messages add column sends integer not null default 0;
