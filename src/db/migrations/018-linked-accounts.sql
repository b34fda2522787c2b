-- Accounts that people added to their own with `link`. The configuration takes precedence: a row has no effect while its person is
-- not listed, its account is configured, or its person has a configured account on that connector. Each change is counted in
-- `changes` as `core links`, in the same transaction; see src/people/linked-accounts.ts.
create table linked_accounts (
  connector text not null,
  account text not null,
  -- The key under people:.
  person text not null,
  linked_at timestamptz not null,
  primary key (connector, account)
);

-- The code that adds an account to a person, one per person: the next one replaces it, and using it deletes it.
create table link_codes (
  person text primary key,
  -- SHA-256, in hexadecimal.
  hash text not null,
  expires_at timestamptz not null
);

-- Wrong codes of an account. The count starts over once the last one is old enough.
create table link_guesses (
  connector text not null,
  account text not null,
  wrong integer not null,
  last_at timestamptz not null,
  primary key (connector, account)
);
