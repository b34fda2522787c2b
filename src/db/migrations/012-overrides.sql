-- Somebody takes an on-call schedule for a while, before all its layers; of those that overlap the newest holds. The
-- schedules themselves are configuration, so a name here may have left it.
create table overrides (
  id bigint generated always as identity primary key,
  schedule text not null,
  person text not null,
  from_at timestamptz not null,
  until_at timestamptz not null check (until_at > from_at),
  -- As people call whoever asked for it.
  made_by text,
  made_at timestamptz not null default clock_timestamp(),
  withdrawn_at timestamptz
);
create index overrides_schedule on overrides (schedule, until_at) where withdrawn_at is null;
