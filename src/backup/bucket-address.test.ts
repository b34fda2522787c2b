import { readBucketAddress } from './bucket-address.ts';

const keys = { AWS_ACCESS_KEY_ID: 'AKIATEST', AWS_SECRET_ACCESS_KEY: 'hunter2' };

test('with only keys set, it is Amazon S3 in us-east-1', () => {
  expect(readBucketAddress('s3://bells/prod/eu/', { ...keys, AWS_REGION: '', AWS_SESSION_TOKEN: '' })).toEqual({
    address: 's3://bells/prod/eu/',
    bucket: 'bells',
    prefix: 'prod/eu/',
    endpoint: 'https://s3.us-east-1.amazonaws.com',
    region: 'us-east-1',
    keys: { accessKeyId: 'AKIATEST', secretAccessKey: 'hunter2' },
  });
});

test('AWS_ENDPOINT_URL_S3 takes precedence over AWS_ENDPOINT_URL, and may have a path', () => {
  const env = { ...keys, AWS_ENDPOINT_URL: 'https://aws.example.org', AWS_ENDPOINT_URL_S3: 'http://minio:9000/s3/' };
  expect(readBucketAddress('s3://bells', env)).toMatchObject({ prefix: '', endpoint: 'http://minio:9000/s3' });
});

test.each([
  ['s3:///prod', {}, /^this address has no bucket: write s3:\/\/BUCKET\/PREFIX, without keys$/],
  ['s3://bells/../other', {}, /^this address has no bucket/],
  ['s3://AKIATEST:hunter2@bells/prod', {}, /^this address has no bucket/],
  ['s3://bells', { AWS_SECRET_ACCESS_KEY: '' }, /^s3:\/\/bells needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in/],
  [
    's3://bells',
    { AWS_SECRET_ACCESS_KEY: 'hunter2\n' },
    /^AWS_SECRET_ACCESS_KEY contains a space or a line break: write/,
  ],
  ['s3://bells', { AWS_SESSION_TOKEN: 'hunter2 ' }, /^AWS_SESSION_TOKEN contains a space or a line break: write/],
  [
    's3://bells',
    { AWS_ENDPOINT_URL: '' },
    /^AWS_ENDPOINT_URL is not an address: write https:\/\/HOST, without user and/,
  ],
  ['s3://bells', { AWS_ENDPOINT_URL: 's3.example.org' }, /^AWS_ENDPOINT_URL is not an address/],
  ['s3://bells', { AWS_ENDPOINT_URL: 'localhost:9000' }, /^AWS_ENDPOINT_URL is not an address/],
  [
    's3://bells',
    { AWS_ENDPOINT_URL_S3: 'https://bell:hunter2@s3.example.org' },
    /^AWS_ENDPOINT_URL_S3 is not an address/,
  ],
])('%s with %j is rejected with the remedy, and without secrets', (address, more, message) => {
  let thrown = '';
  try {
    readBucketAddress(address, { ...keys, ...more });
  } catch (error) {
    thrown = String((error as Error).message);
  }
  expect(thrown).toMatch(message);
  expect(thrown).not.toMatch(/hunter2|AKIATEST/);
});
