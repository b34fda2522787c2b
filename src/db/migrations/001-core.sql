-- Everything that happens, once: accepted here before anybody is told "yes", handled in a transaction of its own.
create table events (
  id bigint generated always as identity primary key,
  -- A connector's name, or webhook, timer, task, cron, emit, fate, cli.
  source text not null,
  -- What makes a repeat recognisable: the platform's event id, a timer's uuid, a fresh uuid for webhooks (they have none).
  source_id text not null,
  -- Events of one lane are handled one after another, in order; null: in any order, side by side.
  lane text,
  kind text not null,
  -- Whom an event is addressed to; a replica that does not know (skill, name) leaves it to one that does.
  skill text,
  name text,
  key text,
  -- JSON as text: jsonb refuses \u0000, and nothing here is queried. Dropped when done, kept when failed.
  payload text,
  state text not null default 'new' check (state in ('new', 'done', 'failed')),
  result text,
  error_id uuid,
  -- When it happened by its own account: the platform's timestamp, a timer's due time.
  happened_at timestamptz not null,
  accepted_at timestamptz not null default clock_timestamp(),
  -- > 0: it is this old because nobody was listening, and a command may ask before it runs.
  late_ms bigint not null default 0,
  -- A tap on a message whose send is still unknown waits until then, and so does an event that found the database slow.
  not_before timestamptz,
  tries integer not null default 0,
  handled_at timestamptz,
  unique (source, source_id)
);
create index events_new on events (id) where state = 'new';
create index events_new_lane on events (lane, id) where state = 'new' and lane is not null;
create index events_failed on events (id) where state = 'failed';
-- A cancelled timer that is due but not handled is found by its key.
create index events_new_key on events (skill, key) where state = 'new' and key is not null;
-- For pruning alone: rows lie in the order of this time anyway, and a tree would cost each event another insertion.
create index events_handled on events using brin (handled_at) with (autosummarize = on);

-- How far each connector has read its platform; moved only together with the events before it.
create table cursors (
  connector text primary key,
  cursor text not null,
  stored_at timestamptz not null
);

-- Small durable facts of a connector, such as a pinned device.
create table connector_state (
  connector text not null,
  key text not null,
  value text not null,
  primary key (connector, key)
);

create sequence message_position;

-- What each room should show, and what it shows as far as is known. The courier makes the two agree.
create table messages (
  id uuid primary key,
  connector text not null,
  room text not null,
  skill text not null,
  -- The skill's name for a living message; null: said once.
  key text,
  -- 0 replies and pages, 1 bulk.
  queue smallint not null,
  -- Order among what waits; drawn when a row begins to wait, so that an old message's edit does not jump the queue.
  position bigint not null default nextval('message_position'),
  content text not null,
  -- One line that stands for it in a digest; null: it is never folded.
  line text,
  version integer not null default 1,
  ring_version integer not null default 0,
  -- The room should not show it any more.
  removed boolean not null default false,
  -- Sent at this time at the earliest; what stands behind it in the room does not wait for it.
  not_before timestamptz,
  -- Not sent after this time.
  until timestamptz,
  -- Keys, in the same room and skill: shown first, and the root of the thread.
  after_key text,
  thread_key text,
  -- Remote ids on the platform that this answers, when it answers a person.
  reply_to text,
  thread text,
  -- What its skill hears of it: what became of it, only that it was not shown, or nothing.
  notify text not null default 'none' check (notify in ('fate', 'lost', 'none')),
  digest boolean not null default false,
  -- The digest that stands for this row.
  fold uuid,
  state text not null default 'live' check (state in ('live', 'dead', 'dropped')),
  reason text,
  -- What the room has.
  delivered_version integer not null default 0,
  delivered_ring integer not null default -1,
  -- Confirmed requests; with the id it makes the idempotency key of the next one.
  sends integer not null default 0,
  -- [{ ring, parts: [{ remoteId, hash }] }], the newest last.
  copies text not null default '[]',
  -- Actions of the version last shown: a tap means these, not what the room does not show yet.
  shown_actions text,
  -- The requests decided and not all confirmed; frozen, because a repeat under the same key must be the same.
  attempt text,
  react boolean not null default false,
  event_id bigint,
  created_at timestamptz not null default clock_timestamp(),
  wanted_at timestamptz not null default clock_timestamp(),
  shown_at timestamptz,
  pending boolean generated always as (state = 'live' and (delivered_version < version or attempt is not null)) stored
) with (fillfactor = 80);
create unique index messages_key on messages (connector, room, skill, key) where key is not null;
create index messages_pending on messages (connector, room, queue, position) where pending;
create index messages_due on messages (connector, not_before) where pending and not_before is not null;
create index messages_next_due on messages (connector, room, not_before) where pending and not_before is not null;
create index messages_blocked on messages (connector, room) where pending and after_key is not null;
create index messages_react on messages (connector) where react;
-- What waits for its time in rooms without a remote.
create index messages_local_due on messages (connector, room, not_before) where not_before is not null and not pending and sends = 0;
create index messages_fold on messages (fold) where fold is not null;
create index messages_dead on messages (connector, created_at) where state = 'dead';
create index messages_room on messages (connector, room, position);
create index messages_created on messages using brin (created_at) with (autosummarize = on);

