-- Counted by the soak test: without unique constraints, so that duplicates are visible.
create table probe_presses (ballot text not null, account text not null, choice text not null);
create table probe_jobs (key text not null, task uuid not null);
create table probe_reports (nth int generated always as identity, task uuid not null, attempt int not null, step int not null);
create table probe_ends (nth int generated always as identity, task uuid not null, key text not null, outcome text not null, attempt int, reason text);
create table probe_notes (nth int generated always as identity, word text not null);
