import type { WebhookCall } from '#skill';
import type { KnownAlert } from './alert.ts';
import type { Acceptance } from './episode.ts';
import type { Group, WantedGroup } from './groups.ts';
import { readNotification, type Notification } from './notification.ts';
import type { AlertOptions } from './options.ts';
import { wantedGroups, type RoutedReport } from './report-result.ts';
import { destinationsOf } from './route.ts';
import { senderKey } from './sender-state.ts';

/** A parsed notification and where its alerts are shown. */
export interface RoutedNotification extends WebhookCall<AlertOptions> {
  readonly accepted: Acceptance;
  readonly notification: Notification;
  readonly reports: readonly RoutedReport[];
  readonly groups: readonly WantedGroup[];
}

export function routeNotification({ context, request }: WebhookCall<AlertOptions>): RoutedNotification {
  const { route, sources } = context.options;
  // `check` rejects this; it only happens when the configuration changes between accepting and handling.
  if (!route) throw new Error('skills.alerts.route is missing: it says in which rooms alerts are shown');
  const notification = readNotification(request.body, sources[request.source]?.labels);
  const origin = { source: request.source, receiver: notification.receiver };
  const reports = notification.reports.map((report) => ({
    report,
    destinations: destinationsOf(route, report.labels, origin),
  }));
  const { externalUrl, receiver, groupKey } = notification;
  const accepted: Acceptance = {
    ...{ receivedAt: request.receivedAt, order: request.order },
    sender: senderKey(request.remoteAddress, externalUrl, receiver, groupKey),
  };
  return { context, request, accepted, notification, reports, groups: wantedGroups(context, notification, reports) };
}

/** The alerts and groups that a notification changes; no two notifications of a batch may share one. */
export function lockKeysOf({ reports, groups }: RoutedNotification): string[] {
  return [
    ...reports.map(({ report }) => `alert ${report.fingerprint}`),
    ...groups.map(({ keyHash }) => `group ${keyHash}`),
  ];
}

/**
 * Splits a batch into parts that are each written at once, in order. An alert may also be in a group of another receiver, and
 * counts there as soon as it is written, so it must not be written before earlier notifications of that group are shown.
 */
export function splitAtSharedGroups(
  batch: readonly RoutedNotification[],
  known: ReadonlyMap<string, KnownAlert>,
  groups: ReadonlyMap<string, Group>,
): RoutedNotification[][] {
  const parts: RoutedNotification[][] = [];
  let seen = new Set<number>();
  for (const routed of batch) {
    const groupIds = [
      ...routed.groups.flatMap(({ keyHash }) => groups.get(keyHash)?.id ?? []),
      ...routed.reports.flatMap(({ report }) =>
        (known.get(report.fingerprint)?.before?.places ?? []).flatMap(({ group }) => group ?? []),
      ),
    ];
    const last = parts.at(-1);
    if (last && !groupIds.some((id) => seen.has(id))) last.push(routed);
    else {
      parts.push([routed]);
      seen = new Set();
    }
    for (const id of groupIds) seen.add(id);
  }
  return parts;
}
