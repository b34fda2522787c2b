import { slackOptions } from './options.ts';

const botToken = { file: 'bot' };
const appToken = { file: 'app' };
const signingSecret = { file: 'signing' };

test('events come one way: Socket Mode or HTTP', () => {
  expect(slackOptions.safeParse({ botToken, appToken }).success).toBe(true);
  expect(slackOptions.safeParse({ botToken, signingSecret }).success).toBe(true);
  for (const given of [{ botToken }, { botToken, appToken, signingSecret }])
    expect(slackOptions.safeParse(given).error?.issues).toMatchObject([
      { message: 'give either `appToken` (Socket Mode) or `signingSecret` (events over HTTP), not both' },
    ]);
});

test('what is left out is Slack itself, without a slash command', () => {
  expect(slackOptions.parse({ botToken, appToken })).toEqual({
    ...{ botToken, appToken, joinNewChannels: false, apiUrl: 'https://slack.com/api/' },
  });
});

test.each(['bell', '/', '/Bell', '/bell help', '//bell'])('%j is no slash command', (slashCommand) => {
  expect(slackOptions.safeParse({ botToken, appToken, slashCommand }).success).toBe(false);
});
