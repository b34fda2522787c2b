-- Messages to people, which try one account after another until one shows it. The message itself is a row of `messages`, in the
-- room of the conversation with that account.
create table notifications (
  id uuid primary key,
  skill text not null,
  key text not null,
  person text not null,
  -- The account being tried.
  connector text not null,
  account text not null,
  -- JSON of the message, and its queue, for the next account.
  content text not null,
  queue text not null,
  state text not null default 'waiting' check (state in ('waiting', 'shown', 'dead')),
  changed_at timestamptz not null,
  unique (skill, key, person)
);
