import type { JsonMap } from './json.ts';
import { Setting } from './setting.ts';

let setting: Setting;

afterEach(() => setting?.end());

test('presses and slash commands have a response_url, valid for five answers', async () => {
  setting = await Setting.begin();
  const { slack, ops, web } = setting;
  const { bodies } = await setting.listen((body) => (body['command'] === undefined ? undefined : 'working on it'));
  const button = { type: 'button', text: { type: 'plain_text', text: 'Ack' }, action_id: 'a0', value: 'v' } as const;
  const { ts = '' } = await web.chat.postMessage({
    channel: ops,
    text: 'alert',
    blocks: [{ type: 'actions', elements: [button] }],
  });
  await slack.people.press('ann', 'ops', ts, 0);
  const press = bodies.find((body) => body['type'] === 'block_actions');
  expect(press).toMatchObject({
    user: { id: setting.id('ann') },
    container: { message_ts: ts, channel_id: ops, is_ephemeral: false },
    message: { ts },
    actions: [{ type: 'button', action_id: 'a0', value: 'v' }],
  });
  const respond = async (body: JsonMap): Promise<string> => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(String(press?.['response_url']), {
      method: 'POST',
      body: JSON.stringify(body),
      headers,
    });
    return `${response.status} ${await response.text()}`;
  };
  expect(await respond({ text: 'only you', replace_original: false })).toBe('200 ok');
  expect(await respond({ text: 'taken', replace_original: true })).toBe('200 ok');
  expect(slack.admin.shown('ops', 'bob').map(({ text }) => text)).toEqual(['taken']);
  expect(slack.admin.shown('ops', 'ann').map(({ text }) => text)).toEqual(['taken', 'only you']);
  for (let uses = 2; uses < 5; uses++) await respond({ text: 'more' });
  expect(await respond({ text: 'too many' })).toBe('404 used_url');
  await slack.people.command('bob', 'ops', '/bell', 'ack 12');
  expect(bodies.at(-1)).toMatchObject({
    command: '/bell',
    text: 'ack 12',
    user_id: setting.id('bob'),
    channel_id: ops,
  });
  expect(slack.admin.shown('ops', 'bob').at(-1)).toMatchObject({ text: 'working on it', onlyFor: setting.id('bob') });
});

test('a slash command that is not acknowledged fails and is not redelivered', async () => {
  setting = await Setting.begin({ ackTimeoutMs: 20 });
  const { slack } = setting;
  const { bodies } = await setting.listen(() => {
    throw new Error('not stored');
  });
  await slack.people.command('ann', 'ops', '/bell', 'status');
  expect(slack.events.failures).toEqual([{ kind: 'slash_commands', reason: 'timeout' }]);
  expect([bodies.length, slack.events.pending()]).toEqual([1, 0]);
});

test('a press on an ephemeral message has no message, and response_url can delete it', async () => {
  setting = await Setting.begin();
  const { slack, ops, web } = setting;
  const { bodies } = await setting.listen();
  const options = ['1h', '4h'].map((value) => ({ text: { type: 'plain_text', text: value }, value }) as const);
  const menu = { type: 'static_select', action_id: 'm', options } as const;
  const blocks = [{ type: 'actions', elements: [menu] }];
  const { message_ts: ts = '' } = await web.chat.postEphemeral({
    channel: ops,
    user: setting.id('ann'),
    text: 'For how long?',
    blocks,
  });
  await slack.people.press('ann', 'ops', ts, '4h');
  expect(bodies).toMatchObject([
    { container: { is_ephemeral: true, message_ts: ts }, actions: [{ selected_option: { value: '4h' } }] },
  ]);
  expect(bodies[0]?.['message']).toBeUndefined();
  await fetch(String(bodies[0]?.['response_url']), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ delete_original: true }),
  });
  expect(slack.admin.shown('ops', 'ann')).toEqual([]);
});
