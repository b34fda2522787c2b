import { bodyOf, OPTIONS } from './test-bot.ts';
import { readNotification } from './payload.ts';
import { evaluate } from './route.ts';
import { alertMessage } from './message.ts';
import { alertOptions } from './options.ts';
import { escape } from '#skill';
test('js', () => {
  const o = alertOptions.parse(OPTIONS);
  const body = bodyOf(Array.from({ length: 10_000 }, (_, i) => ({ pod: `p-${i}` })));
  for (let k = 0; k < 3; k++) {
    let t = performance.now(); const lap = (n: string) => { const x = performance.now(); out.push(`${n} ${Math.round(x - t)}`); t = x; };
    const out: string[] = [];
    const n = readNotification(body, { cluster: 'x' }); lap('read');
    const d = n.reports.map((r) => evaluate(o.route!, r.labels, { source: 'prod', receiver: 'r' })); lap('route');
    const now = new Date();
    const ms = n.reports.map((r, i) => alertMessage({ ...r, id: i, number: i, source: 'p', phase: 'firing', severity: 'critical', name: 'x', startedAt: r.startsAt!, weekCount: 1, ack: null, places: d[i] as any, receivers: [], endedAt: null } as any, { options: o.message, timeZone: 'UTC', now })); lap('render');
    JSON.stringify(ms); lap('json');
    console.log(out.join(' '));
  }
});
