-- What was not handled when a replica died may have been its death.

-- Not null: it was new when a replica died. Then it is handled alone, and each try is counted before it begins; null costs
-- nothing.
alter table events add column deaths smallint;
create index events_suspect on events (id) where state = 'new' and deaths is not null;

-- How often its holder died while it ran.
alter table tasks add column deaths smallint not null default 0;

-- With `name`, the host: a successor on the same host need not wait to know that its predecessor is dead.
alter table replicas add column pid integer;
