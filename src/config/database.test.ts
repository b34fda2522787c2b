import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clientConfig, placeOf } from './database.ts';
import { configSchema, type DatabaseConfig } from './schema.ts';

const CA = '-----BEGIN CERTIFICATE-----';
const secrets = (address: string) => ({
  read: async () => address,
  readLines: async () => CA,
});
const read = (address: string, more: Partial<DatabaseConfig> = {}) =>
  clientConfig({ url: { file: 'database-uri' }, ...more }, secrets(address));

let ca: string;
beforeAll(async () => {
  ca = join(await mkdtemp(join(tmpdir(), 'watchbell-ca-')), 'ca.crt');
  await writeFile(ca, CA);
});
afterAll(() => rm(join(ca, '..'), { recursive: true }));

test.each([
  [
    'postgres://bell:hush@db.example.org/bell',
    'db.example.org:5432',
    { user: 'bell', password: 'hush', database: 'bell' },
  ],
  ['postgresql://db:5433/bell?user=bell@example.org', 'db:5433', { user: 'bell@example.org', port: 5433 }],
  ['postgres://bell:hu%40sh@db', 'db:5432', { password: 'hu@sh' }],
  ['postgres://bell:100%@db/bell', 'db:5432', { password: '100%' }],
  ['postgres://[2001:db8::1]:5433/bell', '2001:db8::1:5433', { host: '2001:db8::1' }],
  ['postgres:///bell?host=/run/postgresql', '/run/postgresql:5432', { host: '/run/postgresql', database: 'bell' }],
  ['postgres://bell:hush@/bell?host=/run/postgresql&port=5433', '/run/postgresql:5433', { user: 'bell', port: 5433 }],
  ['postgres://bell:hush@%2Frun%2Fpostgresql/bell', '/run/postgresql:5432', { database: 'bell' }],
  [
    'postgres://db/bell?application_name=bell&connect_timeout=5&target_session_attrs=read-write',
    'db:5432',
    { application_name: 'bell' },
  ],
  ['postgres://db/bell?channel_binding=require', 'db:5432', { enableChannelBinding: true }],
])('%s is an address, and %s what people are told of it', async (address, place, meaning) => {
  const config = await read(address);
  expect(placeOf(config)).toBe(place);
  expect(config).toMatchObject(meaning);
  // What the driver would take for a setting of its own stays out.
  expect(Object.keys(config)).not.toContain('connect_timeout');
});

test.each([
  'hush',
  'mysql://db/bell',
  'postgres://bell:hu@sh@db/bell',
  'postgres://bell:hu@sh/x@db/bell',
  'postgres://bell:hu#sh@db/bell',
  'postgres://bell:hu/sh@db/bell',
  'host=db password=hu@sh',
])('%s is none, and no part of it is told', async (address) => {
  const error = await read(address).catch((caught: unknown) => caught);
  expect(String(error)).toContain('with %-escapes for signs in the password');
  expect(String(error)).not.toMatch(/hu@|sh@|sh\/x|mysql/);
});

/** How the driver is told to encrypt, and what it looks at: the authority, and the name. */
const looksAt = ({ ssl }: Awaited<ReturnType<typeof read>>): string => {
  if (!ssl) return 'nothing: in the clear';
  if (ssl === true) return 'authority and name';
  const name = ssl.checkServerIdentity ? '' : ' and name';
  return `${ssl.rejectUnauthorized === false ? 'nothing' : `authority${name}`}${ssl.ca === undefined ? '' : ', its own'}`;
};

test.each([
  ['disable', 'nothing: in the clear', 'nothing: in the clear'],
  ['require', 'nothing', 'authority, its own'],
  ['verify-ca', undefined, 'authority, its own'],
  ['verify-full', 'authority and name', 'authority and name, its own'],
] as const)('sslmode=%s means the same as that word in database.tls', async (mode, plain, withCa) => {
  if (plain !== undefined) {
    expect(looksAt(await read(`postgres://db/bell?sslmode=${mode}`))).toBe(plain);
    expect(looksAt(await read('postgres://db/bell', { tls: { mode } }))).toBe(plain);
  }
  if (mode === 'disable') return;
  expect(looksAt(await read(`postgres://db/bell?sslmode=${mode}&sslrootcert=${ca}`))).toBe(withCa);
  expect(looksAt(await read('postgres://db/bell', { tls: { mode, ca: { file: 'ca' } } }))).toBe(withCa);
  const apart = clientConfig({ host: 'db', tls: { mode, ca: { file: 'ca' } } }, secrets(''));
  expect(looksAt(await apart)).toBe(withCa);
});

test.each([
  ['postgres://h1,h2/bell', 'write the one name that leads to the primary'],
  ['postgres://bell:hush@h1:5432,h2:5433/bell', 'write the one name that leads to the primary'],
  ['postgres:///bell?host=h1,h2', 'write the one name that leads to the primary'],
  ['postgres://db/bell?port=5432,5433', 'write the one name that leads to the primary'],
  ['postgres://db/bell?port=99999', 'write a number from 1 to 65535'],
  [
    'postgres://db/bell?sslmode=prefer',
    'says sslmode=prefer: write sslmode=require for encryption, or sslmode=disable',
  ],
  ['postgres://db/bell?sslmode=no-verify', 'write sslmode=require, which means the same'],
  ['postgres://db/bell?sslmode=full', 'write sslmode=disable, sslmode=require, sslmode=verify-ca, sslmode=verify-full'],
  ['postgres://db/bell?ssl=no-verify', 'write sslmode=disable, sslmode=require'],
  ['postgres://db/bell?sslmode=verify-ca', 'add sslrootcert=/path/to/ca.crt, or write sslmode=verify-full'],
  [
    'postgres://db/bell?sslrootcert=/nowhere/ca.crt',
    'names the file /nowhere/ca.crt, which cannot be read (ENOENT): mount it',
  ],
  ['postgres://db/bell?sslrootcert=system', 'names the file system, which cannot be read'],
  ['postgres://db/bell?target_session_attrs=standby', 'says target_session_attrs with a value that is not to be had'],
  ['postgres://db/bell?statement_timeout=5', 'says statement_timeout, which has no meaning here: take it out'],
  ['postgres://bell:12?hush=@db/bell', 'says a word behind the "?", which has no meaning here: take it out'],
])('%s is refused with what to write', async (address, message) => {
  const error = await read(address).catch((caught: unknown) => caught);
  expect(String(error)).toContain(`the file database-uri `);
  expect(String(error)).toContain(message);
  expect(String(error)).not.toContain('hush');
  expect(error).toMatchObject({ code: 'WB_START_FAILED' });
});

test('how to encrypt is said in one place', async () => {
  await expect(read('postgres://db/bell?sslmode=require', { tls: { mode: 'verify-full' } })).rejects.toThrow(
    'says how to encrypt, and so does database.tls: say it in one place',
  );
});

test.each(['h1,h2', 'postgres://db/bell'])('database.host: %s is a problem that `check` finds', (host) => {
  expect(configSchema.safeParse({ database: { host } }).error?.issues[0]?.message).toContain('is not one host');
  expect(configSchema.safeParse({ database: { host: '/run/postgresql' } }).success).toBe(true);
});
