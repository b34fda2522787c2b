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
])('%s is an address, shown to people as %s', async (address, place, meaning) => {
  const config = await read(address);
  expect(placeOf(config)).toBe(place);
  expect(config).toMatchObject(meaning);
  // Not passed to the driver, which would take it for a setting of its own.
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
])('%s is rejected, without showing any part of it', async (address) => {
  const error = await read(address).catch((caught: unknown) => caught);
  expect(String(error)).toContain('with %-escapes for special characters in the password');
  expect(String(error)).not.toMatch(/hu@|sh@|sh\/x|mysql/);
});

/** Whether the driver encrypts, and what it verifies: the CA, and the host name. */
const verifies = ({ ssl }: Awaited<ReturnType<typeof read>>): string => {
  if (!ssl) return 'unencrypted';
  if (ssl === true) return 'CA and name';
  const name = ssl.checkServerIdentity ? '' : ' and name';
  return `${ssl.rejectUnauthorized === false ? 'nothing' : `CA${name}`}${ssl.ca === undefined ? '' : ', given CA'}`;
};

test.each([
  ['disable', 'unencrypted', 'unencrypted'],
  ['require', 'nothing', 'CA, given CA'],
  ['verify-ca', undefined, 'CA, given CA'],
  ['verify-full', 'CA and name', 'CA and name, given CA'],
] as const)('sslmode=%s means the same as that mode in database.tls', async (mode, plain, withCa) => {
  if (plain !== undefined) {
    expect(verifies(await read(`postgres://db/bell?sslmode=${mode}`))).toBe(plain);
    expect(verifies(await read('postgres://db/bell', { tls: { mode } }))).toBe(plain);
  }
  if (mode === 'disable') return;
  expect(verifies(await read(`postgres://db/bell?sslmode=${mode}&sslrootcert=${ca}`))).toBe(withCa);
  expect(verifies(await read('postgres://db/bell', { tls: { mode, ca: { file: 'ca' } } }))).toBe(withCa);
  const apart = clientConfig({ host: 'db', tls: { mode, ca: { file: 'ca' } } }, secrets(''));
  expect(verifies(await apart)).toBe(withCa);
});

test.each([
  ['postgres://h1,h2/bell', 'write the one name that points to the primary'],
  ['postgres://bell:hush@h1:5432,h2:5433/bell', 'write the one name that points to the primary'],
  ['postgres:///bell?host=h1,h2', 'write the one name that points to the primary'],
  ['postgres://db/bell?port=5432,5433', 'write the one name that points to the primary'],
  ['postgres://db/bell?port=99999', 'write a number from 1 to 65535'],
  ['postgres://db/bell?sslmode=prefer', 'has sslmode=prefer: write sslmode=require for encryption, or sslmode=disable'],
  ['postgres://db/bell?sslmode=no-verify', 'write sslmode=require, which means the same'],
  ['postgres://db/bell?sslmode=full', 'write sslmode=disable, sslmode=require, sslmode=verify-ca, sslmode=verify-full'],
  ['postgres://db/bell?ssl=no-verify', 'write sslmode=disable, sslmode=require'],
  ['postgres://db/bell?sslmode=verify-ca', 'add sslrootcert=/path/to/ca.crt, or write sslmode=verify-full'],
  [
    'postgres://db/bell?sslrootcert=/nowhere/ca.crt',
    'names the file /nowhere/ca.crt, which cannot be read (ENOENT): mount it',
  ],
  ['postgres://db/bell?sslrootcert=system', 'names the file system, which cannot be read'],
  ['postgres://db/bell?target_session_attrs=standby', 'has an unsupported value for target_session_attrs'],
  ['postgres://db/bell?statement_timeout=5', 'has statement_timeout, which is not supported: remove it'],
  ['postgres://bell:12?hush=@db/bell', 'has a parameter after the "?", which is not supported: remove it'],
])('%s is rejected with what to write instead', async (address, message) => {
  const error = await read(address).catch((caught: unknown) => caught);
  expect(String(error)).toContain(`the file database-uri `);
  expect(String(error)).toContain(message);
  expect(String(error)).not.toContain('hush');
  expect(error).toMatchObject({ code: 'WB_START_FAILED' });
});

test('encryption may be set in only one place', async () => {
  await expect(read('postgres://db/bell?sslmode=require', { tls: { mode: 'verify-full' } })).rejects.toThrow(
    'sets the encryption, and so does database.tls: set it in one place',
  );
});

test.each(['h1,h2', 'postgres://db/bell'])('database.host: %s is rejected by `check`', (host) => {
  expect(configSchema.safeParse({ database: { host } }).error?.issues[0]?.message).toContain('is not a single host');
  expect(configSchema.safeParse({ database: { host: '/run/postgresql' } }).success).toBe(true);
});
