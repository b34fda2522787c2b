-- An event that was not handled when a replica died may have crashed it.

-- Not null: it was new when a replica died, so it is handled alone, and each attempt is counted before it starts. Null costs
-- nothing.
alter table events add column deaths smallint;
create index events_suspect on events (id) where state = 'new' and deaths is not null;

-- How often a holder died while running it.
alter table tasks add column deaths smallint not null default 0;

-- With `name`, the host, it lets a successor on the same host detect at once that its predecessor is dead.
alter table replicas add column pid integer;
