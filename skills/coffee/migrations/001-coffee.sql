-- One row a round. `seed` makes it the same again; `number` counts within a name, so that two starts at once make one.
create table coffee_rounds (
  id uuid primary key,
  -- The key under `rounds:`.
  name text not null,
  number integer not null,
  seed bigint not null,
  -- pairing: being computed; opening: its groups are there and are being told; told: everybody was; failed: there is none.
  state text not null check (state in ('pairing', 'opening', 'told', 'failed')),
  -- Tries to compute it that failed.
  tries integer not null default 0,
  began_at timestamptz not null,
  -- When it got further last, or failed to: one that is not over and stands still is broken, and taken up again.
  moved_at timestamptz not null,
  -- Its rooms by name, and when to ask, as configured when it began: a round that is renamed or removed is told to its end.
  rooms text[] not null,
  follow_up_ms bigint,
  -- Groups, pairs, repeats and who rests, as computed.
  quality jsonb,
  resting jsonb,
  reason text,
  unique (name, number)
);

-- A private conversation on a platform. Its id is the uuid that names it there, so that a repeat finds it; people who
-- meet again meet there again.
create table coffee_conversations (
  id uuid primary key,
  connector text not null,
  -- Account ids, sorted.
  people text[] not null,
  -- Null until it has been opened.
  room text,
  unique (connector, people)
);

create sequence coffee_group_numbers as integer;

-- People who meet in a round. The number is what people type.
create table coffee_groups (
  number integer primary key,
  round_id uuid not null references coffee_rounds on delete cascade,
  position integer not null,
  conversation_id uuid not null references coffee_conversations,
  -- [{ id, name, accountId }]; the id as in coffee_members.
  people jsonb not null,
  -- waiting: not told yet; told; failed: no conversation could be opened, and why.
  state text not null default 'waiting' check (state in ('waiting', 'told', 'failed')),
  tries integer not null default 0,
  reason text,
  -- What they said later.
  answer text check (answer in ('met', 'planned', 'no')),
  answered_by text,
  asked integer not null default 0,
  unique (round_id, position)
);
create index coffee_groups_waiting on coffee_groups (round_id, tries, position) where state = 'waiting';

-- Who was in which group, for their history. Here and below people are their connector and account
-- (`matrix @ann:example.org`), never their key under `people:`, which may be given, changed and taken away.
create table coffee_members (
  group_number integer not null references coffee_groups on delete cascade,
  person text not null,
  primary key (person, group_number)
);

-- How often two were together under a name, and in which round last; one < other. 0 times never occurs.
create table coffee_met (
  name text not null,
  one text not null,
  other text not null,
  times integer not null,
  last integer not null,
  primary key (name, one, other)
);

-- What a round leaves behind for the next: seat in the circle, first round, rests.
create table coffee_seats (
  name text not null,
  person text not null,
  seat integer not null,
  joined integer not null,
  rested integer,
  -- How often, to be fair among those who rested together.
  rests integer not null default 0,
  primary key (name, person)
);

-- Who does not want to be paired for now.
create table coffee_absences (
  person text primary key,
  -- 'infinity': until they join again.
  until timestamptz not null
);

-- Who misses the next round under a name, and only that; the round that left them out takes the row away.
create table coffee_skips (
  name text not null,
  person text not null,
  primary key (name, person)
);
