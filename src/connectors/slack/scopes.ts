export interface Scope {
  readonly scope: string;
  /** What does not work if it is not granted; completes "without it: …". */
  readonly without: string;
}

/** What the bot token needs for alerts; `doctor` reports each that is missing. */
export const SCOPES: readonly Scope[] = [
  { scope: 'chat:write', without: 'nothing can be posted' },
  {
    scope: 'channels:history',
    without: 'messages in public channels are not read, and a retried message may appear twice',
  },
  {
    scope: 'groups:history',
    without: 'messages in private channels are not read, and a retried message may appear twice',
  },
  { scope: 'im:history', without: 'direct messages are not read' },
  {
    scope: 'channels:read',
    without: 'members of public channels are unknown, and messages sent while the bot was offline are missed',
  },
  {
    scope: 'groups:read',
    without: 'members of private channels are unknown, and messages sent while the bot was offline are missed',
  },
  { scope: 'im:read', without: 'direct messages sent while the bot was offline are missed' },
  { scope: 'mpim:read', without: 'direct messages sent while the bot was offline are missed' },
  { scope: 'im:write', without: 'direct messages cannot be sent' },
  { scope: 'users:read', without: 'people are shown as ids and treated as guests' },
  { scope: 'reactions:read', without: 'reactions are ignored' },
  { scope: 'reactions:write', without: 'the bot cannot react' },
  { scope: 'metadata.message:read', without: 'a retried message may appear twice' },
];

/** For optional features. */
export const FURTHER_SCOPES: readonly Scope[] = [
  { scope: 'app_mentions:read', without: 'mentions in channels that the bot is not in are missed' },
  { scope: 'mpim:history', without: 'messages in group conversations, such as coffee pairs, are not read' },
  { scope: 'mpim:write', without: 'coffee cannot open group conversations' },
  { scope: 'files:write', without: 'files and pictures are described in words' },
  { scope: 'files:read', without: 'files and pictures are described in words' },
  { scope: 'channels:manage', without: 'topics of public channels cannot be set' },
  { scope: 'groups:write', without: 'topics of private channels cannot be set' },
  { scope: 'usergroups:read', without: 'user groups must be configured by id' },
  { scope: 'usergroups:write', without: 'user groups cannot follow who is on call' },
];

/** For the option `slashCommand`. */
export const SLASH_COMMAND_SCOPE: Scope = { scope: 'commands', without: 'the slash command does not exist' };

/** For the option `joinNewChannels`. */
export const JOIN_SCOPE: Scope = { scope: 'channels:join', without: 'new channels cannot be joined' };
