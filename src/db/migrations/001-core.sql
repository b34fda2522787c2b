-- Every event, once: accepted here before the sender gets a success response, and handled in its own transaction.
create table events (
  id bigint generated always as identity primary key,
  -- A connector's name, or webhook, timer, task, cron, emit, fate, cli.
  source text not null,
  -- Identifies repeats: the platform's event id, a timer's uuid, or a new uuid for webhooks (which have none).
  source_id text not null,
  -- Events of one lane are handled one after another, in order; null: in any order, concurrently.
  lane text,
  kind text not null,
  -- The addressee; a replica that does not know (skill, name) leaves the event to one that does.
  skill text,
  name text,
  key text,
  -- JSON as text, because jsonb rejects \u0000 and nothing here is queried. Deleted when done, kept when failed.
  payload text,
  state text not null default 'new' check (state in ('new', 'done', 'failed')),
  result text,
  error_id uuid,
  -- When it happened according to its source: the platform's timestamp, a timer's due time.
  happened_at timestamptz not null,
  accepted_at timestamptz not null default clock_timestamp(),
  -- > 0: its age in ms, because the bot was offline; a command may need to be sent again.
  late_ms bigint not null default 0,
  -- Not handled before then: a reaction to an unconfirmed message, or an event to retry after a slow database.
  not_before timestamptz,
  tries integer not null default 0,
  handled_at timestamptz,
  unique (source, source_id)
);
create index events_new on events (id) where state = 'new';
create index events_new_lane on events (lane, id) where state = 'new' and lane is not null;
create index events_failed on events (id) where state = 'failed';
-- To find a timer that fired but is not handled by its key, for cancelling it.
create index events_new_key on events (skill, key) where state = 'new' and key is not null;
-- Only for pruning: rows are stored roughly in this order, and a btree would cost each event another insertion.
create index events_handled on events using brin (handled_at) with (autosummarize = on);

-- How far each connector has read; updated only together with the events before it.
create table cursors (
  connector text primary key,
  cursor text not null,
  stored_at timestamptz not null
);

-- Small durable state of a connector, such as a device id.
create table connector_state (
  connector text not null,
  key text not null,
  value text not null,
  primary key (connector, key)
);

create sequence message_position;

-- What each room should show, and what it is known to show. Delivery makes the two agree.
create table messages (
  id uuid primary key,
  connector text not null,
  room text not null,
  skill text not null,
  -- The skill's key for a message that it can change; null: posted once.
  key text,
  -- 0 replies and pages, 1 bulk.
  queue smallint not null,
  -- Order of pending rows; assigned when a row becomes pending, so that an edit of an old message does not jump the queue.
  position bigint not null default nextval('message_position'),
  content text not null,
  -- One line that represents it in a digest; null: it is never folded.
  line text,
  version integer not null default 1,
  ring_version integer not null default 0,
  -- The room should no longer show it.
  removed boolean not null default false,
  -- Not sent before this time; later messages in the room do not wait for it.
  not_before timestamptz,
  -- Not sent after this time.
  until timestamptz,
  -- Keys, in the same room and skill: shown first, and the root of the thread.
  after_key text,
  thread_key text,
  -- The platform's ids of the message and thread that it replies to.
  reply_to text,
  thread text,
  -- Delivery reports to its skill: every outcome, only a loss, or none.
  notify text not null default 'none' check (notify in ('fate', 'lost', 'none')),
  digest boolean not null default false,
  -- The digest that this row is folded into.
  fold uuid,
  state text not null default 'live' check (state in ('live', 'dead', 'dropped')),
  reason text,
  -- What the room shows.
  delivered_version integer not null default 0,
  delivered_ring integer not null default -1,
  -- Number of confirmed requests; with the id, the idempotency key of the next one.
  sends integer not null default 0,
  -- [{ ring, parts: [{ remoteId, hash }] }], the newest last.
  copies text not null default '[]',
  -- Actions of the version shown last: reactions refer to these, not to a pending version.
  shown_actions text,
  -- The decided requests, not all confirmed; frozen, because a repeat under the same key must be identical.
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
-- Scheduled messages in rooms without a remote.
create index messages_local_due on messages (connector, room, not_before) where not_before is not null and not pending and sends = 0;
create index messages_fold on messages (fold) where fold is not null;
create index messages_dead on messages (connector, created_at) where state = 'dead';
create index messages_room on messages (connector, room, position);
create index messages_created on messages using brin (created_at) with (autosummarize = on);

-- Maps the platform's message ids, which replies and reactions refer to, to messages.
create table message_remotes (
  connector text not null,
  remote_id text not null,
  -- Pruned together with its message; a foreign key would cost a lookup for each sent message.
  message_id uuid not null,
  primary key (connector, remote_id)
);
create index message_remotes_message on message_remotes (message_id);

-- People's messages in the web chat, which no platform stores. The page chooses the id, so a repeat is one line.
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

-- Timers. One fires by becoming an event, in the statement that deletes it.
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

-- When each cron last ticked. A tick is an event named after its minute, so that replicas agree on it. Replicas with different
-- programs may disagree on the schedule of a name: then each has its own row.
create table crons (
  skill text not null,
  name text not null,
  -- Expression, time zone and lead time; a different one starts over.
  schedule text not null,
  last_at timestamptz not null,
  -- When a replica last used it, to 30 s.
  seen_at timestamptz not null,
  -- The newest configuration that has it, and the first later one that does not.
  generation bigint not null,
  gone_in bigint,
  primary key (skill, name, schedule)
);

-- Work outside the process. Its result is an event; only that of the current attempt counts.
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

-- Which replica does what only one may do. The epoch fences off a holder that was paused and woke up later.
create table leases (
  name text primary key,
  holder uuid not null,
  epoch bigint not null,
  expires_at timestamptz not null
);

-- Live replicas, to skip notifications when there is no other, and to compare configuration generations.
create table replicas (
  id uuid primary key,
  name text not null,
  seen_at timestamptz not null,
  generation bigint
);

-- Small JSON state of skills that need no table.
create table skill_state (
  skill text not null,
  key text not null,
  value text not null,
  primary key (skill, key)
);

-- Who ran which command where, and its result. Append-only.
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

-- Failures, which people can look up by the error number they were given.
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

-- When notices that must not repeat too often ("prod-eu posts with a wrong token") were last posted, by subject.
create table notices (
  about text primary key,
  at timestamptz not null
);

-- When each webhook source last posted, to a minute, or was first configured: one that falls silent must be noticed, whichever
-- replica received its requests and however often that was replaced.
create table webhook_sources (
  -- As named in metrics: alertmanager/prod-eu.
  source text primary key,
  heard_at timestamptz not null
);

-- Accepted configurations, with references to secrets, never their values; a pod with an invalid file starts from the latest.
create table config_generations (
  generation bigint generated always as identity primary key,
  hash text not null,
  content text not null,
  loaded_at timestamptz not null
);

-- Migrations that skills have applied.
create table skill_migrations (
  skill text not null,
  number integer not null,
  name text not null,
  applied_at timestamptz not null default clock_timestamp(),
  primary key (skill, number)
);
