-- What each sender (one peer, one group) said of an alert last, to tell an end that is told again from a late copy; at most 8.
alter table alerts add column words jsonb not null default '[]';
