-- One replica makes the ticks of crons, under the lease `cron`: what replicas of several configurations needed goes.
-- Replicas of the release before make none on these columns; they go on with their timers, and the new ones make the ticks.
delete from crons other using crons newer
  where newer.skill = other.skill and newer.name = other.name and (newer.seen_at, newer.schedule) > (other.seen_at, other.schedule);
alter table crons drop constraint crons_pkey;
-- Which of several schedules of one name; empty: it has only one.
alter table crons add column key text not null default '';
update crons set key = substr(name, strpos(name, ':') + 1), name = split_part(name, ':', 1) where strpos(name, ':') > 0;
alter table crons add primary key (skill, name, key);
alter table crons drop column seen_at, drop column generation, drop column gone_in;
