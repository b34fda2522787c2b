import { until } from '../../harness/until.ts';
import type { JsonMap } from './json.ts';
import { spawnFakeSlack } from './remote.ts';
import { createClient, refusal, Setting } from './setting.ts';

let setting: Setting;

afterEach(() => setting?.end());

test('history returns the payload of metadata only with include_all_metadata and its scope', async () => {
  setting = await Setting.begin();
  const { web, ops, slack } = setting;
  const metadata = { event_type: 'watchbell', event_payload: { key: 'k1' } };
  const { ts = '' } = await web.chat.postMessage({ channel: ops, text: 'a & b', metadata });
  const read = async (more: object) => (await web.conversations.history({ channel: ops, ...more })).messages?.[0];
  expect(await read({})).toMatchObject({ ts, text: 'a &amp; b', bot_id: slack.workspace.app.botId });
  expect((await read({}))?.metadata).toEqual({ event_type: 'watchbell' });
  expect((await read({ include_all_metadata: true }))?.metadata).toEqual(metadata);
  await web.chat.update({ channel: ops, ts, text: 'c' });
  expect((await read({ include_all_metadata: true }))?.metadata).toEqual(metadata);
  slack.admin.setScopes(['channels:history']);
  expect((await read({ include_all_metadata: true }))?.metadata).toEqual({ event_type: 'watchbell' });
});

test('it rejects what Slack rejects', async () => {
  setting = await Setting.begin();
  const { web, ops, slack } = setting;
  const secret = slack.admin.addChannel('secret', { private: true, members: ['ann'] });
  const far = slack.admin.addChannel('far', { members: ['ann'] });
  const old = slack.admin.addChannel('old', { members: ['ann', 'bell'], archived: true });
  const ts = slack.people.say('ann', 'ops', 'hers');
  const own = (await web.chat.postMessage({ channel: ops, text: 'mine' })).ts ?? '';
  await web.reactions.add({ channel: ops, timestamp: ts, name: 'eyes' });
  const rejected: [string, string, JsonMap][] = [
    ['channel_not_found', 'chat.postMessage', { channel: 'C0NONE', text: 'x' }],
    ['channel_not_found', 'chat.postMessage', { channel: secret, text: 'x' }],
    ['not_in_channel', 'chat.postMessage', { channel: far, text: 'x' }],
    ['is_archived', 'chat.postMessage', { channel: old, text: 'x' }],
    ['no_text', 'chat.postMessage', { channel: ops, text: '' }],
    ['thread_not_found', 'chat.postMessage', { channel: ops, text: 'x', thread_ts: '1700000000.000001' }],
    ['invalid_metadata_format', 'chat.postMessage', { channel: ops, text: 'x', metadata: { event_type: 'a' } }],
    ['cant_update_message', 'chat.update', { channel: ops, ts, text: 'y' }],
    ['message_not_found', 'chat.update', { channel: ops, ts: '1.000001', text: 'y' }],
    ['msg_too_long', 'chat.update', { channel: ops, ts: own, text: 'y'.repeat(4001) }],
    ['cant_delete_message', 'chat.delete', { channel: ops, ts }],
    ['user_not_found', 'chat.postEphemeral', { channel: ops, user: 'U0NONE', text: 'x' }],
    ['already_reacted', 'reactions.add', { channel: ops, timestamp: ts, name: 'eyes' }],
    ['invalid_name', 'reactions.add', { channel: ops, timestamp: ts, name: '👀' }],
    ['no_reaction', 'reactions.remove', { channel: ops, timestamp: ts, name: 'x' }],
    ['not_in_channel', 'conversations.history', { channel: far }],
    ['invalid_cursor', 'conversations.history', { channel: ops, cursor: 'nonsense' }],
    ['method_not_supported_for_channel_type', 'conversations.join', { channel: slack.people.direct('ann') }],
    ['user_not_found', 'conversations.open', { users: 'U0NONE' }],
    ['too_long', 'conversations.setTopic', { channel: ops, topic: 'x'.repeat(251) }],
    ['no_such_subteam', 'usergroups.users.update', { usergroup: 'S0NONE', users: setting.id('ann') }],
    ['file_not_found', 'files.info', { file: 'F0NONE' }],
    ['not_allowed_token_type', 'apps.connections.open', {}],
    ['unknown_method', 'chat.shout', {}],
  ];
  for (const [error, method, given] of rejected)
    expect([method, given, await refusal(web.apiCall(method, given))]).toEqual([method, given, error]);
});

