-- Overrides put a person on call for a while, whatever a schedule's layers say; where they overlap, the newest wins. Schedules are
-- configured, so a name here may no longer exist.
create table overrides (
  id bigint generated always as identity primary key,
  schedule text not null,
  person text not null,
  from_at timestamptz not null,
  until_at timestamptz not null check (until_at > from_at),
  -- Display name of whoever asked for it.
  made_by text,
  made_at timestamptz not null default clock_timestamp(),
  withdrawn_at timestamptz
);
create index overrides_schedule on overrides (schedule, until_at) where withdrawn_at is null;
