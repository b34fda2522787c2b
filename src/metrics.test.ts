import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { metricsPage } from './metrics-page.ts';
import { createMetrics, declareHistograms } from './metrics.ts';
import { BUILT_IN_SKILLS, loadSkills } from './skills/load.ts';

test('two programs in one process count separately, because nothing is registered globally', async () => {
  const one = createMetrics({ version: '1.0.0', ofProcess: false });
  const other = createMetrics({ version: '1.0.0', ofProcess: false });
  one.events.inc({ source: 'matrix', result: 'ok' });
  expect(await one.registry.metrics()).toContain('watchbell_events_total{source="matrix",result="ok"} 1');
  expect(await other.registry.metrics()).not.toContain('watchbell_events_total{');
});

test('every metric has its documented name', async () => {
  const text = await createMetrics({ version: '1.2.3' }).registry.metrics();
  for (const name of [
    'build_info{version="1.2.3"} 1',
    'events_total',
    'event_duration_seconds',
    'commands_total',
    'sends_total',
    'delivery_duration_seconds',
    'messages_pending',
    'messages_oldest_pending_seconds',
    'dead_letters',
    'connector_up',
    'connector_last_event_timestamp_seconds',
    'lease_held',
    'database_up',
    'timer_lateness_seconds',
    'webhook_requests_total',
    'webhook_last_received_timestamp_seconds',
    'config_last_reload_successful',
    'config_last_reload_success_timestamp_seconds',
  ])
    expect(text).toContain(`watchbell_${name}`);
  expect(text).toContain('process_resident_memory_bytes');
});

test('the metrics page is up to date: run `node scripts/config-schema.ts`', async () => {
  const skills = (await loadSkills([BUILT_IN_SKILLS])).skills.map(({ skill }) => skill);
  const metrics = createMetrics({ version: '', ofProcess: false });
  declareHistograms(metrics, skills);
  const page = await metricsPage(metrics, skills);
  expect(await readFile(resolve(import.meta.dirname, '../docs/reference/metrics.md'), 'utf8')).toBe(page);
  for (const name of ['watchbell_alerts', 'watchbell_countdown_length', 'watchbell_webhook_requests_total'])
    expect(page).toContain(`| \`${name}\` |`);
  expect(page).not.toContain('process_resident');
});
