-- What is being counted, one a room. A row goes when its count is over.
create table countdowns (
  id integer generated always as identity primary key,
  connector text not null,
  room text not null,
  -- Who began it, as they were then: account, name, and the person if the account was listed.
  began jsonb not null,
  down boolean not null,
  length integer not null,
  -- Number k is due k seconds after this, whatever happens meanwhile.
  started_at timestamptz not null,
  -- Seconds from one number to the next: more than 1 where the platform is too slow.
  step integer not null default 1,
  -- Numbers up to this one have been handed to the core, to be sent at their second.
  planned integer not null default 0,
  -- Numbers before this one that were not sent have been spoken of, so that it is said once.
  told integer not null default 0,
  unique (connector, room)
);
