-- Private conversations that a skill opened; their people need not be listed. The skill listens there as in a room.
create table conversations (
  connector text not null,
  room text not null,
  skill text not null,
  -- Name of the configured room whose access rules apply here.
  belongs_to text not null,
  primary key (connector, room)
);
