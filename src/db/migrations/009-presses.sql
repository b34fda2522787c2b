-- What an account pressed last on a message, and the answer: a press that comes twice (two clicks, an impatient repeat) runs once.
create table presses (
  id bigint generated always as identity unique,
  message_id uuid not null,
  account text not null,
  command text not null,
  at timestamptz not null,
  -- JSON: what the bot answered, for whoever presses again.
  answers text not null default '[]',
  primary key (message_id, account)
);
