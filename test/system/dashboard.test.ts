import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createMetrics, declareHistograms } from '../../src/metrics.ts';
import { loadSkills, BUILT_IN_SKILLS } from '../../src/skills/load.ts';

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly uid: string };
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  readonly targets?: readonly { readonly expr: string; readonly datasource: { readonly uid: string } }[];
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
}

const file = join(import.meta.dirname, '../../charts/watchbell/dashboards/watchbell.json');
const dashboard = JSON.parse(await readFile(file, 'utf8')) as {
  panels: Panel[];
  templating: { list: { name: string }[] };
};
const panels = dashboard.panels.filter((panel) => panel.type !== 'row');
const queries = panels.flatMap((panel) => (panel.targets ?? []).map(({ expr }) => ({ panel: panel.title, expr })));

/** Exported metrics: name → labels, including those that Prometheus adds. */
async function exported(): Promise<Map<string, readonly string[]>> {
  const metrics = createMetrics({ version: '1.0.0' });
  const { skills } = await loadSkills([BUILT_IN_SKILLS]);
  declareHistograms(
    metrics,
    skills.map(({ skill }) => skill),
  );
  const all = new Map<string, readonly string[]>();
  for (const one of metrics.registry.getMetricsAsArray()) {
    const { name, labelNames = [], type } = one as unknown as { name: string; labelNames?: string[]; type: string };
    all.set(name, labelNames);
    if (type === 'histogram' || 'bucketValues' in one) all.set(`${name}_bucket`, [...labelNames, 'le']);
  }
  for (const { skill } of skills)
    for (const [name, gauge] of Object.entries(skill.gauges ?? {})) all.set(name, gauge.labels);
  return all;
}

test('every metric in the queries of the dashboard is exported, with their labels', async () => {
  const known = await exported();
  expect(queries.length).toBeGreaterThan(25);
  for (const { panel, expr } of queries) {
    const names = [...expr.matchAll(/\b(?:watchbell|process|nodejs)_\w+/g)].map(([name]) => name);
    expect({ panel, names }).not.toEqual({ panel, names: [] });
    for (const name of names) expect({ panel, name, known: known.has(name) }).toEqual({ panel, name, known: true });
    const labels = [...(known.get(names[0] ?? '') ?? []), 'job', 'instance'];
    const selected = [...expr.matchAll(/(\w+)=~?"/g)].map(([, label]) => label);
    const grouped = [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(/,\s*/));
    for (const label of [...selected, ...grouped])
      expect({ panel, label, known: labels.includes(label ?? '') }).toEqual({ panel, label, known: true });
  }
});

test('the dashboard shows each of these', () => {
  const asked = queries.map(({ expr }) => expr).join('\n');
  for (const name of [
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
    'alerts',
    'countdown_length',
    'config_last_reload_successful',
  ])
    expect({ name, shown: new RegExp(`watchbell_${name}\\b|watchbell_${name}_bucket`).test(asked) }).toEqual({
      name,
      shown: true,
    });
  for (const title of ['Given', 'Invalid', 'Cancelled', 'Wrong', 'Lengths'])
    expect(panels.map((panel) => panel.title)).toContain(title);
});

test('each panel has a unique id and position, a unit, a description, and the selected data source', () => {
  expect(dashboard.templating.list.map(({ name }) => name)).toEqual(['datasource', 'job']);
  expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  const cells = new Set<string>();
  for (const { title, description, fieldConfig, datasource, targets = [], gridPos, type } of dashboard.panels) {
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        expect({ title, x, y, taken: cells.has(`${x} ${y}`) }).toEqual({ title, x, y, taken: false });
        cells.add(`${x} ${y}`);
      }
    expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    if (type === 'row') continue;
    expect({ title, unit: fieldConfig?.defaults.unit }).toEqual({ title, unit: expect.any(String) as unknown });
    expect({ title, description }).toEqual({ title, description: expect.stringMatching(/\.$|see `/) as unknown });
    for (const one of [{ datasource }, ...targets]) expect(one.datasource?.uid).toBe('${datasource}');
  }
});