-- Which of our messages a platform's id belongs to: replies and taps name that id.
create table message_remotes (
  connector text not null,
  remote_id text not null,
  -- Pruned together with its message; a foreign key would be looked up with each message that is sent.
  message_id uuid not null,
  primary key (connector, remote_id)
);
create index message_remotes_message on message_remotes (message_id);

-- What people said in the web chat, which has no platform that would keep it. The id is the page's, so a repeat is one line.
create table web_lines (
  id uuid primary key,
  connector text not null,
  room text not null,
  account text not null,
  name text not null,
  text text not null,
  reply_to uuid,
  position bigint not null default nextval('message_position'),
  at timestamptz not null default clock_timestamp()
);
create index web_lines_room on web_lines (connector, room, position);

-- Something to do at a time. Fires by becoming an event, in the statement that deletes it.
create table timers (
  id uuid primary key,
  skill text not null,
  key text not null,
  name text not null,
  payload text not null,
  due_at timestamptz not null,
  held boolean not null default false,
  unique (skill, key)
);
create index timers_due on timers (due_at) where not held;

-- When each cron last ticked; a tick is an event named after its minute, so that replicas agree on it. Replicas that run
-- different programs may disagree on the schedule of one name: each then has its own row.
create table crons (
  skill text not null,
  name text not null,
  -- Expression, time zone and lead: another one begins anew.
  schedule text not null,
  last_at timestamptz not null,
  -- When somebody followed it last, to 30 s.
  seen_at timestamptz not null,
  -- The newest configuration that has it, and the first one after that which does not.
  generation bigint not null,
  gone_in bigint,
  primary key (skill, name, schedule)
);

-- Work that leaves the process; its result is one more event, and only the current attempt's counts.
create table tasks (
  id uuid primary key,
  skill text not null,
  name text not null,
  payload text not null,
  state text not null default 'queued' check (state in ('queued', 'running', 'done')),
  attempt integer not null default 0,
  run_at timestamptz not null default clock_timestamp(),
  holder uuid,
  heartbeat_at timestamptz,
  started_at timestamptz,
  finished_at timestamptz,
  created_at timestamptz not null default clock_timestamp()
);
create index tasks_open on tasks (run_at) where state <> 'done';
create index tasks_finished on tasks (finished_at) where state = 'done';

-- Who does what only one replica may do. The epoch fences off a holder that was stopped and woke up later.
create table leases (
  name text primary key,
  holder uuid not null,
  epoch bigint not null,
  expires_at timestamptz not null
);

-- Who is alive, so that nobody is notified when nobody listens, and configuration generations can be compared.
create table replicas (
  id uuid primary key,
  name text not null,
  seen_at timestamptz not null,
  generation bigint
);

-- Small JSON of skills that need no table.
create table skill_state (
  skill text not null,
  key text not null,
  value text not null,
  primary key (skill, key)
);

-- Who asked for what, where, and what came of it. Append-only.
create table audit (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  event_id bigint not null,
  connector text not null,
  room text not null,
  account text not null,
  person text,
  skill text not null,
  command text not null,
  text text not null,
  result text not null,
  because text not null
);
create index audit_event on audit (event_id);
create index audit_at on audit (at);

-- Failures that a person should be able to look up by the id they were told.
create table errors (
  id uuid primary key,
  kind text not null check (kind in ('command', 'general')),
  at timestamptz not null,
  skill text,
  event_id bigint,
  message text not null,
  stack text
);
create index errors_at on errors (at);

-- Notices that must not come too often ("prod-eu posts with a wrong token"), by what they are about.
create table notices (
  about text primary key,
  at timestamptz not null
);

-- When each source of webhooks was last heard, to a minute, or else first configured: one that falls silent must be noticed,
-- whichever replica it spoke to and however often that was replaced.
create table webhook_sources (
  -- As metrics call it: alertmanager/prod-eu.
  source text primary key,
  heard_at timestamptz not null
);

-- The configurations that were accepted, with references, never secrets; a pod whose file is wrong starts from the last.
create table config_generations (
  generation bigint generated always as identity primary key,
  hash text not null,
  content text not null,
  loaded_at timestamptz not null
);

-- Numbers of the migrations that a skill has applied.
create table skill_migrations (
  skill text not null,
  number integer not null,
  name text not null,
  applied_at timestamptz not null default clock_timestamp(),
  primary key (skill, number)
);
