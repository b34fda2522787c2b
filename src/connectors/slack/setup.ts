import type { PlatformSetup } from '../connector.ts';
import { slackManifest } from './manifest.ts';

export const slackSetup: PlatformSetup = {
  title: 'Slack',
  intro: `You need an app, installed in your workspace.
1. "watchbell init --platform slack --print-manifest alerts" prints what the app needs for alerts; "everything" instead of "alerts" adds coffee, a slash command, joining channels, files and user groups.
2. https://api.slack.com/apps: "Create New App", "From a manifest", your workspace, then paste it into the tab "YAML".
3. "Install App", "Install to Workspace".
4. In the channel for alerts, type: /invite @watchbell`,
  questions: [
    {
      option: 'botToken',
      label: 'Bot token',
      help: 'In the app at https://api.slack.com/apps: "OAuth & Permissions", "Bot User OAuth Token".',
      secretFile: 'slack-bot-token',
      format: { pattern: /^xoxb-\S+$/, remedy: 'a bot token begins with xoxb-' },
    },
    {
      option: 'appToken',
      label: 'App-level token',
      help: '"Basic Information", "App-Level Tokens", "Generate Token and Scopes", with the scope connections:write. Leave it empty to receive events over HTTP instead of Socket Mode.',
      secretFile: 'slack-app-token',
      format: { pattern: /^xapp-\S+$/, remedy: 'an app-level token begins with xapp-' },
      optional: true,
    },
    {
      option: 'signingSecret',
      label: 'Signing secret',
      help: '"Basic Information", "App Credentials", "Signing Secret". Slack posts events to /webhooks/slack/slack on the bot.',
      secretFile: 'slack-signing-secret',
      unless: 'appToken',
    },
    {
      option: 'slashCommand',
      label: 'Slash command',
      help: 'As listed under "Slash Commands" of the app, such as /bell.',
      optional: true,
    },
  ],
  room: {
    label: 'Channel for alerts',
    help: 'Its id, such as C024BE91L: click the channel\'s name, "About", at the bottom.',
    format: { pattern: /^[CG][A-Z0-9]+$/, remedy: 'a channel id looks like C024BE91L; its name is not enough' },
  },
  account: {
    label: 'Your own member id',
    help: 'Your profile, "⋮", "Copy member ID": U012AB3CD.',
    format: { pattern: /^[UW][A-Z0-9]+$/, remedy: 'a member id looks like U012AB3CD' },
  },
  manifest: slackManifest,
};