test('tokens: unknown, revoked, without the scope', async () => {
  setting = await Setting.begin();
  const { web, ops, slack } = setting;
  expect(await refusal(createClient('xoxb-other', slack.apiUrl).auth.test())).toBe('invalid_auth');
  expect(await refusal(createClient('', slack.apiUrl).auth.test())).toBe('not_authed');
  expect((await web.auth.test()).response_metadata?.scopes).toContain('chat:write');
  slack.admin.setScopes(['chat:write']);
  const missing = await web.conversations.history({ channel: ops }).catch((error: { data: JsonMap }) => error.data);
  expect(missing).toMatchObject({ error: 'missing_scope', needed: 'channels:history', provided: 'chat:write' });
  slack.admin.refuseTokens('token_revoked');
  expect(await refusal(web.auth.test())).toBe('token_revoked');
});

test('lists are paginated', async () => {
  setting = await Setting.begin({ maxPage: 2 });
  const { web, ops, slack } = setting;
  const said = Array.from({ length: 5 }, (_, index) => slack.people.say('ann', 'ops', `line ${index}`));
  const seen: unknown[] = [];
  for await (const page of web.paginate('conversations.history', { channel: ops, oldest: said[0] ?? '' }))
    seen.push(...((page as { messages?: { ts?: string }[] }).messages ?? []).map(({ ts }) => ts));
  expect(seen).toEqual(said.slice(1).toReversed());
  const members: unknown[] = [];
  for await (const page of web.paginate('conversations.members', { channel: ops }))
    members.push(...((page as { members?: string[] }).members ?? []));
  expect(members).toEqual(slack.admin.membersOf('ops'));
});

test('rate limits: one post per second and channel, fifty updates per minute, refilled over time', async () => {
  let nowMs = Date.now();
  setting = await Setting.begin({ limits: true, now: () => nowMs });
  const { web, ops, slack } = setting;
  const far = slack.admin.addChannel('far', { members: ['bell'] });
  const first = await web.chat.postMessage({ channel: ops, text: 'first' });
  const outcomes = async (count: number, call: () => Promise<unknown>) =>
    (await Promise.all(Array.from({ length: count }, () => refusal(call())))).filter((one) => one === 'accepted')
      .length;
  expect(await outcomes(5, () => web.chat.postMessage({ channel: ops, text: 'x' }))).toBe(2);
  expect(await outcomes(1, () => web.chat.postMessage({ channel: far, text: 'x' }))).toBe(1);
  const update = () => web.chat.update({ channel: ops, ts: first.ts ?? '', text: 'y' });
  expect(await outcomes(20, update)).toBe(10);
  const refused = await update().catch((error: { code: string; retryAfter: number }) => error);
  expect(refused).toMatchObject({ code: 'slack_webapi_rate_limited_error', retryAfter: 2 });
  nowMs += 2000;
  expect(await outcomes(5, () => web.chat.postMessage({ channel: ops, text: 'x' }))).toBe(2);
  expect(await outcomes(5, update)).toBe(1);
});

test('threads: replies are not in the history, and a deleted parent leaves a tombstone', async () => {
  setting = await Setting.begin();
  const { web, ops, slack } = setting;
  const { ts = '' } = await web.chat.postMessage({ channel: ops, text: 'parent' });
  const reply = slack.people.say('ann', 'ops', 'reply', { thread: ts });
  const history = async () => (await web.conversations.history({ channel: ops })).messages ?? [];
  expect(await history()).toMatchObject([{ ts, thread_ts: ts, reply_count: 1 }]);
  expect((await web.conversations.replies({ channel: ops, ts })).messages).toMatchObject([
    { ts },
    { ts: reply, parent_user_id: setting.id('bell') },
  ]);
  expect(await setting.post('x', { thread_ts: reply })).toBe('cannot_reply_to_message');
  const shared = slack.people.say('ann', 'ops', 'for all', { thread: ts, broadcast: true });
  expect(await history()).toMatchObject([{ ts: shared, subtype: 'thread_broadcast' }, { ts }]);
  await web.chat.delete({ channel: ops, ts });
  expect((await history()).at(-1)).toMatchObject({ ts, subtype: 'tombstone' });
  expect(await refusal(web.chat.update({ channel: ops, ts, text: 'x' }))).toBe('message_not_found');
});

test('an ephemeral message is seen by one user only and cannot be edited', async () => {
  setting = await Setting.begin();
  const { web, ops, slack } = setting;
  const { message_ts: ts = '' } = await web.chat.postEphemeral({ channel: ops, user: setting.id('ann'), text: 'psst' });
  expect(slack.admin.shown('ops', 'ann')).toMatchObject([{ ts, text: 'psst', onlyFor: setting.id('ann') }]);
  expect([slack.admin.shown('ops'), slack.admin.shown('ops', 'bob')]).toEqual([[], []]);
  expect((await web.conversations.history({ channel: ops })).messages).toEqual([]);
  expect(await refusal(web.chat.update({ channel: ops, ts, text: 'x' }))).toBe('message_not_found');
});

