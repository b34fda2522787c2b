/**
 * Controls the S3 server in the same pod.
 *   node test/cluster/bucket.ts make NAME   creates a bucket
 *   node test/cluster/bucket.ts list NAME   prints the keys in it
 */
import { AwsClient } from 'aws4fetch';

const [verb, name = ''] = process.argv.slice(2);
const { AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '', AWS_ENDPOINT_URL = '' } = process.env;
const client = new AwsClient({
  accessKeyId: AWS_ACCESS_KEY_ID,
  secretAccessKey: AWS_SECRET_ACCESS_KEY,
  region: 'us-east-1',
  service: 's3',
});
const response = await client.fetch(`${AWS_ENDPOINT_URL}/${name}`, { method: verb === 'make' ? 'PUT' : 'GET' });
const said = await response.text();
if (!response.ok) throw new Error(`${response.status}: ${said}`);
for (const [, key = ''] of said.matchAll(/<Key>([^<]*)<\/Key>/g)) console.log(key);
