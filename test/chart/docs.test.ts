import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parse } from 'yaml';
import { CHART, examples, render } from './render.ts';

const DOCS = resolve(import.meta.dirname, '../../docs');

test('the chart accepts all values shown in the installation pages', async () => {
  const names = ['installing.md', 'openshift.md', 'private-cas-and-proxies.md'];
  const page = (await Promise.all(names.map((name) => readFile(resolve(DOCS, name), 'utf8')))).join('\n');
  const blocks = [...page.matchAll(/^```yaml values\n(.*?)^```$/gms)].map(([, block = '']) => parse(block) as object);
  expect(blocks.length).toBeGreaterThanOrEqual(6);
  for (const values of blocks) expect((await render(values)).all('Deployment')).toHaveLength(1);
});

test('examples with a network policy let the enabled ingress or gateway in', async () => {
  const page = await readFile(resolve(DOCS, 'installing.md'), 'utf8');
  const files = await Promise.all((await examples()).map((example) => readFile(resolve(CHART, 'ci', example), 'utf8')));
  const shown = [...page.matchAll(/^```yaml values\n(.*?)^```$/gms)].map(([, block = '']) => block);
  const open = [...shown, ...files]
    .map((text) => parse(text) as Record<string, { enabled?: boolean; ingressFrom?: object[] } | undefined>)
    .filter(
      (values) => values['networkPolicy']?.enabled && (values['ingress']?.enabled || values['httpRoute']?.enabled),
    );
  expect(open.length).toBeGreaterThanOrEqual(2);
  for (const values of open)
    expect(JSON.stringify(values['networkPolicy']?.ingressFrom)).toMatch(
      /"kubernetes\.io\/metadata\.name":"(ingress|gateway)/,
    );
});

test('every alert has a runbook at its URL, and every runbook has an alert', async () => {
  const rendered = await render(
    { prometheusRule: { enabled: true }, backup: { enabled: true } },
    { example: 'production-values.yaml' },
  );
  const rules = rendered.one('PrometheusRule')['spec'].groups[0].rules as {
    alert: string;
    annotations: { runbook_url: string };
  }[];
  const page = await readFile(resolve(DOCS, 'runbooks.md'), 'utf8');
  const headings = [...page.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
  expect(new Set(headings)).toEqual(new Set(rules.map(({ alert }) => alert)));
  expect(headings).toHaveLength(rules.length);
  for (const { alert, annotations } of rules)
    expect(annotations.runbook_url).toMatch(new RegExp(`/runbooks\\.md#${alert.toLowerCase()}$`));
});

test('the comparison table has the right number of alerts', async () => {
  const page = await readFile(resolve(DOCS, 'runbooks.md'), 'utf8');
  expect(await readFile(resolve(DOCS, 'chart-compared.md'), 'utf8')).toContain(
    `${[...page.matchAll(/^## /gm)].length} alerts`,
  );
});
