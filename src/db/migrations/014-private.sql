-- The platform's room for a conversation with one person, which message rows call `direct:ACCOUNT`. It is one for ever.
create table direct_rooms (
  connector text not null,
  account text not null,
  room text not null,
  primary key (connector, account)
);
create index direct_rooms_room on direct_rooms (connector, room);

-- What only one account is to see, and how the platform lets the bot answer it; the token is good until then.
alter table messages add column visible_to text, add column respond_token text, add column respond_until timestamptz;

-- On some platforms an id is unique in its room alone. A replica of the build before cannot record what it sends from now on:
-- each request stays under way until this one takes over and repeats it under its key.
alter table message_remotes add column room text;
update message_remotes r set room = m.room from messages m where m.id = r.message_id;
delete from message_remotes where room is null;
alter table message_remotes alter column room set not null, drop constraint message_remotes_pkey, add primary key (connector, room, remote_id);
