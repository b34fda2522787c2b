import { formatMatcher, matchesAll } from './matchers.ts';
import type { Route } from './options.ts';

export interface Origin {
  readonly source: string;
  readonly receiver: string;
}

/** Where an alert is shown, under which policy; stored with the alert, so a changed configuration does not move it. */
export interface Destination {
  readonly rooms: readonly string[];
  readonly show: 'alert' | 'group';
  readonly policy: string | null;
  readonly schedule: string | null;
  /** The conditions of the routes that led here. */
  readonly path: string;
}

interface Inherited extends Destination {
  readonly drop: boolean;
}

/**
 * Walks the tree like Alertmanager: the first matching child, and further ones after a `continue`; a matching route without a
 * matching child is a destination. Empty: dropped by a route. Pure.
 */
export function destinationsOf(route: Route, labels: Readonly<Record<string, string>>, origin: Origin): Destination[] {
  const start: Inherited = { rooms: [], show: 'alert', policy: null, schedule: null, path: '', drop: false };
  return walk(route, start, labels, origin)
    .filter((one) => !one.drop)
    .map(({ rooms, show, policy, schedule, path }) => ({ rooms, show, policy, schedule, path }));
}

function walk(route: Route, parent: Inherited, labels: Readonly<Record<string, string>>, origin: Origin): Inherited[] {
  const here: Inherited = {
    rooms: route.rooms ?? parent.rooms,
    show: route.show ?? parent.show,
    policy: route.policy === undefined ? parent.policy : route.policy,
    schedule: route.schedule ?? parent.schedule,
    drop: route.drop ?? parent.drop,
    path: [parent.path, describeRoute(route)].filter((part) => part !== '').join(' › '),
  };
  const found: Inherited[] = [];
  for (const child of route.routes ?? []) {
    if (!matches(child, labels, origin)) continue;
    found.push(...walk(child, here, labels, origin));
    if (!child.continue) break;
  }
  return found.length > 0 ? found : [here];
}

function matches(route: Route, labels: Readonly<Record<string, string>>, origin: Origin): boolean {
  if (route.from?.source !== undefined && route.from.source !== origin.source) return false;
  if (route.from?.receiver !== undefined && route.from.receiver !== origin.receiver) return false;
  return matchesAll(route.matchers ?? [], labels);
}

/** A route's conditions in one line, sorted; empty for a route that matches everything. */
export function describeRoute(route: Route): string {
  const parts = (route.matchers ?? []).map(formatMatcher).sort();
  if (route.from?.source !== undefined) parts.push(`from ${route.from.source}`);
  if (route.from?.receiver !== undefined) parts.push(`receiver ${route.from.receiver}`);
  return parts.join(', ');
}

/** All rooms in the tree. */
export function roomsOf(route: Route | undefined): string[] {
  if (!route) return [];
  return [...new Set([...(route.rooms ?? []), ...(route.routes ?? []).flatMap(roomsOf)])];
}
