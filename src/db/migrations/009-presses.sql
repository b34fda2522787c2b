-- An account's last press on a message, and its answer: a double click or an impatient repeat runs once.
create table presses (
  id bigint generated always as identity unique,
  message_id uuid not null,
  account text not null,
  command text not null,
  at timestamptz not null,
  -- JSON: the bot's answers, for a repeated press.
  answers text not null default '[]',
  primary key (message_id, account)
);
