// The fake Slack as a separate process: `node test/fakes/slack/main.ts '{"limits":true}'`
// prints its address and serves until it is killed or its standard input ends.
import { openControl } from './control.ts';
import { createFakeSlack } from './slack.ts';
import type { SlackOptions } from './types.ts';

const slack = await createFakeSlack(JSON.parse(process.argv[2] ?? '{}') as SlackOptions);
openControl(slack);
console.log(slack.url);
// Exits with the test that started it, however that ends.
process.stdin.on('end', () => process.exit(0)).resume();
