-- One replica runs the crons, under the lease `cron`, so the columns for replicas with different configurations are removed.
-- Replicas of the previous release cannot run crons with these columns; they continue with their timers, and new ones run the crons.
delete from crons other using crons newer
  where newer.skill = other.skill and newer.name = other.name and (newer.seen_at, newer.schedule) > (other.seen_at, other.schedule);
alter table crons drop constraint crons_pkey;
-- Distinguishes several schedules of one name; empty if it has only one.
alter table crons add column key text not null default '';
update crons set key = substr(name, strpos(name, ':') + 1), name = split_part(name, ':', 1) where strpos(name, ':') > 0;
alter table crons add primary key (skill, name, key);
alter table crons drop column seen_at, drop column generation, drop column gone_in;
