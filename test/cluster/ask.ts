/**
 * Asks the homeserver in the same pod what its room shows.
 *   node test/cluster/ask.ts shown NAME COUNT [STATE]   waits until NAME0001… are all shown, each once; prints what is wrong
 *   node test/cluster/ask.ts say TEXT [ANSWER]          sends it as Ann; prints the milliseconds until an answer contains ANSWER
 */
import { connectFakeHomeserver } from '../fakes/matrix/remote.ts';

const WAIT_MS = 60_000;
const homeserver = connectFakeHomeserver('http://127.0.0.1:8008');
const bot = '@bell:fake.test';
const [verb, ...given] = process.argv.slice(2);
const room = await roomId();

if (verb === 'shown') await verify(given[0] ?? '', Number(given[1]), given[2] ?? '');
else if (verb === 'say') await say(given[0] ?? '', given[1]);
else throw new Error('give a command: shown or say');

async function roomId(): Promise<string> {
  const response = await fetch('http://127.0.0.1:8008/_matrix/client/v3/directory/room/%23ops%3Afake.test', {
    headers: { authorization: `Bearer ${process.env['BOT_TOKEN'] ?? ''}` },
  });
  return ((await response.json()) as { room_id: string }).room_id;
}

/** First lines of the bot's messages; one that continues below is an older copy of the same alert. */
async function heads(): Promise<string[]> {
  const shown = await homeserver.shown(room);
  return shown
    .filter(({ sender, text }) => sender === bot && !text.includes('continued below'))
    .map(({ text }) => text.split('\n')[0] ?? '');
}

async function verify(name: string, count: number, state: string): Promise<void> {
  const names = Array.from({ length: count }, (_, index) => `${name}${String(index + 1).padStart(4, '0')}`);
  for (const until = Date.now() + WAIT_MS; ; await pause(200)) {
    const lines = await heads();
    const copies = names.map((one) => lines.filter((line) => new RegExp(`\\b${one} #\\d+`).test(line)));
    const lost = names.filter((_, index) => !copies[index]?.some((line) => line.includes(state)));
    const doubled = names.filter((_, index) => (copies[index]?.length ?? 0) > 1);
    if (lost.length > 0 && Date.now() < until) continue;
    if (lost.length === 0 && doubled.length === 0) return console.log(`${count} shown, each once`);
    console.log(`lost: ${lost.join(' ') || 'none'}; doubled: ${doubled.join(' ') || 'none'}`);
    process.exit(1);
  }
}

async function say(text: string, answer = ''): Promise<void> {
  const before = (await homeserver.shown(room)).length;
  const from = performance.now();
  await homeserver.say('ann', room, text);
  for (const until = Date.now() + WAIT_MS; Date.now() < until; await pause(50)) {
    const since = (await homeserver.shown(room)).slice(before);
    if (since.some((one) => one.sender === bot && one.text.includes(answer)))
      return console.log(Math.round(performance.now() - from));
  }
  console.log(`no answer to "${text}" within ${WAIT_MS / 1000} s`);
  process.exit(1);
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
