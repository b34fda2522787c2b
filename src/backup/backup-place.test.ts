import { onDisk, placeOf } from './backup-place.ts';

test.each([
  ['gs://bells/prod', 'gs'],
  ['S3://bells/prod', 'S3'],
  ['s3:/bells', 's3'],
  ['s3:bells', 's3'],
  ['file:///backups', 'file'],
  ['https://bell:hunter2@s3.example.org/bells', 'https'],
])('%s is not taken for a directory', async (address, scheme) => {
  await expect(placeOf(address)).rejects.toMatchObject({
    code: 'WB_START_FAILED',
    message: `backups cannot be kept in ${scheme}:…: name a directory, or write s3://BUCKET/PREFIX`,
  });
});

test.each(['/backups', 'backups', './a:b', 'C:\\backups', 'C:/backups', 'notes:2026'])(
  '%s is a directory',
  async (path) => {
    expect((await placeOf(path)).addressOf('x')).toContain('x');
  },
);

test.each([
  [{ code: 'ENOSPC', syscall: 'write' }, 'the backup cannot be written to /b: '],
  [{ code: 'EACCES', syscall: 'open' }, 'the backup cannot be written to /b: '],
  [{ code: 'ECONNRESET', syscall: 'read' }, 'what happened'],
  [{ code: 'EPIPE', syscall: 'write' }, 'what happened'],
  [{ code: 'ETIMEDOUT', syscall: 'connect' }, 'what happened'],
  // A Unix socket of Postgres.
  [{ code: 'ENOENT', syscall: 'connect' }, 'what happened'],
])('%j: only disk errors are reported as disk errors', async (error, message) => {
  const work = onDisk('/b', () => Promise.reject(Object.assign(new Error('what happened'), error)));
  await expect(work).rejects.toMatchObject({ message: expect.stringMatching(`^${message}`) });
});
