/** What the bot token must be granted, and what it costs where it is not. */
export const SCOPES: readonly { readonly scope: string; readonly without: string }[] = [
  { scope: 'chat:write', without: 'nothing can be posted' },
  {
    scope: 'channels:history',
    without: 'nothing said in public channels is heard, and a send that is repeated may show twice',
  },
  {
    scope: 'groups:history',
    without: 'nothing said in private channels is heard, and a send that is repeated may show twice',
  },
  { scope: 'im:history', without: 'direct messages are not heard' },
  { scope: 'mpim:history', without: 'conversations of several people are not heard' },
  {
    scope: 'channels:read',
    without: 'members of public channels are not known, and missed messages not caught up with',
  },
  {
    scope: 'groups:read',
    without: 'members of private channels are not known, and missed messages not caught up with',
  },
  { scope: 'im:read', without: 'missed direct messages are not caught up with' },
  { scope: 'mpim:read', without: 'missed messages in conversations of several people are not caught up with' },
  { scope: 'im:write', without: 'nobody can be written to directly' },
  { scope: 'mpim:write', without: 'no conversations of several people can be opened' },
  { scope: 'users:read', without: 'people are shown as ids and count as guests' },
  { scope: 'reactions:read', without: 'reactions are not heard' },
  { scope: 'reactions:write', without: 'the bot cannot react' },
  { scope: 'files:write', without: 'files and pictures are described in words' },
  { scope: 'files:read', without: 'files cannot be posted' },
  { scope: 'metadata.message:read', without: 'a send that is repeated may show twice' },
];

/** Needed for what not everybody uses. */
export const FURTHER_SCOPES: readonly { readonly scope: string; readonly without: string }[] = [
  { scope: 'app_mentions:read', without: 'mentions in channels that the bot is not in are not heard' },
  { scope: 'channels:manage', without: 'topics of public channels cannot be set' },
  { scope: 'groups:write', without: 'topics of private channels cannot be set' },
  { scope: 'usergroups:read', without: 'user groups are to be named by their ids' },
  { scope: 'usergroups:write', without: 'user groups cannot be kept equal to who is on call' },
];