test('messages cannot be edited after the edit window', async () => {
  let nowMs = Date.now();
  setting = await Setting.begin({ editWindowMs: 60_000, now: () => nowMs });
  const { web, ops } = setting;
  const { ts = '' } = await web.chat.postMessage({ channel: ops, text: 'x' });
  const update = () => refusal(web.chat.update({ channel: ops, ts, text: 'y' }));
  expect(await update()).toBe('accepted');
  nowMs += 60_001;
  expect(await update()).toBe('edit_window_closed');
});

test('the same people have the same conversation; a user group cannot be emptied', async () => {
  setting = await Setting.begin();
  const { web, slack } = setting;
  const open = async (users: string): Promise<string> => (await web.conversations.open({ users })).channel?.id ?? '';
  const [ann, bob] = [setting.id('ann'), setting.id('bob')];
  expect(await open(ann)).toMatch(/^D/);
  expect(await open(ann)).toBe(await open(ann));
  expect(await open(`${ann},${bob}`)).toBe(await open(`${bob},${ann}`));
  const usergroup = slack.admin.addGroup('oncall', ['ann']);
  await web.usergroups.users.update({ usergroup, users: bob });
  expect(slack.admin.groupOf('oncall')).toEqual([bob]);
  expect(await refusal(web.usergroups.users.update({ usergroup, users: '' }))).toBe('no_users_provided');
  await web.usergroups.disable({ usergroup });
  expect(slack.admin.groupOf('oncall')).toEqual([]);
});

test('an uploaded file is shown a moment after it is completed', async () => {
  setting = await Setting.begin();
  const { web, ops, slack } = setting;
  await web.filesUploadV2({ channel_id: ops, file: Buffer.from('a,b'), filename: 't.csv', initial_comment: 'Look' });
  await until(() => slack.admin.shown('ops').length === 1);
  const [shown] = slack.admin.shown('ops');
  expect(shown).toMatchObject({ text: 'Look', files: [{ name: 't.csv' }] });
  const file = shown?.files[0]?.id ?? '';
  expect(slack.admin.fileText(file)).toBe('a,b');
  expect((await web.files.info({ file })).file?.shares).toMatchObject({ public: { [ops]: [{ ts: shown?.ts }] } });
});

test('faults: the request is not executed, or it is and the response is lost', async () => {
  setting = await Setting.begin();
  const { slack } = setting;
  const outcomes: unknown[] = [];
  const kinds = [
    'limited',
    'error',
    'html',
    'drop',
    'refuse',
    'unauthorised',
    'errorAfter',
    'htmlAfter',
    'dropAfter',
    'half',
    'slow',
  ] as const;
  for (const kind of kinds) {
    slack.faults.next({ kind });
    outcomes.push([kind, await setting.post(), slack.admin.shown('ops').length]);
  }
  expect(outcomes).toEqual([
    ['limited', 'slack_webapi_rate_limited_error', 0],
    ['error', 'slack_webapi_http_error', 0],
    ['html', 'slack_webapi_http_error', 0],
    ['drop', 'slack_webapi_request_error', 0],
    ['refuse', 'restricted_action', 0],
    ['unauthorised', 'invalid_auth', 0],
    ['errorAfter', 'slack_webapi_http_error', 1],
    ['htmlAfter', 'slack_webapi_http_error', 2],
    ['dropAfter', 'slack_webapi_request_error', 3],
    ['half', undefined, 4],
    ['slow', 'accepted', 5],
  ]);
  slack.faults.next({ kind: 'error', on: ['socket'] });
  const connect = () =>
    setting.listen().then(
      () => 'connected',
      () => 'refused',
    );
  expect([await connect(), await connect()]).toEqual(['refused', 'connected']);
});

test('it runs in a separate process', async () => {
  setting = await Setting.begin();
  const remote = await spawnFakeSlack();
  setting.onEnd(() => remote.close());
  await remote.admin.addUser('ann');
  const channel = await remote.admin.addChannel('ops', { members: ['ann', 'bell'] });
  const web = createClient('xoxb-bot', remote.apiUrl);
  await remote.faults.next({ kind: 'error' });
  expect(await refusal(web.chat.postMessage({ channel, text: 'x' }))).toBe('slack_webapi_http_error');
  await web.chat.postMessage({ channel, text: 'hello' });
  expect(await remote.admin.shown('ops')).toMatchObject([{ text: 'hello' }]);
  expect(await remote.requestCounts()).toMatchObject({ 'chat.postMessage': 2 });
  await expect(remote.admin.shown('none')).rejects.toThrow('channel_not_found');
});
