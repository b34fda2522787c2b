-- The `version` and `ring_version` of which the room's failover has a copy: a version goes there once, and a change that need not ring
-- does not ring there either. Null: there is no copy that needs to follow. Constant defaults, so the table is not rewritten.
alter table messages add column failover_version integer, add column failover_ring integer;
