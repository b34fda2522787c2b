import { newKey, RecordingHost } from './host.ts';

test('a timeout lists the recorded echoes and failures', async () => {
  const host = new RecordingHost([]);
  const key = newKey();
  await host.echo({ ...key }, 'remote');
  host.failed(new Error('locked out'));
  await expect(host.until('peace', () => false, 0)).rejects.toThrow(
    new RegExp(`^never happened: peace; recorded: .*"${key.uuid}\\.1".*"remote".*"locked out"`),
  );
});
