import { clientConfig, placeOf } from './database.ts';

const read = (address: string) =>
  clientConfig({ url: { file: 'database-uri' } } as Parameters<typeof clientConfig>[0], { read: async () => address });

test.each([
  ['postgres://bell:hush@db.example.org/bell', 'db.example.org:5432'],
  ['postgresql://db:5433/bell?user=bell@example.org', 'db:5433'],
  ['postgres://bell:hu%40sh@db', 'db:5432'],
  ['postgres:///bell?host=/run/postgresql', '/run/postgresql:5432'],
])('%s is an address, and %s what people are told of it', async (address, place) => {
  expect(placeOf(await read(address))).toBe(place);
});

test.each(['hush', 'mysql://db/bell', 'postgres://bell:hu@sh@db/bell', 'postgres://bell:hu@sh/x@db/bell'])(
  '%s is none, and no part of it is told',
  async (address) => {
    const error = await read(address).catch((caught: unknown) => caught);
    expect(String(error)).toContain('with %-escapes for signs in the password');
    expect(String(error)).not.toMatch(/hu@|sh@|sh\/x|mysql/);
  },
);
