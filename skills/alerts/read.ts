import type { WebhookCall } from '#skill';
import type { Accepted } from './advance.ts';
import type { Look } from './alert.ts';
import type { Group, WantedGroup } from './groups.ts';
import type { AlertOptions } from './options.ts';
import { wantedGroups, type Decided } from './outcome.ts';
import { readNotification, type Notification } from './payload.ts';
import { evaluate } from './route.ts';
import { senderOf } from './words.ts';

/** A notification as it was read, and where its alerts are shown. */
export interface Read extends WebhookCall<AlertOptions> {
  readonly accepted: Accepted;
  readonly notification: Notification;
  readonly decided: readonly Decided[];
  readonly groups: readonly WantedGroup[];
}

export function readRequest({ context, request }: WebhookCall<AlertOptions>): Read {
  const { route, sources } = context.options;
  // Refused by `check`; only a configuration that changed between accepting and handling comes here.
  if (!route) throw new Error('skills.alerts.route is missing, so nothing says where alerts are shown');
  const notification = readNotification(request.body, sources[request.source]?.labels);
  const origin = { source: request.source, receiver: notification.receiver };
  const decided = notification.reports.map((report) => ({
    report,
    destinations: evaluate(route, report.labels, origin),
  }));
  const { externalUrl, receiver, groupKey } = notification;
  const accepted: Accepted = {
    ...{ receivedAt: request.receivedAt, order: request.order },
    sender: senderOf(request.remoteAddress, externalUrl, receiver, groupKey),
  };
  return { context, request, accepted, notification, decided, groups: wantedGroups(context, notification, decided) };
}

/** What no two that are locked together may both speak of. */
export function aboutOf({ decided, groups }: Read): string[] {
  return [
    ...decided.map(({ report }) => `alert ${report.fingerprint}`),
    ...groups.map(({ keyHash }) => `group ${keyHash}`),
  ];
}

/**
 * Parts that can be written at once, in order. An alert may stand in a group of another receiver too: what is written of it
 * counts there, so it must not be written before what came earlier for that group is shown.
 */
export function withoutCommonGroup(
  reads: readonly Read[],
  looks: ReadonlyMap<string, Look>,
  groups: ReadonlyMap<string, Group>,
): Read[][] {
  const parts: Read[][] = [];
  let about = new Set<number>();
  for (const read of reads) {
    const its = [
      ...read.groups.flatMap(({ keyHash }) => groups.get(keyHash)?.id ?? []),
      ...read.decided.flatMap(({ report }) =>
        (looks.get(report.fingerprint)?.before?.places ?? []).flatMap(({ group }) => group ?? []),
      ),
    ];
    const last = parts.at(-1);
    if (last && !its.some((id) => about.has(id))) last.push(read);
    else {
      parts.push([read]);
      about = new Set();
    }
    for (const id of its) about.add(id);
  }
  return parts;
}
