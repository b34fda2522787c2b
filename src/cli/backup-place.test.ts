import { placeOf } from './backup-place.ts';

test.each([
  ['gs://bells/prod', 'gs'],
  ['S3://bells/prod', 'S3'],
  ['s3:/bells', 's3'],
  ['s3:bells', 's3'],
  ['file:///backups', 'file'],
  ['https://bell:hunter2@s3.example.org/bells', 'https'],
])('%s is taken for no directory', async (address, scheme) => {
  await expect(placeOf(address)).rejects.toMatchObject({
    code: 'WB_START_FAILED',
    message: `backups are not kept in ${scheme}:…: name a directory, or write s3://BUCKET/PREFIX`,
  });
});

test.each(['/backups', 'backups', './a:b', 'C:\\backups', 'C:/backups', 'notes:2026'])(
  '%s is a directory',
  async (path) => {
    expect((await placeOf(path)).addressOf('x')).toContain('x');
  },
);
