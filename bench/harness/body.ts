import { samplePayload } from '../../skills/alerts/sample.ts';

export interface Bodies {
  /** Letters; alert number n of the load is named `<prefix>n`, with leading zeros, so that no name contains another. */
  readonly prefix: string;
  readonly count: number;
  /** Number of Alertmanager groups for the alerts. */
  readonly groups: number;
}

export const alertName = (prefix: string, index: number): string => `${prefix}${String(index).padStart(6, '0')}`;

/** Bodies as posted by Alertmanager, 1.6 kB each: each with one distinct alert, as from a failing cluster. */
export function makeBodies({ prefix, count, groups }: Bodies): string[] {
  return Array.from({ length: count }, (_, index) => {
    const name = alertName(prefix, index);
    const group = { namespace: `team-${index % groups}` };
    const labels = {
      ...group,
      cluster: 'prod-eu',
      container: 'api',
      endpoint: 'http-metrics',
      instance: `10.42.${index % 250}.17:8080`,
      job: 'kube-state-metrics',
      pod: `api-7d4b9c6f5-${index.toString(36).padStart(5, 'x')}`,
      prometheus: 'monitoring/kube-prometheus-stack-prometheus',
      service: 'kube-prometheus-stack-kube-state-metrics',
      uid: `f3b1c2d4-${index.toString(16).padStart(8, '0')}`,
    };
    const sample = samplePayload({ name, severity: 'warning', labels });
    return JSON.stringify({ ...sample, groupKey: `{}/{}:{namespace="${group.namespace}"}`, groupLabels: group });
  });
}
