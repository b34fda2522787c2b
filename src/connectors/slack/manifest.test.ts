import type { AppsManifestCreateArguments } from '@slack/web-api';
import { parse } from 'yaml';
import { createSlackWorld } from '../../../test/fakes/slack/world.ts';
import { slackManifest } from './manifest.ts';

type Manifest = AppsManifestCreateArguments['manifest'];

const read = (kind: 'alerts' | 'everything'): Manifest => parse(slackManifest(kind)) as Manifest;

test('the manifest for alerts is complete, and requests nothing that only other skills need', () => {
  const expected: Manifest = {
    display_information: { name: 'Watchbell', description: 'Posts alerts, and lets you acknowledge them' },
    features: {
      app_home: { home_tab_enabled: false, messages_tab_enabled: true, messages_tab_read_only_enabled: false },
      bot_user: { display_name: 'watchbell', always_online: true },
    },
    oauth_config: {
      scopes: {
        bot: [
          'chat:write',
          'channels:history',
          'groups:history',
          'im:history',
          'channels:read',
          'groups:read',
          'im:read',
          'mpim:read',
          'im:write',
          'users:read',
          'reactions:read',
          'reactions:write',
          'metadata.message:read',
        ],
      },
    },
    settings: {
      event_subscriptions: {
        bot_events: [
          'message.channels',
          'message.groups',
          'message.im',
          'reaction_added',
          'reaction_removed',
          'member_joined_channel',
          'channel_left',
          'group_left',
          'channel_archive',
          'group_archive',
          'channel_deleted',
          'group_deleted',
          'user_change',
          'tokens_revoked',
          'app_uninstalled',
        ],
        metadata_subscriptions: [{ app_id: '*', event_type: 'watchbell' }],
      },
      interactivity: { is_enabled: true },
      org_deploy_enabled: false,
      socket_mode_enabled: true,
      token_rotation_enabled: false,
    },
  };
  expect(read('alerts')).toEqual(expected);
});

test('the manifest for everything adds what coffee, the slash command, joining, files and user groups need', () => {
  const [alerts, everything] = [read('alerts'), read('everything')];
  const added = <T>(all: readonly T[] = [], before: readonly T[] = []): T[] =>
    all.filter((one) => !before.includes(one));
  expect(added(everything.oauth_config?.scopes?.bot, alerts.oauth_config?.scopes?.bot).sort()).toEqual([
    'app_mentions:read',
    'channels:join',
    'channels:manage',
    'commands',
    'files:read',
    'files:write',
    'groups:write',
    'mpim:history',
    'mpim:write',
    'usergroups:read',
    'usergroups:write',
  ]);
  const events = (manifest: Manifest) => manifest.settings?.event_subscriptions?.bot_events;
  expect(added(events(everything), events(alerts)).sort()).toEqual(['app_mention', 'channel_created', 'message.mpim']);
  expect(everything.features?.slash_commands).toEqual([expect.objectContaining({ command: '/bell' })]);
});

test('every scope has a comment on what does not work without it', () => {
  for (const scope of read('everything').oauth_config?.scopes?.bot ?? [])
    expect(slackManifest('everything')).toMatch(new RegExp(`- ${scope} # without it: \\w`));
});

test.each(['alerts', 'everything'] as const)(
  'doctor finds no problem in an app created from the manifest: %s',
  async (kind) => {
    const world = await createSlackWorld('socket');
    world.slack.admin.setScopes(read(kind).oauth_config?.scopes?.bot ?? []);
    const given = kind === 'alerts' ? { slashCommand: undefined } : { slashCommand: '/bell', joinNewChannels: true };
    const connector = await world.connect(given);
    try {
      const findings = (await connector.examine?.([world.room], AbortSignal.timeout(10_000))) ?? [];
      expect(findings.filter(({ ok }) => !ok)).toEqual([]);
      const withheld = findings.filter(({ message }) => message.startsWith('not granted'));
      expect(withheld.length > 0).toBe(kind === 'alerts');
    } finally {
      await connector.stop();
      await world.close();
    }
  },
);
