import type { PlatformSetup } from '../connector.ts';

export const matrixSetup: PlatformSetup = {
  title: 'Matrix',
  intro:
    'You need an account for the bot on your homeserver, and a room without encryption that the bot is invited to. Step by step: docs/connecting-matrix.md',
  questions: [
    {
      option: 'homeserver',
      label: 'Homeserver address',
      help: 'The address that clients use, such as https://matrix.example.org. In Element: Settings, Help & About, "Homeserver is".',
    },
    {
      option: 'token',
      label: 'Access token of the bot',
      help: 'From a login made only for the bot (docs/connecting-matrix.md, "Get a token"). Leave it empty to let the bot log in with its user and password.',
      secretFile: 'matrix-token',
      optional: true,
    },
    { option: 'user', label: 'User of the bot', help: 'bell, or @bell:example.org.', unless: 'token' },
    { option: 'password', label: 'Password of the bot', secretFile: 'matrix-password', unless: 'token' },
  ],
  room: {
    label: 'Room for alerts',
    help: "Its address, such as #ops:example.org, or its id, !…; in Element: the room's settings, General or Advanced.",
    format: { pattern: /^[#!]\S+$/, remedy: 'an address looks like #ops:example.org, an id begins with "!"' },
  },
  account: {
    label: 'Your own Matrix account',
    help: 'Such as @ann:example.org.',
    format: { pattern: /^@\S+:\S+$/, remedy: 'an account looks like @ann:example.org' },
  },
};
