import { createSlackWorld } from '../../../test/fakes/slack/world.ts';
import { describeConnector } from '../conformance.ts';
import { slackOptions } from './options.ts';
import { slack } from './platform.ts';

const secret = { file: 'secret' };

describeConnector({
  name: 'slack over Socket Mode',
  capabilities: slack.capabilities(slackOptions.parse({ botToken: secret, appToken: secret, slashCommand: '/bell' })),
  cannot: ['echo changes', 'post to routes', 'tell conversations of the same people apart'],
  setUp: () => createSlackWorld('socket'),
});

describeConnector({
  name: 'slack over HTTP',
  capabilities: slack.capabilities(
    slackOptions.parse({ botToken: secret, signingSecret: secret, slashCommand: '/bell' }),
  ),
  cannot: ['hear', 'echo', 'echo changes', 'tell conversations of the same people apart'],
  setUp: () => createSlackWorld('http'),
});
