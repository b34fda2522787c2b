-- A key names one living task of its skill: it is started once however often it is asked for, and can be cancelled.
-- Replicas of the release before start and run tasks without one, and do not see that a running one is to be cancelled:
-- it then ends by itself.
alter table tasks add column key text;
alter table tasks add column cancelled_at timestamptz;
create unique index tasks_key on tasks (skill, key) where key is not null and state <> 'done';
