import type { ManifestKind } from '../connector.ts';
import { FURTHER_SCOPES, JOIN_SCOPE, SCOPES, SLASH_COMMAND_SCOPE } from './scopes.ts';

const EVENTS = [
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
];
const FURTHER_EVENTS = ['app_mention', 'message.mpim', 'channel_created'];

const SLASH_COMMAND = `
  slash_commands: # then set slashCommand: /bell in watchbell.yaml
    - command: /bell
      description: Sends a command to Watchbell
      usage_hint: help
      should_escape: false`;

/** See https://docs.slack.dev/reference/app-manifest; Slack accepts YAML with comments. */
export function slackManifest(kind: ManifestKind): string {
  const isEverything = kind === 'everything';
  const scopes = isEverything ? [...SCOPES, ...FURTHER_SCOPES, SLASH_COMMAND_SCOPE, JOIN_SCOPE] : SCOPES;
  const events = isEverything ? [...EVENTS, ...FURTHER_EVENTS] : EVENTS;
  return `# ${isEverything ? 'Everything: alerts, coffee, a slash command, joining channels, files, topics and user groups.' : 'Alerts only.'}
# At https://api.slack.com/apps: "Create New App", "From a manifest", your workspace, then paste this into the tab "YAML".
display_information:
  name: Watchbell
  description: Posts alerts, and lets you acknowledge them
features:
  app_home: # people message the bot in its tab "Messages"
    home_tab_enabled: false
    messages_tab_enabled: true
    messages_tab_read_only_enabled: false
  bot_user:
    display_name: watchbell
    always_online: true${isEverything ? SLASH_COMMAND : ''}
oauth_config:
  scopes:
    bot:
${scopes.map(({ scope, without }) => `      - ${scope} # without it: ${without}`).join('\n')}
settings:
  event_subscriptions: # over HTTP instead of Socket Mode, add request_url: https://bell.example.org/webhooks/slack/slack
    bot_events:
${events.map((event) => `      - ${event}`).join('\n')}
    metadata_subscriptions: # marks the bot's own messages
      - app_id: '*'
        event_type: watchbell
  interactivity: # buttons; over HTTP, the same request_url
    is_enabled: true
  org_deploy_enabled: false
  socket_mode_enabled: true # false over HTTP
  token_rotation_enabled: false
`;
}
