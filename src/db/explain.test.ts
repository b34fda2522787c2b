import { explainMissing, explainRejected, isRefusal } from './explain.ts';

const errorOf = (code: string | undefined, message: string): Error => Object.assign(new Error(message), { code });

test.each([
  ['28P01', 'password authentication failed for user "bell"', 'check the password in database.url'],
  ['28000', 'no pg_hba.conf entry for host "10.0.0.1", user "bell", database "bell", no encryption', 'sslmode=require'],
  ['28000', 'role "bell" is not permitted to log in', 'whether pg_hba.conf allows it'],
  ['3D000', 'database "bell" does not exist', 'createdb --encoding UTF8'],
  ['42501', 'permission denied for database "bell"', 'grant connect on database'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate in certificate chain', 'database.tls: { ca: { file: NAME } }'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'unable to verify the first certificate', 'sslrootcert=/path/to/ca.crt'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', "IP: 10.0.0.1 is not in the cert's list", 'mode: verify-ca'],
  [undefined, 'The server does not support SSL connections', 'sslmode=disable'],
])('%s, %s: waiting does not help, and the remedy is given', (code, message, remedy) => {
  const error = errorOf(code, message);
  expect(isRefusal(error)).toBe(true);
  expect(explainRejected(error, 'db:5432')).toMatch(`the database at db:5432 cannot be reached: ${message}; `);
  expect(explainRejected(error, 'db:5432')).toContain(remedy);
  expect(explainMissing(errorOf(undefined, message), 'db:5432')).toBeUndefined();
});

test('missing privileges on a table are not a connection problem', () => {
  const error = errorOf('42501', 'permission denied for table events');
  expect(isRefusal(error)).toBe(false);
  expect(explainMissing(error, 'db:5432')).toContain('does not allow that');
});
