import { readBucketAddress } from './bucket-address.ts';

const keys = { AWS_ACCESS_KEY_ID: 'AKIATEST', AWS_SECRET_ACCESS_KEY: 'hunter2' };

test("without more than keys it is Amazon's, in the first region", () => {
  expect(readBucketAddress('s3://bells/prod/eu/', { ...keys, AWS_REGION: '', AWS_SESSION_TOKEN: '' })).toEqual({
    address: 's3://bells/prod/eu/',
    bucket: 'bells',
    prefix: 'prod/eu/',
    endpoint: 'https://s3.us-east-1.amazonaws.com',
    region: 'us-east-1',
    keys: { accessKeyId: 'AKIATEST', secretAccessKey: 'hunter2' },
  });
});

test('the endpoint of S3 goes before the one of everything, and may have a path', () => {
  const env = { ...keys, AWS_ENDPOINT_URL: 'https://aws.example.org', AWS_ENDPOINT_URL_S3: 'http://minio:9000/s3/' };
  expect(readBucketAddress('s3://bells', env)).toMatchObject({ prefix: '', endpoint: 'http://minio:9000/s3' });
});

test.each([
  ['s3:///prod', {}, /^this address names no bucket: write s3:\/\/BUCKET\/PREFIX, without keys$/],
  ['s3://bells/../other', {}, /^this address names no bucket/],
  ['s3://AKIATEST:hunter2@bells/prod', {}, /^this address names no bucket/],
  ['s3://bells', { AWS_SECRET_ACCESS_KEY: '' }, /^s3:\/\/bells needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in/],
  [
    's3://bells',
    { AWS_SECRET_ACCESS_KEY: 'hunter2\n' },
    /^AWS_SECRET_ACCESS_KEY has a blank or a line end in it: write/,
  ],
  ['s3://bells', { AWS_SESSION_TOKEN: 'hunter2 ' }, /^AWS_SESSION_TOKEN has a blank or a line end in it: write/],
  ['s3://bells', { AWS_ENDPOINT_URL: '' }, /^AWS_ENDPOINT_URL is no address: write https:\/\/HOST, without user and/],
  ['s3://bells', { AWS_ENDPOINT_URL: 's3.example.org' }, /^AWS_ENDPOINT_URL is no address/],
  ['s3://bells', { AWS_ENDPOINT_URL: 'localhost:9000' }, /^AWS_ENDPOINT_URL is no address/],
  ['s3://bells', { AWS_ENDPOINT_URL_S3: 'https://bell:hunter2@s3.example.org' }, /^AWS_ENDPOINT_URL_S3 is no address/],
])('%s with %j is refused with the remedy, and nothing secret is repeated', (address, more, message) => {
  let said = '';
  try {
    readBucketAddress(address, { ...keys, ...more });
  } catch (error) {
    said = String((error as Error).message);
  }
  expect(said).toMatch(message);
  expect(said).not.toMatch(/hunter2|AKIATEST/);
});
