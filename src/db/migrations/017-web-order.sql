-- A statement that was stuck until its sender had lost the lease must not overwrite a newer version: an edit or deletion contains the
-- number of confirmed requests of its message before it, and changes nothing once a later one has been written.
alter table web_messages add column sends integer not null default 0;
