-- Files that messages show, once each however many messages name them: rows of messages would be read and written with them.
create table files (
  -- SHA-256 of the bytes, in hexadecimal.
  hash text primary key,
  bytes bytea not null,
  -- When a handler made it last; it is kept while a message names it, and as long as messages are.
  made_at timestamptz not null default clock_timestamp()
);

-- The hashes of the files that it shows.
alter table messages add column files text[];
create index messages_files on messages using gin (files) where files is not null;
