// The fake homeserver in a process of its own, with a clock fine enough to say when, to the microsecond, it took a message.
// `GET /_fake/named/NAME` is held until a message names NAME, and answers with that moment in `monotonicMs`.
import { openControl } from '../../test/fakes/matrix/control.ts';
import { createFakeHomeserver } from '../../test/fakes/matrix/homeserver.ts';
import { monotonicMs } from './clock.ts';

const NAMED = '/_fake/named/';
const { offsetMs } = JSON.parse(process.argv[2] ?? '{}') as { offsetMs: number };
const homeserver = await createFakeHomeserver({ now: () => monotonicMs() + offsetMs });
openControl(homeserver);

const waiting = new Map<string, (atMs: number) => void>();
const { control } = homeserver;
homeserver.control = (request, response, body) => {
  if (!request.url?.startsWith(NAMED)) return control?.(request, response, body);
  waiting.set(request.url.slice(NAMED.length), (atMs) => response.end(String(atMs)));
};
const { onAppend } = homeserver.store;
homeserver.store.onAppend = (room, event) => {
  onAppend?.(room, event);
  if (waiting.size === 0 || event.type !== 'm.room.message') return;
  for (const [name, tell] of waiting) {
    if (!String(event.content['body']).includes(name)) continue;
    waiting.delete(name);
    // After the answer to whoever sent it.
    setImmediate(tell, event.at - offsetMs);
  }
};
process.on('disconnect', () => process.exit(0));
process.send?.(homeserver.url);
