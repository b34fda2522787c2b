-- Somebody is to be reached, by one account after another, until one shows the message. The message itself is a row of
-- `messages` in the room that stands for the conversation with that account.
create table notifications (
  id uuid primary key,
  skill text not null,
  key text not null,
  person text not null,
  -- The account it is at.
  connector text not null,
  account text not null,
  -- JSON of the message, and its queue: what the next account is sent.
  content text not null,
  queue text not null,
  state text not null default 'waiting' check (state in ('waiting', 'shown', 'dead')),
  changed_at timestamptz not null,
  unique (skill, key, person)
);
