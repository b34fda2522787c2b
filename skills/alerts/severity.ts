import type { MessageOptions } from './options.ts';
import { valueOf } from './text.ts';

export type Severity = 'critical' | 'warning' | 'info';

/** A missing or unknown severity is a warning, so that it is neither overlooked nor wakes anyone by mistake. */
export function severityOf(labels: Readonly<Record<string, string>>, options: MessageOptions['severity']): Severity {
  const value = (valueOf(labels, options.label) ?? '').toLowerCase();
  const named = (list: readonly string[]): boolean => list.some((one) => one.toLowerCase() === value);
  if (named(options.critical)) return 'critical';
  if (named(options.warning)) return 'warning';
  return named(options.info) ? 'info' : 'warning';
}

const RANK: Readonly<Record<Severity, number>> = { info: 0, warning: 1, critical: 2 };

export function isWorse(now: Severity, before: Severity): boolean {
  return RANK[now] > RANK[before];
}

export const SEVERITY_ICON: Readonly<Record<Severity, string>> = { critical: '🔴', warning: '🟡', info: '🔵' };
