import type { Metrics } from '../metrics.ts';
import { webhookSources, type Registry } from './registry.ts';

/** Values of `source` besides the names of connectors. */
const EVENT_SOURCES = ['webhook', 'timer', 'task', 'cron', 'service', 'emit', 'fate', 'cli', 'api'];
const EVENT_RESULTS = ['ok', 'failed'];
/** Further results of events from people. */
const SAID_RESULTS = ['ignored', 'invalid', 'denied', 'cancelled', 'wrong'];
const WEBHOOK_CODES = ['200', '400', '401', '413', '415', '499', '503'];
/** Codes for unknown addresses. */
const OTHER_CODES = ['404', '405', '503'];
const COMMAND_RESULTS = ['ok', 'invalid', 'denied', 'failed', 'cancelled', 'wrong'];
const SEND_RESULTS = ['ok', 'rate_limited', 'gone', 'rejected', 'unauthorised', 'unreachable', 'unknown'];

/**
 * Starts the counters of everything that is configured at 0: Prometheus sees no increase in a series that starts at 1, so the
 * first failure would not alert. Existing counters are not changed.
 */
export function initSeries({ events, webhookRequests, commands, sends }: Metrics, registry: Registry): void {
  for (const source of [...EVENT_SOURCES, ...registry.connectors])
    for (const result of EVENT_RESULTS) events.inc({ source, result }, 0);
  for (const source of registry.connectors) for (const result of SAID_RESULTS) events.inc({ source, result }, 0);
  for (const source of webhookSources(registry))
    for (const code of WEBHOOK_CODES) webhookRequests.inc({ source, code }, 0);
  for (const code of OTHER_CODES) webhookRequests.inc({ source: 'other', code }, 0);
  for (const { skill, name: command } of registry.commands.all)
    for (const result of COMMAND_RESULTS) commands.inc({ skill, command, result }, 0);
  commands.inc({ skill: 'core', command: 'other', result: 'invalid' }, 0);
  for (const connector of registry.connectors) for (const result of SEND_RESULTS) sends.inc({ connector, result }, 0);
}
