-- The web chat becomes a platform like any other: the bot's messages in its rooms are rows that delivery writes under the connector's
-- lease, and pages read. A deliberate break: a pod of the previous build, which shows the rows of `messages`, does not show new
-- messages, and pages of this build do not show what that pod writes; reloading the page fixes both.
create table web_messages (
  -- The remote id in message_remotes.
  id uuid primary key,
  connector text not null,
  room text not null,
  -- Key of the request that created it; a repeat creates no second row.
  key text not null,
  -- As rendered by the connector.
  body text not null,
  reply_to text,
  version integer not null default 1,
  position bigint not null default nextval('message_position'),
  at timestamptz not null default clock_timestamp(),
  changed_at timestamptz not null default clock_timestamp(),
  -- The row is kept, so that readers learn of the deletion.
  deleted boolean not null default false,
  unique (connector, key)
);
create index web_messages_room on web_messages (connector, room, position);
create index web_messages_changed on web_messages using brin (changed_at) with (autosummarize = on);

-- The actions of delivered versions, [{ version, actions }], the newest last: a press contains the version that was seen.
-- `shown_actions` has only the newest, and stays for pods of the previous build.
alter table messages add column offered text;
update messages set offered = json_build_array(json_build_object('version', delivered_version, 'actions', shown_actions::json))::text
where shown_actions <> '[]';

-- Messages shown in rooms without a remote: delivered without a request, and not in a digest.
create temporary table shown_without_remote as
  select id from messages
  where state = 'live' and not pending and not removed and not digest and fold is null and sends = 0 and copies = '[]';

-- Scheduled messages are sent at their time, like all others.
update messages m set delivered_version = 0, delivered_ring = -1, shown_at = null
from shown_without_remote s where m.id = s.id and m.not_before > clock_timestamp();

insert into web_messages (id, connector, room, key, body, reply_to, version, position, at, changed_at)
  select m.id, connector, room, m.id || '.0',
    json_build_object('message', content::json, 'press', json_build_object('message', m.id, 'version', version))::text,
    reply_to, version, position, coalesce(not_before, shown_at, created_at), wanted_at
  from messages m join shown_without_remote s on s.id = m.id where not m.pending;

insert into message_remotes (connector, remote_id, message_id) select connector, id::text, id from web_messages on conflict do nothing;

update messages m set sends = 1, not_before = null,
  offered = json_build_array(json_build_object('version', m.version, 'actions',
    -- Postgres cannot read JSON that contains this.
    case when strpos(content, '\u0000') > 0 then '[]' else coalesce(content::json -> 'actions', '[]') end))::text,
  copies = json_build_array(json_build_object('ring', delivered_ring, 'parts', json_build_array(json_build_object('remoteId', m.id, 'hash', ''))))::text
from web_messages w where m.id = w.id;

drop table shown_without_remote;
drop index messages_local_due;
