-- How often each query's answers may have changed, so that replicas learn of each other's commits: see src/dispatch/changes.ts.
create table changes (
  -- Skill and query, `alerts open`, or `all`.
  name text primary key,
  number bigint not null
) with (fillfactor = 50);
