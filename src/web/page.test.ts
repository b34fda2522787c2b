import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { startTestServer, until } from '../http/testing-server.ts';
import { createLogger } from '../log.ts';
import { MemorySessionStore } from './memory-session-store.ts';
import { MemoryWebChat } from './memory-web-chat.ts';
import { createWebPages } from './pages.ts';
import { createSignIn } from './session.ts';

const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath = BROWSERS.find((path) => existsSync(path));
if (executablePath === undefined)
  console.warn('SKIPPED: the page in a real browser; to run it: apt-get install chromium');

const inBrowser = executablePath === undefined ? describe.skip : describe;

inBrowser('the page on a phone', () => {
  let browser: Browser;
  let page: Page;
  let chat: MemoryWebChat;
  let sessions: MemorySessionStore;
  let running: Awaited<ReturnType<typeof startTestServer>>;
  const pageErrors: string[] = [];

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  });
  afterAll(() => browser?.close());

  beforeEach(async () => {
    pageErrors.length = 0;
    chat = new MemoryWebChat();
    sessions = new MemorySessionStore();
    running = await startTestServer({ pages: [pages()] });
    page = await (await browser.newContext({ viewport: { width: 390, height: 844 } })).newPage();
    page.on('pageerror', (error) => pageErrors.push(error.message));
    page.on('console', (message) => {
      // The browser itself logs requests that fail on purpose.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
        pageErrors.push(message.text());
    });
    await page.goto(`${running.url}/sign-in#${await createSignIn(sessions, new Date())}`);
    await page.getByRole('status').getByText('live').waitFor();
  });
  afterEach(async () => {
    await page.context().close();
    await running.end();
    expect(pageErrors).toEqual([]);
  });

  const pages = () => createWebPages({ chat, sessions, log: createLogger({ level: 'silent' }) });
  const line = (id: string) => page.locator(`[data-line="${id}"]`);

  test('a sent line appears once, and messages of the bot appear without a reload', async () => {
    await page.getByLabel('Write a message').fill('help');
    await page.keyboard.press('Enter');
    await page.getByRole('article').getByText('help').waitFor();
    await page.locator('[data-unsent]').waitFor({ state: 'detached' });
    chat.show('ops', 'm1', 'I bring **alerts**, see [the docs](https://docs.example.org)');
    await line('m1').getByRole('link', { name: 'the docs' }).waitFor();
    expect(await line('m1').locator('strong').textContent()).toBe('alerts');
    expect(chat.sent.map(({ text }) => text)).toEqual(['help']);
    expect(await page.getByRole('article').count()).toBe(2);
  });

  test('a double-clicked button is sent once, as its command', async () => {
    const action = { label: 'Ack', emoji: '👀', command: 'ack 12' };
    chat.show('ops', 'm1', { tone: 'critical', title: 'pods crash #12', actions: [action] });
    let answer = (): void => {};
    chat.pressing = new Promise((resolve) => (answer = resolve));
    await page.getByRole('button', { name: 'Ack' }).dblclick();
    answer();
    await until('the press arrives', () => chat.pressed.length > 0);
    await page.getByRole('button', { name: 'Ack', disabled: false }).waitFor();
    expect(chat.pressed).toMatchObject([{ pressed: { message: 'm1', version: 1, index: 0 } }]);
  });

  test('an edit changes the message in place, with the state in words', async () => {
    chat.show('ops', 'm1', { tone: 'critical', title: 'pods crash #12' });
    chat.show('ops', 'm2', 'later');
    await line('m2').waitFor();
    expect(await line('m1').locator('.title').textContent()).toBe('CRITICAL pods crash #12');
    chat.show('ops', 'm1', { tone: 'ok', title: '🟢 RESOLVED after 37 min · pods crash #12' });
    await line('m1').getByText('RESOLVED after 37 min').waitFor();
    expect(await page.getByRole('article').evaluateAll((all) => all.map((one) => one.dataset['line']))).toEqual([
      'm1',
      'm2',
    ]);
    chat.show('ops', 'm1', 'gone', { deleted: true });
    await line('m1').waitFor({ state: 'detached' });
  });

  test('a line sent while the bot is unreachable is marked and arrives once when it is back', async () => {
    let tries = 0;
    chat.before = () => {
      tries++;
      throw new Error('away');
    };
    await page.getByLabel('Write a message').fill('ack all');
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByText('sending …').waitFor();
    await until('it was tried twice', () => tries >= 2);
    chat.before = () => {};
    await page.getByText('sending …').waitFor({ state: 'detached' });
    expect(chat.sent.map(({ text }) => text)).toEqual(['ack all']);
  });

  test('after the stream breaks, the page reconnects and shows what it missed', async () => {
    chat.show('ops', 'm1', 'before');
    await line('m1').waitFor();
    const { port } = running.server;
    await running.end();
    await page.getByText('offline').waitFor();
    chat.show('ops', 'm1', 'after');
    running = await startTestServer({
      port,
      portFixed: true,
      pages: [pages()],
    });
    await line('m1').getByText('after').waitFor();
    await page.getByRole('status').getByText('live').waitFor();
  });

  test('external text stays text, and nothing is wider than the phone', async () => {
    const hostile = '<img src=x onerror="document.title=1"><script>document.title=1</script>';
    chat.show('ops', 'm1', {
      tone: 'warning',
      title: hostile,
      text: `${hostile} [x](javascript:alert(1)) ${'w'.repeat(500)}`,
      fields: [{ label: hostile, value: 'v'.repeat(300) }],
      code: `${hostile}${'c'.repeat(500)}`,
      links: [{ label: 'source', url: 'javascript:document.title=1' }],
      actions: [{ label: hostile, emoji: '👀', command: 'x' }],
    });
    await line('m1').waitFor();
    expect(await line('m1').locator('img, script, a').count()).toBe(0);
    expect(await page.title()).toBe('Watchbell');
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    expect(await page.locator('main').evaluate((main) => main.scrollWidth - main.clientWidth)).toBe(0);
  });

  test('a reply shows the message it answers, and another room is one tap away', async () => {
    chat.show('ops', 'm1', { title: 'pods crash #12' });
    await page.getByRole('button', { name: 'Reply to: pods crash #12' }).click();
    await page.getByLabel('Write a message').fill('ack');
    await page.keyboard.press('Enter');
    await until('it arrives', () => chat.sent.length === 1);
    expect(chat.sent[0]).toMatchObject({ text: 'ack', replyTo: 'm1' });
    chat.show('random', 'r1', 'another room');
    await page.getByRole('link', { name: 'random' }).click();
    await line('r1').waitFor();
    expect(await line('m1').count()).toBe(0);
  });

  test('an invalid encoding in the URL opens the first room', async () => {
    await page.goto('about:blank');
    await page.goto(`${running.url}/#%`);
    await page.getByRole('status').getByText('live').waitFor();
    await page.evaluate(() => (location.hash = '#random'));
    await page.getByRole('link', { name: 'random' }).and(page.locator('[aria-current=page]')).waitFor();
    await page.evaluate(() => (location.hash = '#%E0%A4%A'));
    await page.getByRole('link', { name: 'ops' }).and(page.locator('[aria-current=page]')).waitFor();
  });

  test('an unsent line survives a reload of the page', async () => {
    chat.before = () => {
      throw new Error('away');
    };
    await page.getByLabel('Write a message').fill('ack 12');
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByText('sending …').waitFor();
    await page.reload();
    await page.getByText('sending …').waitFor();
    chat.before = () => {};
    await page.getByText('sending …').waitFor({ state: 'detached' });
    expect(chat.sent.map(({ text }) => text)).toEqual(['ack 12']);
  });

  test('invalid data in the session storage does not break the page', async () => {
    for (const left of ['{}', '[null, 5, {"id": 1}]']) {
      await page.evaluate((value) => sessionStorage.setItem('watchbell.unsent', value), left);
      await page.reload();
      await page.getByRole('status').getByText('live').waitFor();
      await page.getByText('No messages yet').waitFor();
    }
  });

  test('a picture of a message is shown', async () => {
    const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
    chat.show('ops', 'm1', { text: 'who met whom', image: { png, width: 20, height: 20, alt: 'who met whom' } });
    const image = line('m1').getByRole('img', { name: 'who met whom' });
    await image.waitFor();
    await until('it is decoded', () => image.evaluate((node) => (node as HTMLImageElement).complete));
    expect(await image.evaluate((node) => (node as HTMLImageElement).naturalWidth)).toBe(1);
  });

  test('the printed link opens the chat in one browser, and leaves no trace in the history', async () => {
    expect(new URL(page.url())).toMatchObject({ pathname: '/', hash: '' });
    await page.goBack();
    expect(page.url()).toBe('about:blank');

    const key = await createSignIn(sessions, new Date());
    await page.goto(`${running.url}/sign-in#${key}`);
    await page.getByRole('status').getByText('live').waitFor();
    const other = await browser.newPage();
    await other.goto(`${running.url}/sign-in#${key}`);
    await other.getByText('Not signed in: this link has been used').waitFor();
    await other.getByText('npm run watchbell sign-in').waitFor();
    expect(other.url()).toBe(`${running.url}/sign-in`);
    await other.goto(running.url);
    await other.getByText('You are not signed in').waitFor();
    await other.close();
  });

  test('a printed link opened while the bot is unreachable signs in when it is back', async () => {
    const key = await createSignIn(sessions, new Date());
    sessions.before = () => {
      throw new Error('away');
    };
    const other = await browser.newPage();
    let answered = 0;
    other.on('response', (response) => (answered += response.status() === 503 ? 1 : 0));
    await other.goto(`${running.url}/sign-in#${key}`);
    await until('it was tried', () => answered > 0);
    sessions.before = () => {};
    await other.getByRole('status').getByText('live').waitFor();
    await other.close();
  });

  test('after signing out, all tabs show how to sign in', async () => {
    const tab = await page.context().newPage();
    await tab.goto(running.url);
    await tab.getByRole('status').getByText('live').waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByText('You are not signed in').waitFor();
    await tab.getByLabel('Write a message').fill('help');
    await tab.keyboard.press('Enter');
    await tab.getByText('You are not signed in').waitFor();
    await tab.close();
  });

  test('earlier lines are one press away, and the view does not jump', async () => {
    chat.most = 20;
    for (let number = 1; number <= 50; number++) chat.show('ops', `m${number}`, `line ${number}`);
    await page.reload();
    await line('m50').waitFor();
    expect(await page.getByRole('article').count()).toBe(20);
    const earlier = page.getByRole('button', { name: 'Earlier' });
    await earlier.click();
    await line('m11').waitFor();
    const place = (): Promise<number> => line('m31').evaluate((node) => node.getBoundingClientRect().top);
    expect(await place()).toBeGreaterThan(0);
    chat.show('ops', 'm11', 'line 11, changed');
    await line('m11').getByText('changed').waitFor();
    // A line that is not on the page yet does not appear alone.
    chat.show('ops', 'm1', 'line 1, changed');
    chat.show('ops', 'm51', 'line 51');
    await line('m51').waitFor();
    expect(await line('m1').count()).toBe(0);
    await earlier.click();
    await line('m1').getByText('line 1, changed').waitFor();
    await earlier.waitFor({ state: 'detached' });
    expect(await page.getByRole('article').count()).toBe(51);
  });

  test('works below a base path', async () => {
    const log = createLogger({ level: 'silent' });
    const below = await startTestServer({
      basePath: '/bell',
      pages: [createWebPages({ chat, sessions, basePath: '/bell', log })],
    });
    try {
      await page.goto(`${below.url}/bell/sign-in#${await createSignIn(sessions, new Date())}`);
      await page.getByRole('status').getByText('live').waitFor();
      await page.getByLabel('Write a message').fill('help');
      await page.keyboard.press('Enter');
      await until('it arrives', () => chat.sent.length === 1);
    } finally {
      await page.goto('about:blank');
      await below.end();
    }
  });
});
