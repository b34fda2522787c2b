-- Private conversations that a skill opened, for people who need not be listed: the skill listens there as in a room.
create table conversations (
  connector text not null,
  room text not null,
  skill text not null,
  -- Name of the configured room whose access rules hold here.
  belongs_to text not null,
  primary key (connector, room)
);
