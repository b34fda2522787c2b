-- The platform's room for the conversation with one person, which message rows call `direct:ACCOUNT`. It is always the same.
create table direct_rooms (
  connector text not null,
  account text not null,
  room text not null,
  primary key (connector, account)
);
create index direct_rooms_room on direct_rooms (connector, room);

-- The only account that may see the message, and the platform's token for a private reply, valid until `respond_until`.
alter table messages add column visible_to text, add column respond_token text, add column respond_until timestamptz;

-- On some platforms ids are unique only within a room. A replica of the previous build cannot record what it sends from now on: each
-- request stays unconfirmed until a new replica takes over and repeats it under its key.
alter table message_remotes add column room text;
update message_remotes r set room = m.room from messages m where m.id = r.message_id;
delete from message_remotes where room is null;
alter table message_remotes alter column room set not null, drop constraint message_remotes_pkey, add primary key (connector, room, remote_id);
