-- The numbers people type. Drawn only for an alert that is really new to them, so they stay short.
create sequence alert_numbers as integer;

-- One row an alert, that is a (source, fingerprint): two clusters with equal labels have equal fingerprints, and start
-- times vary between Prometheus replicas, so neither a body nor a start time identifies anything.
create table alerts (
  id integer generated always as identity primary key,
  source text not null,
  fingerprint text not null,
  -- Null while only "resolved" has been heard of it. Kept while it comes back within 24 hours, then a new one is drawn.
  number integer unique,
  phase text not null check (phase in ('unheard', 'firing', 'resolved', 'closed')),
  severity text not null check (severity in ('critical', 'warning', 'info')),
  name text not null,
  labels jsonb not null,
  annotations jsonb not null,
  generator_url text,
  started_at timestamptz not null,
  -- By the sender's clock, which need not be ours: compared only with what the sender says.
  reported_start timestamptz,
  ended_at timestamptz,
  last_ends_at timestamptz,
  -- When the newest of each kind was accepted, and its place in the order of acceptance: a large notification is
  -- handled in parts, a replayed one long after newer ones.
  firing_received_at timestamptz,
  resolved_received_at timestamptz,
  firing_order bigint,
  resolved_order bigint,
  -- Episodes that began in the seven days before this one and with it, as shown ("4th time this week").
  week_count integer not null default 1,
  -- Who has it: { by, name, at, until, note, others: [...], askedAt }; null: nobody. A new episode needs a new one.
  ack jsonb,
  -- Where it is shown and under which policy, as decided when the episode began; configuration does not move it.
  places jsonb not null default '[]',
  -- Receivers whose routes have been asked, so that an alert coming by a second one is routed again.
  receivers text[] not null default '{}',
  -- Alertmanager's word that it is silenced or inhibited, once that is asked for: { by, until }.
  suppressed jsonb,
  -- How far up its policy's ladder it is; -1: the first step is still to come.
  step integer not null default -1,
  changed_at timestamptz not null default now(),
  unique (fingerprint, source)
) with (fillfactor = 80);

-- What is open is a few hundred rows among a million.
create index alerts_open on alerts (number) where phase = 'firing';
create index alerts_old on alerts (changed_at) where phase <> 'firing';

-- Every time an alert fired, for "4th time this week", reports and post-mortems; outlives the number.
create table alert_episodes (
  id bigint generated always as identity primary key,
  -- No foreign keys here and below: each would be looked up again for every alert. What is left behind goes by its age.
  alert_id integer not null,
  number integer not null,
  opened_at timestamptz not null,
  started_at timestamptz not null,
  ended_at timestamptz,
  end_reason text check (end_reason in ('resolved', 'closed')),
  acked_at timestamptz,
  acked_by text
);
create index alert_episodes_alert on alert_episodes (alert_id, opened_at);
create index alert_episodes_number on alert_episodes (number);
create index alert_episodes_old on alert_episodes (ended_at) where ended_at is not null;

-- Who did what when, for `alert ID` and post-mortems.
create table alert_timeline (
  id bigint generated always as identity,
  alert_id integer not null,
  number integer not null,
  at timestamptz not null,
  what text not null,
  who text,
  detail text,
  primary key (number, id)
);
create index alert_timeline_old on alert_timeline using brin (at) with (autosummarize = on);

-- One message for several alerts: an Alertmanager group, as far as it goes to the same rooms under the same policy.
create table alert_groups (
  id integer generated always as identity primary key,
  source text not null,
  -- Hash of group key, rooms and policy: a group key holds label values and does not fit an index row.
  key_hash text not null,
  title text not null,
  rooms text[] not null,
  policy text,
  open boolean not null default false,
  -- Everything firing was acknowledged when last looked at; then a newcomer rings.
  acked boolean not null default false,
  -- Alerts that Alertmanager left out of its last notification.
  truncated integer not null default 0,
  opened_at timestamptz,
  closed_at timestamptz,
  changed_at timestamptz not null default now(),
  unique (key_hash, source)
);
create index alert_groups_old on alert_groups (changed_at) where not open;

-- Which alerts a group's message is about; those that ended before the group opened last are left out when shown.
create table alert_group_members (
  group_id integer not null references alert_groups on delete cascade,
  alert_id integer not null references alerts on delete cascade,
  primary key (group_id, alert_id)
);
create index alert_group_members_alert on alert_group_members (alert_id);

-- Another transaction inserted what this one took for new: by its code the whole event is run again.
create function alerts_changed_meanwhile() returns integer language plpgsql as $$
begin
  raise exception 'another replica wrote the same alert at the same moment' using errcode = 'serialization_failure';
end $$;
