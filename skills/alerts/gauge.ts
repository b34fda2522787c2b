import type { Gauge } from '#skill';

const STATES = ['firing', 'acked'] as const;
const SEVERITIES = ['critical', 'warning', 'info'] as const;

/** Open alerts; every series exists from the start, at 0. */
export const openAlerts: Gauge = {
  help: 'Open alerts, by state (acknowledged or not) and severity',
  labels: ['state', 'severity'],
  read: async (sql) => {
    const rows = await sql<{ state: string; severity: string; value: number }>(
      `select case when ack is null then 'firing' else 'acked' end as state, severity, count(*)::integer as value
       from alerts where phase = 'firing' group by 1, 2`,
    );
    return STATES.flatMap((state) =>
      SEVERITIES.map((severity) => ({
        labels: { state, severity },
        value: rows.find((row) => row.state === state && row.severity === severity)?.value ?? 0,
      })),
    );
  },
};
