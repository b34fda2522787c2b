/**
 * Draws docs/images/alert-matrix.png and alert-slack.png: what a bot on the fakes of both platforms sent, in the manner of their
 * clients. `npm run pictures`; it needs a Chromium.
 */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import alerts from '../skills/alerts/index.ts';
import { samplePayload, type SampleOptions } from '../skills/alerts/sample.ts';
import { startTestBot } from '../src/testing/index.ts';
import { createFakeHomeserver } from '../test/fakes/matrix/homeserver.ts';
import { createFakeSlack } from '../test/fakes/slack/slack.ts';
import { until } from '../test/harness/until.ts';
import { compactPng } from './pictures/compact-png.ts';
import { matrixPage, slackPage } from './pictures/pages.ts';

const ROOT = join(import.meta.dirname, '..');
const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const MINUTE_MS = 60_000;
const BELL = '@bell:example.org';

async function pages(): Promise<Readonly<Record<string, string>>> {
  await using clean = new AsyncDisposableStack();
  const homeserver = await createFakeHomeserver({ serverName: 'example.org' });
  clean.defer(() => homeserver.close());
  const { token } = homeserver.addUser('bell', { displayName: 'Watchbell' });
  homeserver.addUser('ann', { displayName: 'Ann Li' });
  const room = homeserver.createRoom({ creator: 'ann', members: ['bell'], alias: 'ops' });
  const slack = await createFakeSlack({ metadataSubscriptions: ['watchbell'] });
  clean.defer(() => slack.close());
  clean.defer(() => slack.events.close());
  const ann = slack.admin.addUser('ann', { displayName: 'Ann Li' });
  const channel = slack.admin.addChannel('ops', { members: ['bell', 'ann'] });
  const bot = await startTestBot({
    skills: [alerts],
    migrations: { alerts: join(ROOT, 'skills/alerts/migrations') },
    options: {
      alerts: {
        sources: { prod: { tokens: [{ file: 'alerts' }], labels: { cluster: 'prod-eu' } } },
        route: { rooms: ['ops'], policy: 'remind' },
        policies: { remind: { remindEvery: '30m', ackTimeout: '4h' } },
      },
    },
    secrets: { token, alerts: 'secret', bot: slack.botToken, app: slack.appToken },
    config: {
      connectors: {
        memory: {},
        matrix: { homeserver: homeserver.url, token: { file: 'token' } },
        slack: { botToken: { file: 'bot' }, appToken: { file: 'app' }, apiUrl: slack.apiUrl },
      },
      rooms: { ops: { in: { matrix: '#ops:example.org', slack: channel } } },
      people: { ann: { name: 'Ann Li', accounts: { matrix: '@ann:example.org', slack: ann } } },
    },
  });
  clean.defer(() => bot.stop());
  await until(async () => (await bot.query('select 1 from cursors')).length === 3);

  const onMatrix = () => homeserver.shown(room);
  const onSlack = () => slack.admin.shown(channel);
  const post = async (sample: SampleOptions): Promise<void> => {
    const { length } = onMatrix();
    await bot.webhook('alertmanager/prod', samplePayload(sample), 'secret');
    await until(() => onMatrix().length > length && onMatrix().at(-1)?.reactions.length === 1);
  };
  await post({
    labels: { pod: 'api-7c9f4' },
    summary: 'api-7c9f4 restarted 6 times in 10 min: out of memory',
    startsAt: new Date(Date.now() - 3 * MINUTE_MS),
  });
  const [first] = onMatrix();
  homeserver.react('ann', room, first?.id ?? '', '👀');
  await until(() => [...onMatrix(), ...onSlack()].filter(({ text }) => text.startsWith('Ann Li has #1')).length === 2);
  await bot.settle();
  await post({
    name: 'KubePersistentVolumeFillingUp',
    labels: { pod: 'db-0' },
    summary: 'the volume of db-0 has 3% free, and is full in 2 hours',
    startsAt: new Date(Date.now() - MINUTE_MS),
  });
  return {
    matrix: matrixPage(onMatrix(), (id) => (id === BELL ? 'Watchbell' : 'Ann Li')),
    slack: slackPage(onSlack()),
  };
}

const executablePath = BROWSERS.find((path) => existsSync(path));
if (executablePath === undefined) throw new Error(`no Chromium at ${BROWSERS.join(', ')}: apt-get install chromium`);
const drawn = await pages();
const browser = await chromium.launch({
  executablePath,
  args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-lcd-text'],
});
try {
  for (const [name, html] of Object.entries(drawn)) {
    const page = await browser.newPage({ viewport: { width: 540, height: 800 }, deviceScaleFactor: 1.5 });
    await page.setContent(html);
    await page.evaluate('document.fonts.ready');
    await writeFile(join(ROOT, `docs/images/alert-${name}.png`), compactPng(await page.locator('main').screenshot()));
  }
} finally {
  await browser.close();
}
