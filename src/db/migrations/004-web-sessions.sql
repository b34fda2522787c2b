-- Who is signed in to the web chat. A row is all that makes a cookie good, so every replica sees at once when it goes. Only
-- a hash of the random part of a cookie is kept: whoever reads this table is not signed in by it.
create table web_sessions (
  hash bytea primary key,
  expires_at timestamptz not null
);

-- Addresses that sign one browser in, once; hashed like the cookies.
create table web_sign_ins (
  hash bytea primary key,
  expires_at timestamptz not null
);

-- Signs both, so that those made up are known without looking for them. One row.
create table web_keys (
  id integer primary key default 1 check (id = 1),
  key bytea not null
);
