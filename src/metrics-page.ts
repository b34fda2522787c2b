import type { Metrics } from './metrics.ts';

/** A skill, as far as its gauges go; its histograms are in `Metrics` once they are declared. */
interface Gauged {
  readonly gauges?: Readonly<Record<string, { readonly help: string; readonly labels: readonly string[] }>>;
}

interface Row {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
  readonly help: string;
}

/** Every metric of the program as a page in Markdown, but for those of the process. `metrics` is made without these. */
export async function metricsPage({ registry }: Metrics, skills: Iterable<Gauged>): Promise<string> {
  const types = new Map((await registry.getMetricsAsJSON()).map(({ name, type }) => [name, String(type)]));
  const own = registry.getMetricsAsArray().map((metric): Row => {
    const { name, help, labelNames } = metric as unknown as { name: string; help: string; labelNames: string[] };
    return { name, type: types.get(name) ?? '', labels: labelNames, help };
  });
  const ofSkills = [...skills].flatMap(({ gauges = {} }) =>
    Object.entries(gauges).map(([name, { help, labels }]): Row => ({
      name,
      type: 'gauge',
      labels,
      help: `${help}; told by one replica`,
    })),
  );
  const rows = [...own, ...ofSkills].map(
    ({ name, type, labels, help }) =>
      `| \`${name}\` | ${type} | ${labels.map((one) => `\`${one}\``).join(', ')} | ${help}. |`,
  );
  return `${[
    '# Metrics',
    'Written by `node scripts/config-schema.ts` from the program. `/metrics` on the ops port exports these, and those of the process and of Node.js as every Node.js program has them (`process_…`, `nodejs_…`).',
    'Counters begin at 0 for all that is configured, at the start and after a reload, so the first failure is an increase. Labels come from closed lists: never a room, a person or an id. What one replica tells is read from the database by the one that holds the lease `housekeeping`: `max` finds it.',
    ['| metric | type | labels | meaning |', '|---|---|---|---|', ...rows].join('\n'),
  ].join('\n\n')}\n`;
}
