-- Sessions of the web chat. A cookie is valid only while its row exists, so every replica sees at once when it is deleted. Only a
-- hash of the cookie's random part is stored, so reading this table does not let anyone sign in.
create table web_sessions (
  hash bytea primary key,
  expires_at timestamptz not null
);

-- One-time sign-in addresses, hashed like the cookies.
create table web_sign_ins (
  hash bytea primary key,
  expires_at timestamptz not null
);

-- Key that signs both, so that forged ones are detected without a lookup. One row.
create table web_keys (
  id integer primary key default 1 check (id = 1),
  key bytea not null
);
