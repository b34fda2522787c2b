-- Files of messages, each stored once. In their own table, so that reading and writing rows of `messages` stays cheap.
create table files (
  -- SHA-256 of the bytes, in hexadecimal.
  hash text primary key,
  bytes bytea not null,
  -- When a handler last stored it; it is kept while a message refers to it, and at least as long as messages are.
  made_at timestamptz not null default clock_timestamp()
);

-- The hashes of its files.
alter table messages add column files text[];
create index messages_files on messages using gin (files) where files is not null;
