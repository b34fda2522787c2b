import { randomUUID } from 'node:crypto';

export interface SampleOptions {
  readonly name?: string;
  readonly severity?: string;
  readonly status?: 'firing' | 'resolved';
  /** Added to the sample's own labels; equal labels mean the same alert. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly summary?: string;
  readonly startsAt?: Date;
  readonly endsAt?: Date;
}

/** A webhook body of Alertmanager 0.25 or later with one alert. Without `labels.pod` every sample is a new alert. */
export function samplePayload(options: SampleOptions = {}): Record<string, unknown> {
  const { name = 'KubePodCrashLooping', severity = 'critical', status = 'firing', startsAt = new Date() } = options;
  const labels = {
    alertname: name,
    severity,
    namespace: 'payments',
    pod: `api-${randomUUID().slice(0, 4)}`,
    ...options.labels,
  };
  const annotations = {
    summary: options.summary ?? `${labels.pod} restarted 6 times in 10 min`,
    runbook_url: 'https://runbooks.prometheus-operator.dev/runbooks/kubernetes/kubepodcrashlooping',
  };
  const alert = {
    status,
    labels,
    annotations,
    startsAt: startsAt.toISOString(),
    endsAt: status === 'resolved' ? (options.endsAt ?? new Date()).toISOString() : '0001-01-01T00:00:00Z',
    generatorURL: 'https://prometheus.example.org/graph?g0.expr=kube_pod_container_status_restarts_total',
  };
  return {
    version: '4',
    groupKey: `{}:{alertname=${JSON.stringify(name)}}`,
    truncatedAlerts: 0,
    status,
    receiver: 'watchbell',
    groupLabels: { alertname: name },
    commonLabels: labels,
    commonAnnotations: annotations,
    externalURL: 'https://alertmanager.example.org',
    alerts: [alert],
  };
}
