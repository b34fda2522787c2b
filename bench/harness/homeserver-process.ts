// The fake homeserver in its own process, with a clock that records to the microsecond when it accepted a message.
// `GET /_fake/named/WORD` waits until there is a message with that word in its content (an alert's name, or the id of the
// event it answers), and returns the time at which it was accepted, in `monotonicMs`.
import { openControl } from '../../test/fakes/matrix/control.ts';
import { createFakeHomeserver } from '../../test/fakes/matrix/homeserver.ts';
import { monotonicMs } from './clock.ts';

const NAMED = '/_fake/named/';
/** The message can arrive before the request for it. */
const RECENT = 30;
const { offsetMs } = JSON.parse(process.argv[2] ?? '{}') as { offsetMs: number };
const homeserver = await createFakeHomeserver({ now: () => monotonicMs() + offsetMs });
openControl(homeserver);

const waiting = new Map<string, (atMs: number) => void>();
const recent: { readonly content: string; readonly atMs: number }[] = [];
const { control } = homeserver;
homeserver.control = (request, response, body) => {
  if (!request.url?.startsWith(NAMED)) return control?.(request, response, body);
  const word = decodeURIComponent(request.url.slice(NAMED.length));
  const found = recent.find(({ content }) => content.includes(word));
  if (found) response.end(String(found.atMs));
  else waiting.set(word, (atMs) => response.end(String(atMs)));
};
const { onAppend } = homeserver.store;
homeserver.store.onAppend = (room, event) => {
  onAppend?.(room, event);
  if (event.type !== 'm.room.message') return;
  const message = { content: JSON.stringify(event.content), atMs: event.at - offsetMs };
  recent.push(message);
  if (recent.length > RECENT) recent.shift();
  for (const [word, tell] of waiting) {
    if (!message.content.includes(word)) continue;
    waiting.delete(word);
    // After the response to the sender.
    setImmediate(tell, message.atMs);
  }
};
process.on('disconnect', () => process.exit(0));
process.send?.(homeserver.url);
