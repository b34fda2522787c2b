-- A key identifies one unfinished task of a skill: it is started once, however often it is requested, and can be cancelled.
-- Replicas of the previous release start and run tasks without keys, and do not notice the cancellation of a running one, which
-- then runs to its end.
alter table tasks add column key text;
alter table tasks add column cancelled_at timestamptz;
create unique index tasks_key on tasks (skill, key) where key is not null and state <> 'done';
