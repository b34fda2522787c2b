import { slackOptions } from './options.ts';

const botToken = { file: 'bot' };
const appToken = { file: 'app' };
const signingSecret = { file: 'signing' };

test('exactly one of appToken and signingSecret is required', () => {
  expect(slackOptions.safeParse({ botToken, appToken }).success).toBe(true);
  expect(slackOptions.safeParse({ botToken, signingSecret }).success).toBe(true);
  for (const given of [{ botToken }, { botToken, appToken, signingSecret }])
    expect(slackOptions.safeParse(given).error?.issues).toMatchObject([
      { message: 'set either `appToken` (Socket Mode) or `signingSecret` (events over HTTP), not both' },
    ]);
});

test('by default, the API is Slack itself, and there is no slash command', () => {
  expect(slackOptions.parse({ botToken, appToken })).toEqual({
    ...{ botToken, appToken, joinNewChannels: false, apiUrl: 'https://slack.com/api/' },
  });
});

test.each(['bell', '/', '/Bell', '/bell help', '//bell'])('%j is not a slash command', (slashCommand) => {
  expect(slackOptions.safeParse({ botToken, appToken, slashCommand }).success).toBe(false);
});
